# shellcheck shell=bash disable=SC2016
# A weaker runtime takes a failed call for a success, or leaves what it had made. The user runs out of processes,
# descriptors, memory or his own folder while steps start: the step fails, on its own.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# ran_inside_or_not COMMAND…: never a line that a shell on the host would print.
ran_inside_or_not() {
    capture as_user timeout 60 "$@"
    check_no_match Debian "$CAPTURED_OUT"
    check test "$CAPTURED_STATUS" -ne 124
}

test_limits_that_slurm_hands_on() {
    local limit
    for limit in '-u 1' '-u 0' '-n 3' '-n 10' '-v 1000' '-v 20000' '-f 0' '-s 8' '-l 0' '-i 0' '-c 0'; do
        batch_script "$TEST_HOME/limited.sh" "ulimit -S $limit 2>/dev/null" "exec srun --quiet --propagate=ALL --container=$DEMO cat /etc/os-release"
        ran_inside_or_not salloc --quiet -n1 ./limited.sh
    done
    check_clean
}

test_a_working_directory_that_is_gone_or_shut() {
    as_user mkdir -p gone shut/inner
    ran_inside_or_not sh -c "cd gone && rmdir ../gone && exec srun --quiet --container=$DEMO cat /etc/os-release"
    ran_inside_or_not sh -c "cd shut/inner && chmod 000 .. && exec srun --quiet --container=$DEMO cat /etc/os-release"
    chmod 0755 "$TEST_HOME/shut"
    ran_inside_or_not sh -c "mkdir 'line
feed' && cd 'line
feed' && exec srun --quiet --container=$DEMO cat /etc/os-release"
    check_clean
}

test_the_step_runs_out_of_memory() {
    capture as_user timeout 60 srun --mem=32M --container="$DEMO" sh -c 'x=x; while :; do x=$x$x$x$x; done'
    check test "$CAPTURED_STATUS" -ne 0
    check test "$CAPTURED_STATUS" -ne 124
    check_clean
}

# Our own processes are killed at random moments, with slurmstepd; crash.sh takes them one by one.
test_a_storm_of_kills() {
    local round pid
    for ((round = 0; round < 12; ++round)); do
        (as_user timeout 10 srun --quiet -n2 --container="$DEMO" sleep 0.3 >/dev/null 2>&1 || true) &
        sleep "0.$(printf '%03d' $((RANDOM % 400)))"
        case $((round % 3)) in
            0) for pid in $(servers); do kill -KILL "$pid" 2>/dev/null || true; done ;;
            1) for pid in $(cluster_step_daemons "$CLUSTER"); do kill -KILL "$pid" 2>/dev/null || true; done ;;
            2) for pid in $(pgrep -U "$TEST_UID" -x berth-step || true); do kill -KILL "$pid" 2>/dev/null || true; done ;;
        esac
        wait $! || true
        as_user scancel --user="$TEST_USER" 2>/dev/null || true
    done
    cluster_wait_idle || fail "the node is $(sinfo --noheader --format='%T (%E)')"
    until_true 20 no_servers || fail "image servers outlive their steps"
    check_equal "" "$(leaks_new_since "$LEAKS_BEFORE" | grep -vE '^(cgroup|file) ' || true)" "what is left"
    in_image "Berth demo" step "$DEMO"
}
