# shellcheck shell=bash
# While a step is prepared, a process opens the user's image as he, and a crafted one may end or stop it: root plays that
# part here. A weaker runtime waits for it without end, or believes what is left of it.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# signal_readers SIGNAL: for as long as the file "hunt" exists, root sends it to whatever of ours has the user's id for files.
# The file "hit" tells that it found one.
signal_readers() {
    : >"$TEST_TMP/hunt"
    rm -f "$TEST_TMP/hit"
    (cd "$TEST_TMP" && exec python3 -c '
import os, signal, sys
while os.path.exists("hunt"):
    last = int(open("/proc/loadavg").read().split()[-1])  # the newest process
    for pid in range(last, last - 12, -1):
        try:
            status = open(f"/proc/{pid}/status").read()
            if "Name:\tberth-step\n" in status and status.partition("\nUid:")[2].split()[3] == sys.argv[2]:
                os.kill(pid, getattr(signal, "SIG" + sys.argv[1]))
                open("hit", "w")
        except (OSError, IndexError):
            pass
' "$1" "$TEST_UID") 2>/dev/null &
    HUNTER=$!
}
end_hunt() {
    rm -f "$TEST_TMP/hunt"
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
        [[ ! -e $TEST_TMP/hit ]] || break
    done
    end_hunt
    [[ -e $TEST_TMP/hit ]] || skip "the reader was too quick to be stopped"
    check test $((SECONDS - begin)) -lt 75
    check_clean
    in_image "Berth demo" step "$DEMO"
}
