# shellcheck shell=bash
# What a run may leave behind: loop devices, mounts, FUSE connections, processes, cgroups, files. Only what can be told
# to be ours is listed, so that others' work on the machine does not disturb. Sourced after common.sh and user.sh.

# leaks_state: prints what exists now, a sorted line each. Two of them are compared.
leaks_state() {
    {
        leaks_loops
        leaks_mounts
        leaks_fuse
        leaks_processes
        leaks_cgroups
        leaks_files
        leaks_nodes
    } | sort
}

leaks_loops() {
    local file
    for file in /sys/block/loop*/loop/backing_file; do
        [[ -e $file ]] || continue
        grep -qE "^($BERTH_TEST_ROOT|$TEST_HOME)/" "$file" && printf 'loop device %s on %s\n' "${file:11:6}" "$(<"$file")"
    done
    return 0
}

leaks_mounts() { awk '{print "mount on " $5}' /proc/self/mountinfo; }

# A connection belongs to the user whose server answers it.
leaks_fuse() {
    find /sys/fs/fuse/connections -mindepth 1 -maxdepth 1 \( -uid "$TEST_UID" -o -uid "$TEST_SERVER_UID" \) \
        -printf 'FUSE connection %p\n' 2>/dev/null || true
}

# Processes of the users that exist only for this run, and those whose program is in the tests' own prefix.
leaks_processes() {
    local pid exe
    for pid in $(user_processes "$TEST_UID" "$TEST_SERVER_UID"); do
        printf 'process %s: %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
    done
    for pid in $(pgrep -U 0 berth || true); do
        exe=$(readlink "/proc/$pid/exe") || continue
        [[ $exe != "${BERTH_PREFIX:-none}"/* ]] || printf 'process %s: %s\n' "$pid" "$exe"
    done
}

# Of the running cluster, the cgroups of its jobs: Slurm keeps the ones above while it runs. A job's own cgroup with
# nothing in it is Slurm's unfinished business: 22.05 without any plugin leaves one such behind in 1,900 jobs that fail.
leaks_cgroups() {
    local folder
    [[ -n ${CLUSTER_NODE:-} ]] || return 0
    while read -r folder; do
        if [[ ${folder##*/} == job_* && -z $(find "$folder" -mindepth 1 -type d 2>/dev/null) ]] &&
            [[ -z $(cat "$folder/cgroup.procs" 2>/dev/null) ]]; then
            continue
        fi
        printf 'cgroup %s\n' "$folder"
    done < <(find /sys/fs/cgroup -type d \( -path "*slurm_$CLUSTER_NODE/*/job_*" -o \
        -path "*${CLUSTER_NODE}_slurmstepd.scope/job_*" \) 2>/dev/null || true)
}

# Others run Berth too: beside its own places only files of the users of this run are looked for.
leaks_files() {
    find /tmp /var/tmp /dev/shm -maxdepth 1 \( -user "$TEST_UID" -o -user "$TEST_SERVER_UID" \) -printf 'file %p\n' 2>/dev/null ||
        true
    [[ ! -d /run/berth ]] || find /run/berth -type f ! -path '/run/berth/gpu/*' -printf 'file %p\n'  # what is known of drivers stays
    [[ ! -d ${CLUSTER:-none}/spool ]] || find "$CLUSTER/spool" -mindepth 1 -name '*[0-9].[0-9]*' -printf 'file %p\n'
}

# leaks_since BEFORE [SECONDS]: waits until nothing is there that BEFORE did not list; prints what stays and fails.
leaks_since() {
    until_true "${2:-10}" leaks_none_since "$1" && return 0
    leaks_new_since "$1"
    return 1
}

leaks_none_since() { [[ -z $(leaks_new_since "$1") ]]; }

leaks_new_since() { comm -13 <(printf '%s\n' "$1") <(leaks_state); }
