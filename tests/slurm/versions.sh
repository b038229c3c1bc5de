# shellcheck shell=bash disable=SC2016,SC2034
# What differs between Slurm's releases, or might: docs/slurm-versions.md has a row for each test. The tier matrix runs them on
# the releases that Debian 12 does not have.

setup_file() {
    fixtures_create
    CONTAINER_TYPE=job_container/tmpfs CONTAINER_KEY=JobContainerType
    if cluster_slurm_is 25.11; then CONTAINER_TYPE=namespace/tmpfs CONTAINER_KEY=NamespaceType; fi
}
teardown_file() { slurm_down; }

# up [LINE…]: a cluster with these lines in slurm.conf.
up() {
    slurm_down
    CLUSTER_EXTRA=$(printf '%s\n' "$@") slurm_up required
    LEAKS_BEFORE=$(leaks_state)
}

# prolog FILE LINE…: a script of Slurm's own, which speaks in lines that Slurm reads.
prolog() {
    batch_script "$1" "${@:2}"
    chmod 0755 "$1"
}

# prolog_needs_slurmstepd: this Slurm starts a TaskProlog through its own program slurmstepd, inside the container, which has
# neither that program's loader nor its libraries. Slurm's mistake, mended in 24.11.7 and 25.05.2.
prolog_needs_slurmstepd() { [[ $(slurmd -V | awk '{print $2}') =~ ^(24\.11\.[0-6]|25\.05\.[01])$ ]]; }

# check_prolog EXPECTED COMMAND…: what the command prints, and the TaskProlog before it; or that both fail.
check_prolog() {
    if prolog_needs_slurmstepd; then
        check_fails_with 127 'TaskProlog failed status=127' "${@:2}"
        check_equal '' "$CAPTURED_OUT" "what ran"
    else
        check_output "$@"
    fi
}

# Slurm runs it after the last callback in which a plugin still has the power to enter.
test_task_prolog_runs_in_the_container() {
    prolog "$TEST_HOME/prolog" '. /etc/os-release' 'echo "export SEEN=$NAME"' 'echo print hello'
    up "TaskProlog=$TEST_HOME/prolog"
    check_prolog $'hello\nBerth demo' step "$DEMO" sh -c 'echo "$SEEN"'
    check_output $'hello\n'"$(. /etc/os-release && echo "$NAME")" as_user srun sh -c 'echo "$SEEN"'
    check_clean
}

test_a_task_prolog_that_the_container_lacks() {
    prolog "$FILE_TMP/prolog" 'echo print hello'
    chmod 0755 "$FILE_TMP"
    up "TaskProlog=$FILE_TMP/prolog"
    check_output $'hello\nran' as_user srun echo ran
    capture step "$DEMO" echo ran
    check test "$CAPTURED_STATUS" -ne 0
    check_no_match ran "$CAPTURED_OUT"
    check_prolog $'hello\nran' step "$DEMO" --container-bind="$FILE_TMP/prolog" echo ran
    check_clean
}

# private_tmp [LINE…]: a folder of the job's own is its /tmp; more lines for job_container.conf.
private_tmp() {
    JOB_CONTAINER=$(printf '%s\n' 'AutoBasePath=true' "$@")
    CLUSTER_PREPARE=write_job_container up "$CONTAINER_KEY=$CONTAINER_TYPE" PrologFlags=Contain
}

write_job_container() { printf '%s\nBasePath=%s\n' "$JOB_CONTAINER" "$CLUSTER/jobs" >"$CLUSTER/job_container.conf"; }

# alone COMMAND…: as the test user, when no other job is left, and once more if Slurm could not make the job's folder: kernel
# 6.18 now and then refuses to mount a namespace's file (EINVAL), and slurmd then cancels the job.
alone() {
    local before status
    for _ in {1..8}; do
        check cluster_wait_idle
        before=$(folders_refused) status=0
        as_user "$@" >"$TEST_TMP/alone.out" 2>"$TEST_TMP/alone.err" || status=$?
        # srun may hear of it before the log has it.
        [[ $(folders_refused) != "$before" ]] || grep -q 'wrong with the boot of the nodes' "$TEST_TMP/alone.err" || break
    done
    cat "$TEST_TMP/alone.out"
    cat "$TEST_TMP/alone.err" >&2
    return "$status"
}

folders_refused() { grep -c '_create_ns: ns base mount failed: Invalid argument' "$CLUSTER/private/log/slurmd.log" || true; }

# check_private_tmp hosts|private: whose /tmp containers see.
check_private_tmp() {
    local file=/tmp/berth-test-private-$$ tell
    tell="test -e $file && echo hosts || echo private"
    touch "$file"
    check_output private alone srun sh -c "$tell"
    check_output "$1" alone srun --container="$DEMO" sh -c "$tell"
    rm -f "$file"
    in_image "Berth demo" alone srun --container="$DEMO"
    check_equal $'0\n1\n2\n3' "$(alone srun -n4 --container="$DEMO" sh -c 'echo "$SLURM_PROCID"' | sort)"
    check_output "" alone srun -n4 --container="$DEMO" probe descriptors
    check_refused '/no-such' alone srun --container="$DEMO" --container-bind=/no-such:/mnt true
    check_clean
}

# slurmstepd itself stays outside of the job's folders, and so does what makes our container.
test_a_private_tmp() {
    private_tmp
    check_private_tmp hosts
}

# user_init, task_post_fork and task_exit then run in processes of their own, which share our memory and not our descriptors.
test_callbacks_in_the_jobs_namespace() {
    cluster_slurm_is 24.05 || skip "contain_spank came with Slurm 24.05"
    CLUSTER_SLURMD=contain_spank private_tmp
    check_private_tmp hosts
}

test_a_slurmstepd_in_the_jobs_namespace() {
    cluster_slurm_is 24.11 || skip "EntireStepInNS came with Slurm 24.11"
    private_tmp EntireStepInNS=true
    check_private_tmp private
}

test_both() {
    cluster_slurm_is 24.11 || skip "EntireStepInNS came with Slurm 24.11"
    CLUSTER_SLURMD=contain_spank private_tmp EntireStepInNS=true
    check_private_tmp private
}
