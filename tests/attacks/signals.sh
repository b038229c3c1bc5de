# shellcheck shell=bash disable=SC2016
# Every signal there is, at many moments of the set-up. A weaker runtime leaves mounts, loop devices and processes behind,
# or goes on with half a container.

setup_file() {
    slurm_up required
    SIGNALS=({1..31} {34..64})
}
teardown_file() { slurm_down; }

# signalled NUMBER DELAY COMMAND…: the signal reaches the command after the delay. One that stops it is taken back.
signalled() {
    local number=$1 delay=$2 pid status=0
    shift 2
    : >"$TEST_TMP/out"
    (cd / && exec "$@") >"$TEST_TMP/out" 2>/dev/null &
    pid=$!
    sleep "$delay"
    kill -"$number" "$pid" 2>/dev/null || true
    sleep 0.01
    kill -CONT "$pid" 2>/dev/null || true
    timeout 20 tail --pid="$pid" -s 0.01 -f /dev/null || fail "signal $number after $delay s: still running"
    wait "$pid" 2>/dev/null || status=$?
    case $(<"$TEST_TMP/out") in
        'NAME="Berth demo"') RAN=$((RAN + 1)) ;;
        '') ENDED=$((ENDED + 1)); check test "$status" -ne 0 ;;
        *) fail "signal $number after $delay s: $(<"$TEST_TMP/out")" ;;
    esac
}

# all_signals ROUNDS COMMAND…
all_signals() {
    local number round rounds=$1
    shift
    RAN=0 ENDED=0
    for number in "${SIGNALS[@]}"; do
        for ((round = 0; round < rounds; ++round)); do
            signalled "$number" "0.0$(printf '%02d' $((RANDOM % 35)))" "$@" grep ^NAME= /etc/os-release
        done
    done
    printf '%s ran, %s ended early\n' "$RAN" "$ENDED"
    ((RAN > 0 && ENDED > 0)) || fail "$RAN ran and $ENDED ended early: the attack shows nothing"
    check_clean
}

test_berth_exec_with_the_image_server() { all_signals 2 "$BERTH_PREFIX/bin/berth" exec "$DEMO"; }
test_berth_exec_with_the_kernels_mount() { need_loop; all_signals 1 "$BERTH_PREFIX/bin/berth" exec "$ROOT_DEMO"; }
test_berth_exec_with_a_folder() { all_signals 1 "$BERTH_PREFIX/bin/berth" exec "$FIXTURES/demo"; }

test_berth_exec_without_privilege() {
    as_user unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
    all_signals 1 setpriv --reuid="$TEST_UID" --regid="$TEST_GID" --init-groups env HOME="$TEST_HOME" "$BERTH_PREFIX/bin/berth" exec "$FIXTURES/demo"
}

# Slurm's way: all the processes of the step that there are at that moment.
test_scancel_while_a_step_starts() {
    local number
    for number in 1 2 3 6 9 10 12 13 14 15 17 18 20 23 24 28; do
        as_user timeout 40 srun --quiet -n2 --container="$DEMO" grep ^NAME= /etc/os-release >"$TEST_TMP/out" 2>/dev/null &
        sleep "0.$(printf '%03d' $((20 + RANDOM % 180)))"
        as_user scancel --user="$TEST_USER" --full --signal="$number" 2>/dev/null || true
        sleep 0.05
        as_user scancel --user="$TEST_USER" --full --signal=18 2>/dev/null || true
        wait $! || true
        check_equal "" "$(grep -vx 'NAME="Berth demo"' "$TEST_TMP/out" || true)" "signal $number"
    done
    as_user scancel --user="$TEST_USER" 2>/dev/null || true
    check_clean
    in_image "Berth demo" step "$DEMO"
}
