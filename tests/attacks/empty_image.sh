# shellcheck shell=bash
# --container="$IMAGE" with a variable that is not set. A weaker runtime takes the empty word for "no container" and runs
# the step on the host. Likewise where Slurm has kinds of steps that a plugin may overlook: salloc's interactive step.

setup_file() {
    # Slurm's own, but for --pty: the test has no terminal.
    CLUSTER_EXTRA=$'LaunchParameters=use_interactive_step\nInteractiveStepOptions="--interactive --preserve-env sh"' \
        slurm_up required
}
teardown_file() { slurm_down; }

# refused_as_empty COMMAND…
refused_as_empty() {
    capture as_user timeout 60 "$@"
    check_equal "" "$CAPTURED_OUT" "output of: $*"
    check_match 'container(-image)? is empty|container-image' "$CAPTURED_ERR" "what is said by: $*"
    check test "$CAPTURED_STATUS" -ne 0
    check test "$CAPTURED_STATUS" -ne 124
}

test_srun() {
    refused_as_empty srun --container= sh -c 'echo ran'
    refused_as_empty srun --container-image= sh -c 'echo ran'
    refused_as_empty env SLURM_CONTAINER= srun sh -c 'echo ran'
    refused_as_empty env SLURM_CONTAINER="$DEMO" srun --container= sh -c 'echo ran'
    check_clean
}

test_sbatch() {
    batch_script "$TEST_HOME/job.sh" 'echo ran >ran-on-the-host'
    refused_as_empty sbatch --wait --output=/dev/null --container= job.sh
    refused_as_empty sbatch --wait --output=/dev/null --container-image= job.sh
    check test ! -e "$TEST_HOME/ran-on-the-host"
    check_clean
}

test_the_interactive_step_of_salloc() {
    local option
    printf 'grep ^NAME= /etc/os-release\n' >"$TEST_HOME/typed"
    for option in container container-image; do
        check_output 'NAME="Berth demo"' as_user sh -c "salloc --quiet --$option=$DEMO <typed"
        capture as_user sh -c "salloc --quiet --$option=$TEST_HOME/missing.sif <typed"
        check_equal "" "$CAPTURED_OUT" "output"
        check test "$CAPTURED_STATUS" -ne 0
        refused_as_empty sh -c "salloc --quiet --$option= <typed"
    done
    check_output "$(grep ^NAME= /etc/os-release)" as_user sh -c 'salloc --quiet <typed'
    check_clean
}
