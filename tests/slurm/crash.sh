# shellcheck shell=bash
# Kill -9 of each of our processes, of srun and of slurmstepd, and Slurm's own ways to end a step: the node stays idle,
# and nothing is left.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

test_scancel() {
    in_background srun -n4 --container="$DEMO" sleep 100 2>/dev/null
    until_true 10 server_runs
    sleep "$(patient 0.3)"
    check as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}

test_scancel_at_once() {
    local delay
    for delay in 0.00 0.02 0.04 0.06 0.08 0.10; do
        in_background srun -n4 --container="$DEMO" sleep 100 2>/dev/null
        sleep "$(patient "$delay")"
        until_true 5 job_exists
        as_user scancel --user="$TEST_USER"
        wait $! || true
    done
    check_clean
}

test_scancel_with_the_kernels_mount() {
    need_loop
    in_background srun -n4 --container="$ROOT_DEMO" sleep 100 2>/dev/null
    until_true 10 step_runs
    sleep "$(patient 0.5)"
    as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}

# What the step has not read yet, it cannot read any more: it fails, and ends.
test_the_server_is_killed() {
    local status=0
    in_background srun --container="$DEMO" sh -c "sleep $(patient 1); cat /bin/probe >/dev/null" 2>/dev/null
    until_true 10 server_runs
    sleep "$(patient 0.5)"
    kill -KILL "$(servers | head -n 1)"
    wait $! || status=$?
    check test "$status" -ne 0
    check_clean
}

# kill_ours_after DELAY IMAGE: starts a step, waits, and kills whatever of ours is alive then.
kill_ours_after() {
    local pid
    in_background srun -n2 --container="$2" sleep 1 >/dev/null 2>&1
    sleep "$(patient "$1")"
    for pid in $(ours); do kill -KILL "$pid" 2>/dev/null || true; done
    wait $! || true
}

test_our_processes_are_killed_at_many_moments() {
    local i
    for ((i = 0; i < 25; ++i)); do kill_ours_after "0.$(printf '%03d' $((i * 8)))" "$DEMO"; done
    check_clean
    in_image "Berth demo" step "$DEMO"
}

test_our_processes_are_killed_with_the_kernels_mount() {
    local i
    need_loop
    for ((i = 0; i < 15; ++i)); do kill_ours_after "0.$(printf '%03d' $((i * 12)))" "$ROOT_DEMO"; done
    check_clean
}

test_srun_is_killed() {
    local pid
    in_background srun -n2 --container="$DEMO" sleep 100 2>/dev/null
    until_true 10 server_runs
    for pid in $(pgrep -U "$TEST_UID" -x srun); do kill -KILL "$pid"; done
    wait $! || true
    as_user scancel --user="$TEST_USER" 2>/dev/null || true
    check_clean
}

# srun would wait for such a step for long; the tasks lose their parent. What is ours must go all the same.
test_slurmstepd_is_killed() {
    local pid srun
    in_background srun -n2 --container="$DEMO" sleep "$(patient 2)" 2>/dev/null
    srun=$!
    until_true 10 server_runs
    sleep "$(patient 0.3)"
    for pid in $(cluster_step_daemons "$CLUSTER"); do kill -KILL "$pid"; done
    as_user scancel --user="$TEST_USER" 2>/dev/null || true
    end_process "$srun"
    wait "$srun" 2>/dev/null || true
    until_true 20 no_servers || fail "the image's server outlives its step"
    # Slurm itself leaves a step's cgroup and socket behind after such a death; processes and mounts nobody may leave.
    check_equal "" "$(leaks_new_since "$LEAKS_BEFORE" | grep -vE '^(cgroup|file) ' || true)"
}
