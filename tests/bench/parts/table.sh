# shellcheck shell=bash
# Lists of commands to compare, running them with timer, and the tables. Sourced by run.
#
#   commands_begin                    an empty list
#   command_add NAME COMMAND…         adds one, if it works; otherwise says why not. COMMANDS_AS runs it (as_user)
#   command_list NAME COMMAND…        adds one untried
#   commands_run BASE [TIMER_OPTION…] runs them by turns and prints the table, with ratios to BASE

commands_begin() {
    BENCH_COMMANDS=$BENCH_ROOT/commands
    : >"$BENCH_COMMANDS"
}

command_add() {
    local name=$1 why
    shift
    if why=$(${COMMANDS_AS:-} "$@" 2>&1 >/dev/null </dev/null); then
        command_list "$name" "$@"
    else
        say "  not measured: $name: $(tail -n 1 <<<"${why:-it failed and says nothing}")"
    fi
}

# command_list NAME COMMAND…: adds it untried.
command_list() { (IFS=$'\t'; printf '%s\n' "$*") >>"$BENCH_COMMANDS"; }

# The program is asked for first, so that a peer that is not installed is called that.
peer_add() {
    if command -v "$2" >/dev/null; then command_add "$@"; else say "  not measured: $1: $2 is not installed"; fi
}

# commands_run BASE [TIMER_OPTION…]; TABLE holds more of table.awk's variables.
commands_run() {
    local base=$1 samples=$BENCH_ROOT/samples status=0
    shift
    [[ -s $BENCH_COMMANDS ]] || return 0
    # In the background: bash answers an interrupt only between two commands, and this one may take minutes.
    ${COMMANDS_AS:-} "$BENCH_ROOT/timer" "$@" <"$BENCH_COMMANDS" >"$samples" 2>>"$BENCH_ROOT/stderr" &
    BENCH_TIMER=$!
    wait "$BENCH_TIMER" || status=$?
    BENCH_TIMER=''
    ((status == 0)) || warn "timer ended with status $status: $(tail -n 1 "$BENCH_ROOT/stderr")"
    commands_table "$base" "$BENCH_COMMANDS" "$samples"
}

# commands_table BASE COMMANDS SAMPLES
commands_table() {
    # shellcheck disable=SC2086
    awk -v base="$1" ${TABLE:-} -f "$BENCH/parts/table.awk" "$2" "$3"
}

# rounds DEFAULT SHORT: how many.
rounds() {
    if [[ -n $ROUNDS ]]; then say "$ROUNDS"; elif [[ -n $SHORT ]]; then say "$2"; else say "$1"; fi
}
