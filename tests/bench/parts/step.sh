# shellcheck shell=bash
# shellcheck disable=SC2034  # COMMANDS_AS is table.sh's
# A Slurm step with and without --container. Sourced by run.

measure_step() {
    local tasks folder=$TEST_HOME/bench
    [[ -e $folder/demo.sif ]] || exec_images "$folder"
    cluster_detect "$BENCH_ROOT/cluster"
    CLUSTER_CPUS=256 cluster_start "$BENCH_ROOT/cluster" "required $BERTH_PREFIX/lib/berth_spank.so config=$BENCH_ROOT/berth.conf" ||
        die "the Slurm for the steps does not start"
    heading "a step of /bin/busybox true, Slurm $(slurmd -V | awk '{print $2}'), proctrack/$CLUSTER_PROCTRACK (ms)"
    say "  in one allocation, so that no job is scheduled in between; 'added' is the median of the differences"
    for tasks in 1 8 64; do step_tasks "$tasks" "$folder"; done
    step_starts 256 "$folder"
    cluster_stop "$BENCH_ROOT/cluster"
}

# What a made-up driver of some forty libraries adds to a step that has one of its devices, after the first.
measure_gpu() {
    local folder=$TEST_HOME/bench tasks=1 COMMANDS_AS=step_in_job GPUS=--gres=gpu:1
    local srun=(srun --quiet --overlap --chdir=/ -n 1)
    [[ -e $folder/demo.sif ]] || exec_images "$folder"
    cluster_detect "$BENCH_ROOT/cluster"
    [[ $CLUSTER_PROCTRACK == cgroup ]] || { say 'no devices cgroup here: GPUs are not measured'; return; }
    GPU_LIST=$BENCH_ROOT/nvliblist.conf GPU_PROGRAM=/bin/busybox
    install -m 0644 "$BERTH_PREFIX/etc/berth/nvliblist.conf" "$GPU_LIST"
    GPU_MORE=$(sed -n 's/^\(lib[A-Za-z0-9_-]*\)\.so$/\1/p' "$GPU_LIST" | grep -vE '^lib(cuda|nvidia-ml|nvidia-glcore|nvcuvid|nvidia-encode)$' | xargs) gpus_up
    CLUSTER_GRES=gpu:3 CLUSTER_GRES_CONF='Name=gpu File=/dev/nvidia[0-2]' \
        cluster_start "$BENCH_ROOT/cluster" "required $BERTH_PREFIX/lib/berth_spank.so config=$BENCH_ROOT/berth.conf" ||
        die "the Slurm for the steps does not start"
    heading "a step with one of three made-up GPUs, $(find "$GPU_TREE/lib" -type f | wc -l) libraries (ms)"
    commands_begin
    command_add "folder" "${srun[@]}" --gres=gpu:1 --container="$folder/tree" /bin/busybox true
    command_add "folder, --container-nv" "${srun[@]}" --gres=gpu:1 --container="$folder/tree" --container-nv /bin/busybox true
    TABLE="-v tasks=1" commands_run "folder" --rounds "$(rounds 20 3)" --warm-up 1 --pause-ms 100
    cluster_stop "$BENCH_ROOT/cluster"
    gpus_down
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
    [[ $CLUSTER_PROCTRACK != cgroup ]] ||
        command_add "$label, folder, a limit on memory" "${srun[@]}" --container="$folder/tree" --container-memory=512m /bin/busybox true
    TABLE="-v tasks=$tasks" commands_run "$label, no container" --rounds "$(rounds 20 3)" --warm-up 1 --pause-ms 100
}

step_in_job() { as_user salloc --quiet --chdir=/ -n "$tasks" ${GPUS:+"$GPUS"} "$@"; }

# step_starts N FOLDER: how long until the last of N tasks runs, by the clock that each of them reads first. Their ends are
# left out: to those Slurm itself adds more, the more tasks there are.
step_starts() {
    local tasks=$1 folder=$2 round
    say
    say "  until the last of $tasks tasks has started, in one allocation"
    for ((round = 0; round < $(rounds 7 1); ++round)); do
        step_last_start "no container"
        step_last_start "image of the user's (FUSE)" --container="$folder/demo.sif"
        step_last_start "image of root's (kernel)" --container="$BENCH_ROOT/demo.sif"
        step_last_start "folder" --container="$folder/tree"
    done >"$BENCH_ROOT/starts"
    TABLE="-v tasks=$tasks" commands_table "$tasks tasks, no container" <(cut -f 1 "$BENCH_ROOT/starts" | awk '!seen[$0]++') \
        "$BENCH_ROOT/starts"
}

# step_last_start LABEL SRUN_OPTION…: one line as timer prints them. /proc/uptime has hundredths of a second.
# shellcheck disable=SC2016
step_last_start() {
    local label=$1
    shift
    step_in_job sh -c 'read -r begin rest </proc/uptime
        "$@" | sort -n | tail -n 1 | { read -r end rest && echo "$begin $end"; }' \
        sh srun --quiet --overlap --chdir=/ -n "$tasks" "$@" /bin/busybox cat /proc/uptime |
        awk -v label="$tasks tasks, $label" -v round="$round" '{printf "%s\t%d\t%.2f\t0\t0\n", label, round, $2 - $1}'
}
