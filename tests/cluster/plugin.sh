# shellcheck shell=bash disable=SC2016
# A node whose installation lacks the plugin. Slurm's own --container does nothing there, and it only warns of a plugin's
# option that it does not know: a weaker runtime's command runs on the host. Here it does not run, and the error names the node.

setup_file() {
    CLUSTER_EXTRA='LaunchParameters=use_interactive_step' nodes_up
    : >"$FILE_TMP/empty"
    mkdir -m 0755 "$FILE_TMP/folder"
    chmod 0644 "$FILE_TMP/empty"
}
teardown_file() { nodes_down; }

WHERE='. /etc/os-release; echo "$(hostname) $NAME"'

both() { as_user srun -N2 --nodelist="${NODES[0]},${NODES[1]}" "$@"; }

# Without a line in its plugstack.conf, or, where the line says "optional", without the file.
without_line() { on_node "${NODES[1]}" "$CLUSTER/plugstack.conf" "$FILE_TMP/empty"; }
with_line() { off_node "${NODES[1]}" "$CLUSTER/plugstack.conf"; }
without_file() { on_node "${NODES[1]}" "$BERTH_PREFIX/lib" "$FILE_TMP/folder"; }
with_file() { off_node "${NODES[1]}" "$BERTH_PREFIX/lib"; }

# runs_on_the_first_only COMMAND…
runs_on_the_first_only() {
    capture "$@"
    check_equal "${NODES[0]} Berth demo" "$CAPTURED_OUT" "$CAPTURED_ERR; what ran"
}

# guarded COMMAND…: the second node says why it does not run the command, and srun fails.
guarded() {
    runs_on_the_first_only "$@"
    check_equal 2 "$CAPTURED_STATUS"
    check_match "${NODES[1]}: error: execve\(\): .*this node's Slurm does not load berth_spank.so" "$CAPTURED_ERR"
    check_match "${NODES[1]}: task 1: Exited with exit code 2" "$CAPTURED_ERR"
}

test_no_line_in_plugstack_conf() {
    local option
    without_line
    for option in container container-image; do
        guarded both "--$option=$DEMO" sh -c "$WHERE"
        guarded as_user env "PATH=/usr/bin:/bin" srun -N2 --export=NONE --nodelist="${NODES[0]},${NODES[1]}" "--$option=$DEMO" /bin/sh -c "$WHERE"
    done
    # Who asks for no container is not disturbed.
    check_status 0 both true
    check_status 0 both --container=none true
    with_line
    check_clean
}

test_steps_of_an_allocation() {
    without_line
    guarded as_user salloc --quiet -N2 --nodelist="${NODES[0]},${NODES[1]}" --container="$DEMO" srun sh -c "$WHERE"
    guarded as_user salloc --quiet -N2 --nodelist="${NODES[0]},${NODES[1]}" --container-image="$DEMO" srun sh -c "$WHERE"
    with_line
    check_clean
}

test_an_image_by_default() {
    cluster_set_plugstack "$(spank_line required "default=$DEMO")"
    without_line
    guarded both sh -c "$WHERE"
    with_line
    cluster_set_plugstack "$(spank_line required)"
    check_clean
}

test_an_optional_plugin_that_is_missing() {
    cluster_set_plugstack "$(spank_line optional)"
    without_file
    guarded both --container="$DEMO" sh -c "$WHERE"
    guarded both --container-image="$DEMO" sh -c "$WHERE"
    with_file
    cluster_set_plugstack "$(spank_line required)"
    check_clean
}

# Slurm itself ends the step there, whatever it asked for; its srun has no word of the node, slurmd's log has.
test_a_required_plugin_that_is_missing() {
    without_file
    runs_on_the_first_only both --container="$DEMO" sh -c "$WHERE"
    check_match 'Plugin initialization failed' "$CAPTURED_ERR"
    with_file
    check_clean
}

# Where the plugin is, a command's name is what it was.
test_commands_are_what_they_were() {
    local run=(as_user srun -w "${NODES[0]}" --container="$DEMO")
    check_output /bin/sh "${run[@]}" sh -c 'echo $0'
    check_output 'a  b' "${run[@]}" /bin/echo 'a  b'
    check_fails_with 2 'execve\(\): no-such-command: No such file' "${run[@]}" no-such-command
    check_status 0 "${run[@]}" --bcast="$TEST_HOME/copy" "$FIXTURES/probe" read /dev/null
    check_clean
}

# What srun cannot guard: a batch script's own commands, --multi-prog, and the further components of a heterogeneous step. A
# site checks its nodes before jobs run on them, as the admin guide says: such a node is drained, and the job waits.
test_a_prolog_keeps_jobs_from_such_a_node() {
    local job
    printf '#!/bin/sh\nexec %s/bin/berth doctor --quiet\n' "$BERTH_PREFIX" >"$FILE_TMP/prolog"
    chmod 0755 "$FILE_TMP/prolog"
    printf 'Prolog=%s\n' "$FILE_TMP/prolog" >>"$SLURM_CONF"
    scontrol reconfigure
    without_line
    batch_script "$TEST_HOME/job.sh" "$WHERE >>$TEST_HOME/saw"
    job=$(as_user sbatch --parsable --output=/dev/null --nodelist="${NODES[1]}" --container="$DEMO" job.sh)
    until_true 20 nodes_state_is "${NODES[1]}" drained || fail "$(sinfo --format='%N %T %E')"
    check_match 'Prolog error' "$(sinfo --noheader --nodes="${NODES[1]}" --format=%E)"
    check test ! -e "$TEST_HOME/saw"
    check_match 'held' "$(squeue --noheader --job="$job" --format=%r)"
    check as_user scancel "$job"
    batch_job --output=/dev/null --nodelist="${NODES[0]}" --container="$DEMO" job.sh
    check_equal "${NODES[0]} Berth demo" "$(cat "$TEST_HOME/saw")"
    with_line
    sed -i '/^Prolog=/d' "$SLURM_CONF"
    scontrol reconfigure
    scontrol update NodeName="${NODES[1]}" State=RESUME
    check_clean
}
