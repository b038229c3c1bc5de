# shellcheck shell=bash disable=SC2016
# One path, and another image there on one of the nodes: each node judges what it opens itself, and an error names it.

setup_file() {
    nodes_up
    signing_up
}
teardown_file() {
    signing_down
    nodes_down
}

WHERE='. /etc/os-release; echo "$(hostname) $NAME"'

both() { as_user srun -N2 --nodelist="${NODES[0]},${NODES[1]}" "$@"; }

# refused_on NODE REGEX COMMAND…: ends with 255 and one line of Berth's, which matches and names that node. The other node's
# task runs: Slurm starts them apart.
refused_on() {
    local node=$1 regex=$2
    shift 2
    check_status 255 "$@"
    check_equal 1 "$(grep -c 'berth: ' <<<"$CAPTURED_ERR" || true)" "lines of Berth's in: $CAPTURED_ERR; count"
    check_match "$regex.*\(node $node\)" "$CAPTURED_ERR"
    check_no_match "$node" "$CAPTURED_OUT" "what ran"
    check_match "$node: tasks? .*: Exited with exit code 255" "$CAPTURED_ERR"
}

test_missing_on_one_node() {
    on_node "${NODES[1]}" "$FIXTURES" "$FIXTURES/demo/tmp"
    refused_on "${NODES[1]}" 'demo.sif: No such file' both --container="$ROOT_DEMO" sh -c "$WHERE"
    off_node "${NODES[1]}" "$FIXTURES"
    check_clean
}

# Missing where srun runs is found by srun alone, before anything is asked of Slurm.
test_missing_where_srun_runs() {
    on_node "$NODES_HUB" "$FIXTURES" "$FIXTURES/demo/tmp"
    check_refused 'demo.sif: No such file' both --container-image="$ROOT_DEMO" sh -c "$WHERE"
    off_node "$NODES_HUB" "$FIXTURES"
    check_clean
}

test_broken_on_one_node() {
    head -c 5000 "$DEMO" >"$FILE_TMP/cut.sif"
    chmod 0644 "$FILE_TMP/cut.sif"
    on_node "${NODES[1]}" "$DEMO" "$FILE_TMP/cut.sif"
    refused_on "${NODES[1]}" 'demo.sif' both --ntasks-per-node=4 --container="$DEMO" sh -c "$WHERE"
    off_node "${NODES[1]}" "$DEMO"
    check_clean
}

# Nobody asked for one content: a site that wants it requires signatures, or the user does.
test_another_content_on_one_node() {
    on_node "${NODES[1]}" "$DEMO" "$OTHER"
    capture both --container="$DEMO" sh -c "$WHERE"
    off_node "${NODES[1]}" "$DEMO"
    check_equal "$(printf '%s\n' "${NODES[0]} Berth demo" "${NODES[1]} Other")" "$(sort <<<"$CAPTURED_OUT")"
    check_clean
}

test_another_content_where_a_signature_is_asked_for() {
    signed_image "$TEST_HOME/signed.sif"
    cp "$TEST_HOME/signed.sif" "$FILE_TMP/flipped.sif"
    flip "$FILE_TMP/flipped.sif" $(($(partition_at "$FILE_TMP/flipped.sif") + 5000))
    chmod 0644 "$FILE_TMP/flipped.sif"
    local run=(both --container="$TEST_HOME/signed.sif" --container-verify sh -c "$WHERE")
    check_status 0 "${run[@]}"
    on_node "${NODES[1]}" "$TEST_HOME/signed.sif" "$FILE_TMP/flipped.sif"
    refused_on "${NODES[1]}" 'is not what was signed' "${run[@]}"
    off_node "${NODES[1]}" "$TEST_HOME/signed.sif"
    on_node "${NODES[1]}" "$TEST_HOME/signed.sif" "$OTHER"
    refused_on "${NODES[1]}" 'it is not signed' "${run[@]}"
    off_node "${NODES[1]}" "$TEST_HOME/signed.sif"
    check_clean
}

# With --kill-on-bad-exit the other nodes' tasks do not work on alone.
test_the_others_end_when_the_user_says_so() {
    on_node "${NODES[1]}" "$FIXTURES" "$FIXTURES/demo/tmp"
    capture both --ntasks-per-node=8 --kill-on-bad-exit=1 --container="$ROOT_DEMO" sleep 100
    check test "$CAPTURED_STATUS" -ne 0
    check_match "demo.sif: No such file.*\(node ${NODES[1]}\)" "$CAPTURED_ERR"
    off_node "${NODES[1]}" "$FIXTURES"
    check_clean
}

test_another_configuration_on_one_node() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf
    sed 's/^mount home.*/mount home = perhaps/' "$conf" >"$FILE_TMP/berth.conf"
    chmod 0644 "$FILE_TMP/berth.conf"
    on_node "${NODES[1]}" "$conf" "$FILE_TMP/berth.conf"
    refused_on "${NODES[1]}" 'berth.conf:[0-9]+' both --container="$DEMO" sh -c "$WHERE"
    off_node "${NODES[1]}" "$conf"
    check_clean
}
