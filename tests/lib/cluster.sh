# shellcheck shell=bash
# A Slurm of our own on loopback: munged, slurmctld and slurmd with their own key, ports, folder and node name, so that
# several can run at once and none meets a Slurm that the machine has. Sourced after common.sh.
#
#   cluster_start FOLDER ['plugstack line'…]   starts it and waits for the node; sets CLUSTER and exports SLURM_CONF
#   cluster_stop FOLDER                        stops it, by process id, and removes everything, also after a crash
#
# FOLDER is made new; each of its parents must be root's and not writable by others (munged insists).
# CLUSTER_PROCTRACK  cgroup or linuxproc; cluster_detect finds which of them works here
# CLUSTER_CPUS       how many CPUs the node pretends to have (64), so that as many tasks run at once
# CLUSTER_DEBUG      the node's log level (verbose)
# CLUSTER_EXTRA      more lines for slurm.conf
# CLUSTER_SLURMD     more of SlurmdParameters
# CLUSTER_PREPARE    a command that runs when the files are written and no daemon yet
# CLUSTER_GRES       what the node has of generic resources ("gpu:3"), and CLUSTER_GRES_CONF the lines of gres.conf for it

# How long Slurm's commands may wait for an answer.
CLUSTER_ANSWERS=$(patient 10)

# cluster_start FOLDER [PLUGSTACK_LINE…]
cluster_start() {
    cluster_try "$@" && return 0
    cluster_show_logs "$1"
    cluster_stop "$1"
    return 1
}

# cluster_detect FOLDER: sets CLUSTER_PROCTRACK for all later clusters: cgroup when a step runs with it, else linuxproc.
cluster_detect() {
    [[ -z ${CLUSTER_PROCTRACK:-} ]] || return 0
    export CLUSTER_PROCTRACK=linuxproc
    [[ $(cluster_cgroup_version) != none ]] || return 0
    if CLUSTER_PROCTRACK=cgroup cluster_try "$1" && timeout "$(patient 20)" srun --quiet --chdir=/ true; then
        CLUSTER_PROCTRACK=cgroup
    fi
    cluster_stop "$1"
}

cluster_try() {
    CLUSTER=$1
    shift
    export SLURM_CONF=$CLUSTER/slurm.conf
    cluster_make_folder && cluster_write_conf "${CLUSTER_PROCTRACK:-linuxproc}" && cluster_set_plugstack "$@" &&
        ${CLUSTER_PREPARE:-true} && cluster_start_munged && cluster_start_daemons && until_true 30 cluster_idle
}

# The parts that a job's user must reach are open (batch scripts are run from the spool); keys, states and logs are root's. The node's name is also that of its
# cgroups, so it must be unique on the machine.
cluster_make_folder() {
    mkdir -m 0755 "$CLUSTER" "$CLUSTER/munge" "$CLUSTER/spool" &&
        mkdir -m 0700 "$CLUSTER/private" "$CLUSTER/private/state" "$CLUSTER/private/log" || return
    (umask 077 && head -c 128 /dev/urandom >"$CLUSTER/private/munge.key")
    CLUSTER_NODE=b$$x$RANDOM
    printf '%s\n' "$CLUSTER_NODE" >"$CLUSTER/private/node"
}

cluster_write_conf() {
    local controller_port node_port
    controller_port=$(cluster_free_port)
    node_port=$(cluster_free_port "$controller_port")
    [[ -z ${CLUSTER_GRES:-} ]] || printf '%s\n' "$CLUSTER_GRES_CONF" >"$CLUSTER/gres.conf"
    cat >"$CLUSTER/slurm.conf" <<CONF
ClusterName=$CLUSTER_NODE
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$CLUSTER/munge/socket,cred_expire=$(patient 120)
StateSaveLocation=$CLUSTER/private/state
SlurmdSpoolDir=$CLUSTER/spool
SlurmctldPidFile=$CLUSTER/private/slurmctld.pid
SlurmdPidFile=$CLUSTER/private/slurmd.pid
SlurmctldLogFile=$CLUSTER/private/log/slurmctld.log
SlurmdLogFile=$CLUSTER/private/log/slurmd.log
SlurmctldDebug=info
SlurmdDebug=${CLUSTER_DEBUG:-verbose}
SlurmdParameters=config_overrides${CLUSTER_SLURMD:+,$CLUSTER_SLURMD}
PlugStackConfig=$CLUSTER/plugstack.conf
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=64
ReturnToService=2
KillWait=2
MessageTimeout=$((BERTH_TEST_PATIENCE > 5 ? 100 : 20 * BERTH_TEST_PATIENCE))
UnkillableStepTimeout=$(patient 30)
InactiveLimit=0
$(cluster_process_tracking "$1")
${CLUSTER_EXTRA:-}
${CLUSTER_GRES:+GresTypes=${CLUSTER_GRES%%:*}}
NodeName=$CLUSTER_NODE NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=${CLUSTER_CPUS:-64} RealMemory=16384 ${CLUSTER_GRES:+Gres=$CLUSTER_GRES} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

# Prints slurm.conf's lines, and writes cgroup.conf.
cluster_process_tracking() {
    case $1-$(cluster_cgroup_version) in
        cgroup-v1)
            printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n' >"$CLUSTER/cgroup.conf" ;;
        cgroup-v2)
            printf 'CgroupPlugin=cgroup/v2\n' >"$CLUSTER/cgroup.conf"
            [[ -d /run/systemd/system ]] || printf 'IgnoreSystemd=yes\n' >>"$CLUSTER/cgroup.conf" ;;
        *)
            printf 'CgroupPlugin=%s\n' "$(cluster_no_cgroups)" >"$CLUSTER/cgroup.conf"
            printf 'ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n'
            return 0 ;;
    esac
    printf 'ConstrainRAMSpace=yes\nConstrainDevices=yes\n' >>"$CLUSTER/cgroup.conf"
    printf 'ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup\nJobAcctGatherType=jobacct_gather/cgroup\n'
}

# How to tell slurmd that it gets no cgroups. Slurm 22.05 knows no "disabled", but its cgroup/v1 does nothing unasked.
cluster_no_cgroups() {
    cluster_slurm_is 23.02 && echo disabled || echo cgroup/v1
}

# cluster_slurm_is RELEASE: this Slurm is of that release ("23.02") or a later one.
cluster_slurm_is() { [[ $(slurmd -V | awk '{print $2}') > $1 ]]; }

# Which cgroups root can make here: v1, v2 or none.
cluster_cgroup_version() {
    local top=/sys/fs/cgroup controller
    if [[ $(stat -f -c %T "$top" 2>/dev/null) == cgroup2fs ]]; then
        cluster_can_make_cgroup "$top" && echo v2 || echo none
        return 0
    fi
    for controller in freezer memory devices cpuacct; do
        cluster_can_make_cgroup "$top/$controller" || { echo none; return 0; }
    done
    echo v1
}

cluster_can_make_cgroup() {
    local probe=$1/berth-probe-$BASHPID
    [[ -e $1/cgroup.procs ]] && mkdir "$probe" 2>/dev/null && rmdir "$probe"
}

# cluster_free_port [NOT_THIS]: a TCP port that nobody listens on, below those that the kernel hands out itself.
cluster_free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 10000))
        [[ $port != "${1:-}" ]] || continue
        grep -qi ":$(printf '%04X' "$port") 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null || break
    done
    printf '%s\n' "$port"
}

# cluster_set_plugstack [LINE…]: srun reads it at once, and so does each new slurmstepd: no daemon needs a restart.
cluster_set_plugstack() {
    printf '%s\n' "$@" >"$CLUSTER/plugstack.conf"
}

cluster_start_munged() {
    munged --key-file="$CLUSTER/private/munge.key" --socket="$CLUSTER/munge/socket" \
        --pid-file="$CLUSTER/private/munged.pid" --log-file="$CLUSTER/private/log/munged.log" \
        --seed-file="$CLUSTER/private/munge.seed" >"$CLUSTER/private/log/munged.out" 2>&1 </dev/null
}

# The daemons are started in sessions of their own: a terminal's interrupt is for the test, which then stops them.
cluster_start_daemons() {
    local private=$CLUSTER/private
    setsid --fork slurmctld -D -i -f "$CLUSTER/slurm.conf" >"$private/log/slurmctld.out" 2>&1 </dev/null
    setsid --fork slurmd -D -N "$CLUSTER_NODE" -f "$CLUSTER/slurm.conf" >"$private/log/slurmd.out" 2>&1 </dev/null
    until_true 10 test -s "$private/slurmctld.pid" && until_true 10 test -s "$private/slurmd.pid"
}

cluster_state() { timeout "$CLUSTER_ANSWERS" sinfo --noheader --format=%T 2>/dev/null; }

cluster_idle() { [[ $(cluster_state) == idle ]]; }

# cluster_no_jobs: nothing is running or ending.
cluster_no_jobs() { [[ -z $(timeout "$CLUSTER_ANSWERS" squeue --noheader 2>/dev/null) ]]; }

# cluster_wait_idle [SECONDS]: the node is idle, with neither a drain nor a job that is ending.
cluster_wait_idle() { until_true "${1:-15}" cluster_idle && until_true 5 cluster_no_jobs; }

cluster_show_logs() {
    local log
    for log in "$1"/private/log/*.log; do
        # Before a daemon has opened its log, it speaks on its standard error.
        [[ -s $log ]] || log=${log%.log}.out
        [[ -s $log ]] || continue
        printf -- '--- %s\n' "$log" >&2
        grep -v "state file\|Trying backup state\|mpi/pmix" "$log" | tail -n 25 >&2
    done
}

# cluster_stop FOLDER
cluster_stop() {
    local folder=$1 private=$1/private daemon pid
    [[ -d $private ]] || return 0
    # Slurm's commands in bin: those of a cluster of several nodes (nodes.sh), which has a slurmd for each.
    PATH=$folder/bin:$PATH SLURM_CONF=$folder/slurm.conf cluster_end_jobs
    for daemon in "$private"/slurmctld.pid "$private"/slurmd*.pid; do cluster_end_daemon "$daemon"; done
    for pid in $(cluster_step_daemons "$folder"); do end_process "$pid" 2; done
    for daemon in "$private"/munged.pid "$private"/held.*.pid; do cluster_end_daemon "$daemon"; done
    unmount_beneath "$folder"
    cluster_stop_scope "$(cat "$private/node" 2>/dev/null)"
    cluster_remove_cgroups "$(cat "$private/node" 2>/dev/null)"
    rm -rf --one-file-system "$folder"
}

# Under systemd a slurmstepd without a step holds the scope of all steps, and outlives slurmd.
cluster_stop_scope() {
    [[ -z $1 || ! -d /run/systemd/system ]] || systemctl --quiet stop "$1_slurmstepd.scope" 2>/dev/null || true
}

cluster_end_jobs() {
    local job
    [[ -n $(cluster_state) ]] || return 0
    for job in $(timeout "$CLUSTER_ANSWERS" squeue --noheader --format=%A 2>/dev/null); do
        timeout "$CLUSTER_ANSWERS" scancel --signal=KILL --full "$job" 2>/dev/null || timeout "$CLUSTER_ANSWERS" scancel "$job" 2>/dev/null || true
    done
    until_true 10 cluster_no_jobs || true
}

# cluster_end_daemon PID_FILE
cluster_end_daemon() {
    local pid
    pid=$(cluster_daemon_pid "${1%/private/*}" "$(basename "$1" .pid)")
    [[ -z $pid ]] || end_process "$pid" 10
}

# cluster_daemon_pid FOLDER NAME: its process id, if that process is ours indeed: its command line names our folder.
cluster_daemon_pid() {
    local pid
    pid=$(cat "$1/private/$2.pid" 2>/dev/null) || return 0
    grep -qzF -- "$1/" "/proc/$pid/cmdline" 2>/dev/null && printf '%s\n' "$pid"
    return 0
}

# cluster_step_daemons FOLDER: slurmstepds that write this cluster's log.
cluster_step_daemons() {
    local pid
    for pid in $(pgrep -x slurmstepd || true); do
        alive "$pid" || continue
        find "/proc/$pid/fd" -lname "$1/private/log/slurmd.*" 2>/dev/null | grep -q . && printf '%s\n' "$pid"
    done
    return 0
}

# cluster_cgroups NODE: the folders that Slurm made for this node, the deepest first.
cluster_cgroups() {
    [[ -n $1 ]] || return 0
    find /sys/fs/cgroup -depth -type d \( -path "*/slurm_$1" -o -path "*/slurm_$1/*" -o -path "*/$1_slurmstepd.scope" \
        -o -path "*/$1_slurmstepd.scope/*" \) 2>/dev/null || true
}

# Slurm leaves its topmost cgroups behind. Only empty ones can be removed, which is what is wanted.
cluster_remove_cgroups() {
    local folder
    for folder in $(cluster_cgroups "$1"); do rmdir "$folder" 2>/dev/null || true; done
}
