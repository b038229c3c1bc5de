# shellcheck shell=bash disable=SC2016
# sbatch and salloc, and the sruns inside them: the inner value replaces the outer one.

# Slurm's own salloc takes --container only with this setting.
setup_file() { CLUSTER_EXTRA='LaunchParameters=use_interactive_step' slurm_up required; }
teardown_file() { slurm_down; }

NAME='. /etc/os-release; echo $NAME'

# batch STATUS EXPECTED SBATCH_ARGUMENT…: runs job.sh as a job and compares its exit status and what it printed.
batch() {
    local status=$1 expected=$2
    shift 2
    rm -f "$TEST_HOME/job.out"
    batch_job --output=job.out "$@" job.sh
    check_equal "$expected" "$(cat "$TEST_HOME/job.out" 2>/dev/null)"
    check_equal "$status" "$JOB_STATUS"
}

test_sbatch_option() {
    batch_script "$TEST_HOME/job.sh" "$NAME" 'id -u'
    batch 0 "Berth demo"$'\n'"$TEST_UID" --container="$DEMO"
    batch 0 "Berth demo"$'\n'"$TEST_UID" --container-image="$DEMO"
    check_clean
}

test_sbatch_directive() {
    batch_script "$TEST_HOME/job.sh" "#SBATCH --container=$DEMO" "$NAME"
    batch 0 "Berth demo"
}

test_sbatch_with_companions() {
    batch_script "$TEST_HOME/job.sh" "#SBATCH --container=$DEMO" "#SBATCH --container-bind=$DEMO:/mnt/x" 'test -s /mnt/x && echo there'
    batch 0 there
}

test_sruns_inside_a_script_on_the_host() {
    batch_script "$TEST_HOME/job.sh" "srun -Q --container=$DEMO sh -c '$NAME'" "srun -Q --container=$OTHER sh -c '$NAME'" \
        'srun -Q readlink /proc/self/ns/mnt'
    batch 0 "Berth demo"$'\n'Other$'\n'"$(readlink /proc/self/ns/mnt)"
}

test_array() {
    batch_script "$TEST_HOME/job.sh" "$NAME"
    batch_job --array=1-3 --output=array-%a.out --container="$DEMO" job.sh
    check_equal "Berth demo" "$(sort -u "$TEST_HOME"/array-[123].out)"
}

test_exit_status_of_a_script() {
    batch_script "$TEST_HOME/job.sh" 'exit 3'
    batch 3 "" --container="$DEMO"
}

test_a_script_with_a_bad_image() {
    batch_script "$TEST_HOME/job.sh" 'echo ran'
    # sbatch itself finds what is wrong with the image; what it cannot know fails on the node.
    check_refused none.sif as_user sbatch --output=job.out --container-image="$TEST_HOME/none.sif" job.sh
    check_refused none.sif as_user sbatch --output=job.out --container="$TEST_HOME/none.sif" job.sh
    cp "$DEMO" "$TEST_HOME/later.sif"
    chown "$TEST_USER:" "$TEST_HOME/later.sif"
    JOB_WHILE_HELD="rm $TEST_HOME/later.sif" batch_job --output=job.out --container="$TEST_HOME/later.sif" job.sh
    check_equal 255 "$JOB_STATUS"
    check_match 'berth: .*later.sif' "$(cat "$TEST_HOME/job.out")"
    check_no_match ran "$(cat "$TEST_HOME/job.out")"
    check_clean
}

test_salloc_gives_its_sruns_the_image() {
    in_image "Berth demo" as_user salloc --quiet --container="$DEMO" srun
    in_image "Berth demo" as_user salloc --quiet --container-image="$DEMO" srun
}

test_an_inner_srun_replaces_the_image() {
    in_image Other as_user salloc --quiet --container="$DEMO" srun --container="$OTHER"
    in_image Other as_user salloc --quiet --container-image="$DEMO" srun --container-image="$OTHER"
    in_image Other as_user salloc --quiet --container-image="$DEMO" srun --container="$OTHER"
    in_image Other as_user salloc --quiet --container="$DEMO" srun --container-image="$OTHER"
}

test_an_inner_srun_leaves_the_container() {
    local host
    host=$(readlink /proc/self/ns/mnt)
    check_output "$host" as_user salloc --quiet --container="$DEMO" srun --container=none readlink /proc/self/ns/mnt
    check_output "$host" as_user salloc --quiet --container-image="$DEMO" srun --container-image=none readlink /proc/self/ns/mnt
    check_output "$host" as_user salloc --quiet --container-image="$DEMO" srun --container=none readlink /proc/self/ns/mnt
}

test_an_inner_srun_replaces_an_option() {
    check_output /bin as_user salloc --quiet --container="$DEMO" --container-pwd=/etc srun --container-pwd=/bin pwd
    check_output /etc as_user salloc --quiet --container="$DEMO" --container-pwd=/etc srun pwd
}

test_nothing_is_left_of_all_this() { check_clean; }
