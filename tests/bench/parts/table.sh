# shellcheck shell=bash
# Lists of commands to compare, running them with timer, and the tables. Sourced by run.
#
#   commands_begin                    an empty list
#   command_add NAME COMMAND…         adds one, if it works; otherwise says why not. COMMANDS_AS runs it (as_user)
#   commands_run BASE [TIMER_OPTION…] runs them by turns and prints the table; ratios are to BASE

commands_begin() {
    BENCH_COMMANDS=$BENCH_ROOT/commands
    : >"$BENCH_COMMANDS"
}

command_add() {
    local name=$1 why
    shift
    if why=$(${COMMANDS_AS:-} "$@" 2>&1 >/dev/null </dev/null); then
        (IFS=$'\t'; printf '%s\t%s\n' "$name" "$*") >>"$BENCH_COMMANDS"
    else
        say "  not measured: $name: $(tail -n 1 <<<"${why:-it failed and says nothing}")"
    fi
}

# The program is asked for first, so that a peer that is not installed is called that.
peer_add() {
    if command -v "$2" >/dev/null; then command_add "$@"; else say "  not measured: $1: $2 is not installed"; fi
}

# commands_samples [TIMER_OPTION…]: the runs, as timer prints them.
commands_samples() {
    ${COMMANDS_AS:-} "$BENCH_ROOT/timer" "$@" <"$BENCH_COMMANDS" 2>>"$BENCH_ROOT/stderr"
}

commands_run() {
    local base=$1
    shift
    commands_samples "$@" | awk -v base="$base" -v memory=1 -f "$BENCH/parts/table.awk"
}

# rounds DEFAULT SHORT: how many.
rounds() {
    if [[ -n $ROUNDS ]]; then say "$ROUNDS"; elif [[ -n $SHORT ]]; then say "$2"; else say "$1"; fi
}
