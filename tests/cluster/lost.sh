# shellcheck shell=bash
# A node's daemons die while a step of 64 tasks runs on it and on another: what ran elsewhere ends, the controller says
# what happened, and nothing of ours is left anywhere, the dead daemons' node included.

setup_file() { nodes_up; }
teardown_file() { nodes_down; }

# running ARGUMENT…: a step in the background on the first two nodes, whose tasks run.
running() {
    in_background srun "${TWO_NODES[@]}" "$@" sleep "100" 2>"$TEST_TMP/srun.err"
    SRUN=$!
    until_true 30 tasks_run 64 || fail "$(pgrep -c -U "$TEST_UID" -x sleep) tasks run; $(cat "$TEST_TMP/srun.err")"
}

kill_step_daemons() {
    local pid
    for pid in $(step_daemons_of "$1"); do kill -KILL "$pid"; done
}

# The tasks of a node, which die with it; what is ours is not killed, and must end by itself.
kill_tasks() {
    local pid
    for pid in $(pgrep -U "$TEST_UID" -x sleep); do
        [[ $(nodes_of "$pid") != "$1" ]] || kill -KILL "$pid"
    done
}

# srun_ends: and does not call it a success.
srun_ends() {
    until_true 60 gone "$SRUN" || fail "srun does not end; it says: $(cat "$TEST_TMP/srun.err")"
    ! wait "$SRUN" || fail "srun ends with 0; it says: $(cat "$TEST_TMP/srun.err")"
}

# check_only_slurms: nothing is left but what Slurm itself leaves after such a death: cgroups and its own sockets.
check_only_slurms() {
    until_true 30 only_slurms || fail "left behind: $(leaks_new_since "$LEAKS_BEFORE")"
}
only_slurms() { [[ -z $(leaks_new_since "$LEAKS_BEFORE" | grep -vE "^(cgroup|file $CLUSTER/spool/)") ]]; }

# Its tasks have lost their parent; scancel ends them all the same, and with them their server.
test_slurmstepd_is_killed() {
    local image
    for image in "$DEMO" "$ROOT_DEMO"; do
        running --container="$image"
        kill_step_daemons "${NODES[1]}"
        as_user scancel --user="$TEST_USER"
        srun_ends
        check_only_slurms
        check until_true 30 cluster_idle
    done
    in_image "Berth demo" as_user srun -Q -w "${NODES[1]}" --container="$DEMO"
}

test_the_node_dies() {
    running --container="$DEMO"
    kill -KILL "$(slurmd_of "${NODES[1]}")"
    kill_step_daemons "${NODES[1]}"
    kill_tasks "${NODES[1]}"
    until_true 60 nodes_state_is "${NODES[1]}" 'down*' || fail "$(sinfo)"
    srun_ends
    check_match "${NODES[1]}" "$(cat "$TEST_TMP/srun.err")" "what srun says"
    check_only_slurms
    nodes_start_slurmd "${NODES[1]}"
    until_true 30 cluster_idle || fail "$(sinfo --format='%N %T %E')"
    in_image "Berth demo" as_user srun -Q -w "${NODES[1]}" --container="$DEMO"
}

# The cable is pulled: both sides live, and neither can tell the other. Later the node comes back.
test_the_node_cannot_be_reached() {
    running --container="$DEMO"
    nodes_in "$NODES_HUB" ip link set port2 down
    until_true 60 nodes_state_is "${NODES[1]}" 'down*' || fail "$(sinfo)"
    nodes_in "$NODES_HUB" ip link set port2 up
    srun_ends
    until_true 60 cluster_idle || fail "$(sinfo --format='%N %T %E')"
    check_clean
}

# slurmd alone is restarted, as for an upgrade: steps live on in their containers.
test_slurmd_is_restarted() {
    in_background srun -N2 --container="$DEMO" sh -c "sleep 4; . /etc/os-release; echo \$NAME" >"$TEST_TMP/out"
    until_true 20 tasks_run 2
    kill -KILL "$(slurmd_of "${NODES[1]}")"
    nodes_start_slurmd "${NODES[1]}"
    check wait $!
    check_equal $'Berth demo\nBerth demo' "$(cat "$TEST_TMP/out")"
    until_true 30 cluster_idle
    check_clean
}
