# shellcheck shell=bash disable=SC2016
# A step over several nodes: each rank in the image, on the node where Slurm put it, and one mount a node.

setup_file() { nodes_up; }
teardown_file() { nodes_down; }

WHERE='. /etc/os-release; echo "$SLURM_PROCID $SLURM_NODEID $(hostname) $NAME"'

# wanted TASKS_A_NODE NODES: what WHERE prints, sorted.
wanted() {
    local rank
    for ((rank = 0; rank < $1 * $2; ++rank)); do printf '%s %s %s Berth demo\n' "$rank" $((rank / $1)) "${NODES[rank / $1]}"; done
}

test_64_ranks_on_two_nodes() {
    local image
    for image in "$DEMO" "$ROOT_DEMO" "$FIXTURES/demo"; do
        capture two_nodes --container="$image" sh -c "$WHERE"
        check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
        check_equal "$(wanted 32 2)" "$(sort -n <<<"$CAPTURED_OUT")" "ranks in $image"
    done
    check_clean
}

test_four_nodes() {
    capture as_user srun -N4 --ntasks-per-node=2 --container="$DEMO" sh -c "$WHERE"
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_equal "$(wanted 2 4)" "$(sort -n <<<"$CAPTURED_OUT")"
    check_clean
}

test_one_server_a_node() {
    in_background srun "${TWO_NODES[@]}" --container="$DEMO" sleep 100
    until_true 20 tasks_run 64 || fail "$(pgrep -c -U "$TEST_UID" -x sleep) tasks"
    # shellcheck disable=SC2046
    check_equal "$(printf '%s\n' "${NODES[@]:0:2}")" "$(nodes_of $(servers) | sort)" "nodes of the servers"
    check as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}

test_one_loop_device_a_node() {
    need_loop
    in_background srun "${TWO_NODES[@]}" --container="$ROOT_DEMO" sleep 100
    until_true 20 tasks_run 64
    check_equal 2 "$(our_loops | wc -l)" "loop devices of a step on two nodes"
    check_equal "" "$(servers)" "servers"
    check as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}

# srun's status is the largest of its tasks', from whichever node.
test_exit_statuses() {
    check_status 0 two_nodes --container="$DEMO" true
    check_status 7 two_nodes --container="$DEMO" sh -c 'test "$SLURM_PROCID" != 40 || exit 7'
    check_match "${NODES[1]}: task 40: Exited with exit code 7" "$CAPTURED_ERR"
    check_status 31 two_nodes --container="$DEMO" sh -c 'exit $((SLURM_PROCID % 32))'
    check_clean
}

test_signals_are_seen_as_without_a_container() {
    local how='test "$SLURM_PROCID" != 40 || kill -ABRT $$'
    capture two_nodes sh -c "$how"
    check_status "$CAPTURED_STATUS" two_nodes --container="$DEMO" sh -c "$how"
    check_clean
}

test_kill_on_bad_exit_ends_the_other_node() {
    capture two_nodes --kill-on-bad-exit=1 --container="$DEMO" sh -c 'test "$SLURM_PROCID" != 40 || exit 7; exec sleep 100'
    check test "$CAPTURED_STATUS" -ne 0
    check_clean
}

test_standard_input_reaches_every_node() {
    check_equal 64 "$(printf 'through\n' | two_nodes --container="$DEMO" cat | grep -c '^through$')"
}

test_what_was_decided_is_told_on_each_node() {
    local node id
    in_background srun -N2 --container="$DEMO" sleep 100
    until_true 20 tasks_run 2
    id=$(squeue --noheader --format=%A)
    for node in "${NODES[@]:0:2}"; do
        check_match "^step $id.0 " "$(nodes_in "$node" "$BERTH_PREFIX/bin/berth" explain "$id.0")" "berth explain on $node"
    done
    capture nodes_in "${NODES[2]}" "$BERTH_PREFIX/bin/berth" explain "$id.0"
    check test "$CAPTURED_STATUS" -ne 0
    check as_user scancel --user="$TEST_USER"
    wait $! || true
    check_clean
}
