# shellcheck shell=bash
# While a step is prepared, a process with the user's id opens his image. He may signal it. A weaker runtime waits for it
# without end, or believes what is left of it.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# signal_readers SIGNAL: for as long as the file "hunt" exists, sends it to whatever of ours runs as the user. The file
# "hit" tells that it found one.
signal_readers() {
    : >"$TEST_HOME/hunt"
    chown "$TEST_USER:" "$TEST_HOME/hunt"
    rm -f "$TEST_HOME/hit"
    in_background python3 -c '
import os, signal, sys
while os.path.exists("hunt"):
    for pid in sorted((int(p) for p in os.listdir("/proc") if p.isdigit()), reverse=True)[:12]:
        try:
            if open(f"/proc/{pid}/comm").read() == "berth-step\n":
                os.kill(pid, getattr(signal, "SIG" + sys.argv[1]))
                open("hit", "w")
        except OSError:
            pass
' "$1" 2>/dev/null
    HUNTER=$!
}
end_hunt() {
    rm -f "$TEST_HOME/hunt"
    wait "$HUNTER" 2>/dev/null || true
}

# ends_somehow COMMAND…: with the container, or with 255 and our message; never a third way.
ends_somehow() {
    capture "$@"
    [[ $CAPTURED_STATUS -eq 0 && $CAPTURED_OUT == 'NAME="Berth demo"' ]] || {
        check_equal 255 "$CAPTURED_STATUS" "status; stdout: $CAPTURED_OUT; stderr: $CAPTURED_ERR"
        check_equal "" "$CAPTURED_OUT"
    }
}

test_the_reader_is_killed() {
    local i
    signal_readers KILL
    for ((i = 0; i < 20; ++i)); do ends_somehow step "$DEMO" grep ^NAME= /etc/os-release; done
    end_hunt
    check_clean
}

test_the_reader_is_stopped() {
    local begin=$SECONDS i
    signal_readers STOP
    for ((i = 0; i < 20; ++i)); do
        ends_somehow step "$DEMO" grep ^NAME= /etc/os-release
        [[ ! -e $TEST_HOME/hit ]] || break
    done
    end_hunt
    [[ -e $TEST_HOME/hit ]] || skip "the reader was too quick to be stopped"
    check test $((SECONDS - begin)) -lt 75
    check_clean
    in_image "Berth demo" step "$DEMO"
}

test_the_reader_cannot_be_traced_or_read() {
    # shellcheck disable=SC2016
    in_background sh -c 'while [ -e try ]; do for p in $(pgrep -U "$(id -u)" -x berth-step); do
        cat "/proc/$p/environ" "/proc/$p/maps" >/dev/null && echo read >>found; ls "/proc/$p/fd/" >/dev/null && echo fds >>found; done; done' 2>/dev/null
    local hunter=$! i
    : >"$TEST_HOME/try"
    chown "$TEST_USER:" "$TEST_HOME/try"
    for ((i = 0; i < 10; ++i)); do step "$DEMO" true; done
    rm -f "$TEST_HOME/try"
    wait "$hunter" || true
    check test ! -e "$TEST_HOME/found"
    check_clean
}
