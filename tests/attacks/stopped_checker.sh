# shellcheck shell=bash
# berth-verify reads a signature that the user made, and starts gpg on it. A crafted one may own it, or stop it: root plays
# that part here. A weaker runtime checks as root or as the user, with all that these can do, and waits without end.

setup_file() {
    signing_up
    slurm_up required
    configure_release 'require signature' yes
    meddle_built
    signed_image "$TEST_HOME/signed.sif"
}
teardown_file() {
    slurm_down
    signing_down
    rm -f "$MEDDLE"
}

# stop_a_checker: stops the first berth-verify that it finds, and writes its process id into the file "stopped".
stop_a_checker() {
    rm -f "$TEST_TMP"/{hunting,stopped}
    as_user touch "$TEST_HOME/signed.sif"  # what was checked before is not checked again
    (cd "$TEST_TMP" && exec timeout "$(patient 30)" python3 -c '
import os, signal
open("hunting", "w").close()
while True:
    last = int(open("/proc/loadavg").read().split()[-1])  # the newest process
    for pid in range(last, last - 12, -1):
        try:
            if " (berth-verify) Z " not in (stat := open(f"/proc/{pid}/stat").read()) and " (berth-verify) " in stat:
                os.kill(pid, signal.SIGSTOP)
                with open("found", "w") as file: file.write(str(pid))
                os.rename("found", "stopped")
                raise SystemExit
        except OSError:
            pass
') &
    HUNTER=$!
    until_true 10 test -e "$TEST_TMP/hunting"
}

value_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$CHECKER/status" | tr '\t' ' '; }

test_what_it_can_do() {
    local field step namespace
    stop_a_checker
    as_user srun --quiet --container="$TEST_HOME/signed.sif" grep ^NAME= /etc/os-release >"$TEST_TMP/out" &
    step=$!
    until_true 20 test -e "$TEST_TMP/stopped" || fail "no berth-verify was found"
    end_process "$HUNTER" 1
    CHECKER=$(<"$TEST_TMP/stopped")
    check_output "" as_user "$MEDDLE" "$CHECKER"
    field=$TEST_SERVER_UID
    check_equal "$field $field $field $field" "$(value_of Uid)" "its user ids"
    check_equal "" "$(value_of Groups | tr -d ' ')" "its groups"
    for field in CapInh CapPrm CapEff CapAmb; do check_equal 0000000000000000 "$(value_of "$field")" "$field"; done
    check_equal 1 "$(value_of NoNewPrivs)" "no_new_privs"
    check_equal 2 "$(value_of Seccomp)" "a seccomp filter"
    for namespace in mnt net pid; do check test "$(readlink "/proc/$CHECKER/ns/$namespace")" != "$(readlink "/proc/self/ns/$namespace")"; done
    for field in 'cpu time' 'file size' 'address space' 'stack size' 'core file size'; do
        check grep -qE "^Max $field +[0-9]+ +[0-9]+ " "/proc/$CHECKER/limits"
    done
    kill -CONT "$CHECKER"
    wait "$step" || fail "the step failed"
    check_equal 'NAME="Berth demo"' "$(<"$TEST_TMP/out")"
    check_clean
}

test_one_that_never_answers() {
    local begin tries
    for tries in 1 2 3 4 5 6 7 8; do  # one may be too quick for the hunter, or have answered already
        stop_a_checker
        begin=$SECONDS
        capture as_user srun --quiet --container="$TEST_HOME/signed.sif" echo ran
        end_process "$HUNTER" 1
        [[ $CAPTURED_STATUS -eq 0 ]] || break
        check_equal ran "$CAPTURED_OUT"
    done
    check_equal "255 " "$CAPTURED_STATUS $CAPTURED_OUT" "try $tries"
    check_match 'berth: error: .*could not be checked in time' "$CAPTURED_ERR"
    check test $((SECONDS - begin)) -lt 60
    until_true 20 no_checkers || fail "a checker was left behind"
    check_clean
}
no_checkers() { ! pgrep -x berth-verify >/dev/null; }
