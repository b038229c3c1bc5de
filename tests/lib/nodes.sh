# shellcheck shell=bash
# Several nodes on one machine: as cluster.sh's Slurm, with a controller and N slurmd, each in a network, a UTS and a mount
# namespace of its own, on a bridge that stands in the controller's network namespace. The machine's own network is not
# touched. Sourced after cluster.sh, user.sh and leaks.sh.
#
#   nodes_start FOLDER N ['plugstack line'…]   starts them; sets CLUSTER, NODES (their names) and NODES_HUB (the controller's)
#   nodes_stop FOLDER                          as cluster_stop, which also works for what a crash left
#
# What the tests call as root or as the test user (srun, sinfo, …) runs in the controller's namespaces: CLUSTER_ENTER is a
# script that enters them, and CLUSTER/bin, in front of PATH, has Slurm's commands behind it.
# Each node has a /run of its own, CLUSTER/run/NODE, an /etc/hosts that names all, and the machine's other files.

NODES_NETWORK=10.213.7
NODES=()

nodes_possible() { unshare --net sh -c 'ip link add bridge type bridge && ip link add port1 type veth peer name cable' 2>/dev/null; }

nodes_start() {
    nodes_try "$@" && return 0
    cluster_show_logs "$1"
    nodes_stop "$1"
    return 1
}

nodes_try() {
    local folder=$1 count=$2
    shift 2
    CLUSTER=$folder
    export SLURM_CONF=$CLUSTER/slurm.conf
    cluster_make_folder && nodes_name "$count" && nodes_write_conf && cluster_set_plugstack "$@" && nodes_make_namespaces &&
        cluster_start_munged && nodes_start_daemons && until_true 30 cluster_idle
}

nodes_stop() {
    cluster_stop "$1"
    unset CLUSTER_ENTER
    export PATH=${PATH#"$1/bin:"}
    NODES=()
}

# CLUSTER_NODE becomes a pattern for all of them, which is what find(1) is given by those who look for cgroups.
nodes_name() {
    local base=$CLUSTER_NODE k
    NODES_HUB=${base}c NODES=()
    for ((k = 1; k <= $1; ++k)); do NODES+=("${base}n$k"); done
    CLUSTER_NODE="${base}n*"
    printf '%s\n' "$CLUSTER_NODE" >"$CLUSTER/private/node"
    mkdir -m 0755 "$CLUSTER/bin" "$CLUSTER/run" "${NODES[@]/#/$CLUSTER/run/}" "${NODES[@]/#/$CLUSTER/spool/}"
}

nodes_write_conf() {
    local k
    cluster_write_conf "${CLUSTER_PROCTRACK:-linuxproc}"
    sed -i -e "s|^ClusterName=.*|ClusterName=$NODES_HUB|" -e "s|^SlurmctldHost=.*|SlurmctldHost=$NODES_HUB($NODES_NETWORK.254)|" \
        -e 's|^SlurmdSpoolDir=.*|&/%n|' -e 's|^\(Slurmd[A-Za-z]*File=.*/slurmd\)\.|\1.%n.|' -e '/^NodeName=/d' \
        -e "\$a SlurmdTimeout=5" -e '$a SchedulerParameters=bf_interval=1' "$SLURM_CONF"
    printf '127.0.0.1 localhost\n%s.254 %s\n' "$NODES_NETWORK" "$NODES_HUB" >"$CLUSTER/hosts"
    for ((k = 1; k <= ${#NODES[@]}; ++k)); do
        printf '%s.%s %s\n' "$NODES_NETWORK" "$k" "${NODES[k - 1]}" >>"$CLUSTER/hosts"
        printf 'NodeName=%s NodeAddr=%s.%s CPUs=%s RealMemory=16384 State=UNKNOWN\n' "${NODES[k - 1]}" "$NODES_NETWORK" "$k" \
            "${CLUSTER_CPUS:-64}" >>"$SLURM_CONF"
    done
}

# A process that does nothing holds a node's namespaces, whatever becomes of its daemons. (A mount namespace may not always be
# kept by a mount: a kernel may say that it is older than the one it was made from.)
nodes_make_namespaces() {
    local k node
    nodes_make_namespace "$NODES_HUB" || return
    nodes_in "$NODES_HUB" ip link add bridge type bridge && nodes_in "$NODES_HUB" ip address add "$NODES_NETWORK.254/24" dev bridge &&
        nodes_in "$NODES_HUB" ip link set bridge up || return
    for ((k = 1; k <= ${#NODES[@]}; ++k)); do
        node=${NODES[k - 1]}
        # munge's own programs look for it in /run.
        mkdir -m 0755 "$CLUSTER/run/$node/munge" && ln -s "$CLUSTER/munge/socket" "$CLUSTER/run/$node/munge/munge.socket.2" || return
        nodes_make_namespace "$node" && nodes_connect "$node" "$k" &&
            nodes_in "$node" mount --bind "$CLUSTER/run/$node" /run || return
    done
    nodes_make_commands
}

nodes_make_namespace() {
    local held=$CLUSTER/private/held.$1
    : >"$held"
    # shellcheck disable=SC2016
    setsid --fork unshare --net --uts --mount --propagation private sh -c 'echo $$ >"$1.pid"; exec tail -f "$1"' sh "$held" \
        >/dev/null 2>&1 </dev/null
    until_true 10 test -s "$held.pid" || return
    nodes_in "$1" hostname "$1" && nodes_in "$1" ip link set lo up && nodes_in "$1" mount --bind "$CLUSTER/hosts" /etc/hosts
}

# nodes_connect NODE NUMBER: a cable from the node to the bridge.
nodes_connect() {
    nodes_in "$NODES_HUB" ip link add "port$2" type veth peer name cable netns "$(<"$CLUSTER/private/held.$1.pid")" &&
        nodes_in "$NODES_HUB" ip link set "port$2" master bridge up &&
        nodes_in "$1" ip address add "$NODES_NETWORK.$2/24" dev cable && nodes_in "$1" ip link set cable up
}

nodes_make_commands() {
    local command
    CLUSTER_ENTER=$CLUSTER/bin/enter
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec /usr/bin/nsenter --target %s --net --uts --mount --wdns="$PWD" -- "$@"\n' \
        "$(<"$CLUSTER/private/held.$NODES_HUB.pid")" >"$CLUSTER_ENTER"
    for command in srun sbatch salloc scancel scontrol sinfo squeue; do
        printf '#!/bin/sh\nexec %s %s "$@"\n' "$CLUSTER_ENTER" "$(command -v "$command")" >"$CLUSTER/bin/$command"
    done
    chmod 0755 "$CLUSTER"/bin/*
    export PATH=$CLUSTER/bin:$PATH CLUSTER_ENTER
}

# nodes_in NODE COMMAND…: runs it there, as root, in the same folder.
nodes_in() { nsenter --target "$(<"$CLUSTER/private/held.$1.pid")" --net --uts --mount --wdns="$PWD" -- "${@:2}"; }

nodes_start_daemons() {
    local node private=$CLUSTER/private
    "$CLUSTER_ENTER" setsid --fork slurmctld -D -i -f "$SLURM_CONF" >"$private/log/slurmctld.out" 2>&1 </dev/null
    for node in "${NODES[@]}"; do nodes_start_slurmd "$node"; done
    until_true 10 test -s "$private/slurmctld.pid" || return
    for node in "${NODES[@]}"; do until_true 10 test -s "$private/slurmd.$node.pid" || return; done
}

nodes_start_slurmd() {
    nodes_in "$1" setsid --fork slurmd -D -N "$1" -f "$SLURM_CONF" >"$CLUSTER/private/log/slurmd.$1.out" 2>&1 </dev/null
}

# --- what the tests of the tier share ---------------------------------------------------------------------------------

# nodes_up [ARGUMENTS]: four nodes with our plugin in their plugstack.conf; for setup_file. ARGUMENTS are the plugin's.
nodes_up() {
    fixtures_create
    nodes_start "$BERTH_TEST_ROOT/cluster" 4 "$(spank_line required "${1:-}")"
}

nodes_down() { nodes_stop "$BERTH_TEST_ROOT/cluster"; }

# two_nodes ARGUMENT…: a step of 64 tasks on the first two nodes.
two_nodes() { as_user srun "${TWO_NODES[@]}" "$@"; }
TWO_NODES=(-N2 --ntasks-per-node=32)

# on_node NODE FILE OTHER: until off_node NODE FILE, that node has OTHER in the place of FILE.
on_node() { nodes_in "$1" mount --bind "$3" "$2"; }
off_node() { nodes_in "$1" umount "$2"; }

# nodes_of PID…: the nodes whose steps these processes belong to, by their cgroups.
nodes_of() {
    local pid
    for pid in "$@"; do sed -n 's|.*freezer.*/slurm_\([^/]*\)/.*|\1|p; s|.*/\([^/]*\)_slurmstepd.scope/.*|\1|p' "/proc/$pid/cgroup"; done
}

# step_daemons_of NODE: its slurmstepds.
step_daemons_of() {
    local pid
    for pid in $(cluster_step_daemons "$CLUSTER"); do
        [[ $(readlink "/proc/$pid/ns/uts") == $(nodes_in "$1" readlink /proc/self/ns/uts) ]] && printf '%s\n' "$pid"
    done
    return 0
}

slurmd_of() { cluster_daemon_pid "$CLUSTER" "slurmd.$1"; }

# tasks_run COUNT: so many of the test user's tasks, all of which are called sleep, run now.
tasks_run() { [[ $(pgrep -c -U "$TEST_UID" -x sleep) -eq $1 ]]; }

# nodes_state NODE: what the controller says of it.
nodes_state() { sinfo --noheader --nodes="$1" --format=%T; }
nodes_state_is() { [[ $(nodes_state "$1") == "$2" ]]; }

# leaks_nodes: what the nodes have mounted and keep in their /run. Nothing where there are none.
leaks_nodes() {
    local node
    for node in "${NODES[@]}"; do
        # shellcheck disable=SC2016
        nodes_in "$node" awk -v node="$node" '{print "mount on " node ":" $5}' /proc/self/mountinfo
        find "$CLUSTER/run/$node" ! -type d -printf 'file %p\n'
    done
}
