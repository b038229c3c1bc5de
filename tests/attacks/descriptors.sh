# shellcheck shell=bash disable=SC2016
# PMI_FD names a descriptor that a task may keep. A weaker runtime believes the variable, which is the user's to set, and
# hands over what slurmstepd has open as root: its log, its listening socket, its pipes, the mount namespace.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

test_a_descriptor_of_slurmstepd_cannot_be_asked_for() {
    local script=$TEST_HOME/descriptors.sh
    batch_script "$script" 'for fd in $(seq 3 40); do' \
        "    PMI_FD=\$fd srun --quiet --mpi=none -n1 --container=$DEMO probe descriptors" 'done'
    check_output "" as_user salloc --quiet -n1 "$script"
    check_clean
}

test_the_nodes_log_cannot_be_written() {
    local log=$CLUSTER/private/log/slurmd.log
    as_user env PMI_FD=3 srun --quiet --mpi=none --container="$DEMO" sh -c 'echo forged-line >&3' 2>/dev/null || true
    check_equal "" "$(grep -x forged-line "$log" || true)" "lines of the user's in slurmd.log"
    check_clean
}

test_a_value_that_is_no_descriptor() {
    local value
    for value in 0 1 2 9999 99999999 -1 x ' 3' 3x; do
        check_output "" as_user env PMI_FD="$value" srun --quiet --mpi=none --container="$DEMO" probe descriptors
    done
    check_clean
}

# What PMI needs stays: Slurm's own library of it gives each task its socket.
test_pmi2_still_has_its_descriptor() {
    srun --mpi=list 2>&1 | grep -qw pmi2 || skip "this Slurm has no pmi2"
    check_match '^descriptor [0-9]+: socket:' "$(as_user srun --quiet --mpi=pmi2 --container="$DEMO" probe descriptors)"
}
