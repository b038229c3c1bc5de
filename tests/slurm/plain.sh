# shellcheck shell=bash
# shellcheck disable=SC2016
# The plugin is loaded and nobody asks for a container: everything is as without it.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

test_one_task() { check_output "$TEST_UID" as_user srun id -u; }

test_64_tasks_run_at_once() {
    capture as_user srun -n64 sh -c 'echo $SLURM_PROCID'
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_equal "$(seq 0 63)" "$(sort -n <<<"$CAPTURED_OUT")"
}

test_groups_are_those_of_the_user() { check_match "$TEST_GROUP_GID" "$(as_user srun id -G)"; }

test_exit_status() { check_status 7 as_user srun sh -c 'exit 7'; }

test_step_sees_the_host() { check_output "$(readlink /proc/self/ns/mnt)" as_user srun readlink /proc/self/ns/mnt; }

test_batch_script() {
    batch_script "$TEST_HOME/plain.sbatch" 'id -u' 'srun -Q id -u'
    batch_job --output=plain.out plain.sbatch
    check_equal 0 "$JOB_STATUS"
    check_equal "$TEST_UID"$'\n'"$TEST_UID" "$(cat "$TEST_HOME/plain.out")"
}

test_allocation() { check_output "$TEST_UID" as_user salloc --quiet -n1 srun id -u; }
