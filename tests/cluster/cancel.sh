# shellcheck shell=bash
# scancel and the time limit while 64 tasks run on two nodes: both end at once, and nothing is left on any.

setup_file() { nodes_up; }
teardown_file() { nodes_down; }

# sixty_four ARGUMENT…: a step in the background whose 64 tasks run; its srun is SRUN.
sixty_four() {
    in_background srun "${TWO_NODES[@]}" "$@" sleep 1000 2>/dev/null
    SRUN=$!
    until_true 30 tasks_run 64 || fail "$(pgrep -c -U "$TEST_UID" -x sleep) tasks run"
}

test_scancel() {
    local image
    for image in "$DEMO" "$ROOT_DEMO"; do
        sixty_four --container="$image"
        check as_user scancel --user="$TEST_USER"
        wait "$SRUN" || true
        check_clean
    done
}

# A program that ignores SIGTERM is killed after KillWait.
test_scancel_of_tasks_that_ignore_it() {
    in_background srun "${TWO_NODES[@]}" --container="$DEMO" sh -c 'trap "" TERM; while :; do sleep 1000; done' 2>/dev/null
    until_true 30 tasks_run 64
    check as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}

test_scancel_while_the_containers_are_made() {
    local delay
    for delay in 0.00 0.03 0.06 0.09 0.12 0.15 0.20; do
        in_background srun "${TWO_NODES[@]}" --container="$DEMO" sleep 1000 2>/dev/null
        sleep "$delay"
        until_true 5 job_exists
        as_user scancel --user="$TEST_USER"
        wait $! || true
    done
    check_clean
}

test_scancel_of_one_step_of_two() {
    local id
    in_background salloc --quiet -N2 --ntasks-per-node=32 sh -c "
        srun -Q --overlap --container=$DEMO sleep 1000 2>/dev/null & srun -Q --overlap -N2 -n2 --container=$OTHER sleep 1000; wait"
    SRUN=$!
    until_true 30 tasks_run 66 || fail "$(pgrep -c -U "$TEST_UID" -x sleep) tasks run"
    id=$(squeue --noheader --format=%A)
    check as_user scancel "$id.0"
    until_true 20 servers_are 2 || fail "servers: $(servers)"
    check as_user scancel "$id"
    wait "$SRUN" || true
    check_clean
}

servers_are() { [[ $(servers | wc -l) -eq $1 ]]; }

# A limit counts in minutes; its end is moved near. The controller looks every 30 s.
test_the_time_limit() {
    sixty_four --time=1 --container="$DEMO"
    check scontrol update JobId="$(squeue --noheader --format=%A)" EndTime=now+1
    until_true 60 gone "$SRUN" || fail "the job outlives its time limit: $(squeue --noheader)"
    wait "$SRUN" || true
    check_clean
}
