# shellcheck shell=bash
# shellcheck disable=SC2034  # COMMANDS_AS is table.sh's
# A Slurm step with and without --container. Sourced by run.

measure_step() {
    local tasks folder=$TEST_HOME/bench
    [[ -e $folder/demo.sif ]] || exec_images "$folder"
    cluster_detect "$BENCH_ROOT/cluster"
    cluster_start "$BENCH_ROOT/cluster" "required $BERTH_PREFIX/lib/berth_spank.so config=$BENCH_ROOT/berth.conf" ||
        die "the Slurm for the steps does not start"
    heading "a step of /bin/busybox true, Slurm $(slurmd -V | awk '{print $2}'), proctrack/$CLUSTER_PROCTRACK (ms)"
    say "  in one allocation, so that no job is scheduled in between; 'added' is the median of the differences"
    for tasks in 1 8 64; do step_tasks "$tasks" "$folder"; done
    cluster_stop "$BENCH_ROOT/cluster"
}

# step_tasks N FOLDER
step_tasks() {
    local tasks=$1 folder=$2 label="$1 tasks" COMMANDS_AS=step_in_job
    local srun=(srun --quiet --overlap --chdir=/ -n "$tasks")
    [[ $tasks != 1 ]] || label='1 task'
    say
    commands_begin
    command_add "$label, no container" "${srun[@]}" /bin/busybox true
    command_add "$label, image of the user's (FUSE)" "${srun[@]}" --container="$folder/demo.sif" /bin/busybox true
    command_add "$label, image of root's (kernel)" "${srun[@]}" --container="$BENCH_ROOT/demo.sif" /bin/busybox true
    command_add "$label, folder" "${srun[@]}" --container="$folder/tree" /bin/busybox true
    TABLE="-v tasks=$tasks" commands_run "$label, no container" --rounds "$(rounds 20 3)" --warm-up 1 --pause-ms 100
}

step_in_job() { as_user salloc --quiet --chdir=/ -n "$tasks" "$@"; }
