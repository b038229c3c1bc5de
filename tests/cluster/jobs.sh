# shellcheck shell=bash disable=SC2016
# Jobs of several nodes: sbatch with sruns inside, arrays of steps, heterogeneous jobs.

setup_file() { nodes_up; }
teardown_file() { nodes_down; }

WHERE='. /etc/os-release; echo "$(hostname) $NAME"'

# on_each NAME [NODE…]: what WHERE prints on these nodes in that image, sorted.
on_each() {
    local name=$1
    shift
    printf "%s $name\n" "$@" | sort
}

test_a_script_on_four_nodes() {
    batch_script "$TEST_HOME/job.sh" "$WHERE >saw-script" 'echo "$SLURM_JOB_NUM_NODES" >saw-count'
    batch_job -N4 --output=job.out --chdir="$TEST_HOME" --container="$DEMO" job.sh
    check_equal "${NODES[0]} Berth demo" "$(cat "$TEST_HOME/saw-script")" "$(cat "$TEST_HOME/job.out")"
    check_equal 4 "$(cat "$TEST_HOME/saw-count")"
    check_clean
}

test_sruns_in_a_script_on_four_nodes() {
    batch_script "$TEST_HOME/job.sh" "srun -Q --container=$DEMO sh -c '$WHERE' >saw-all" \
        "srun -Q -N2 -n2 --exact --container=$DEMO sh -c '$WHERE' >saw-first &" \
        "srun -Q -N2 -n2 --exact --relative=2 --container=$OTHER sh -c '$WHERE' >saw-second &" 'wait' 'srun -Q hostname >saw-plain'
    batch_job -N4 --ntasks-per-node=1 --output=job.out --chdir="$TEST_HOME" job.sh
    check_equal 0 "$JOB_STATUS" "$(cat "$TEST_HOME/job.out")"
    check_equal "$(on_each 'Berth demo' "${NODES[@]}")" "$(sort "$TEST_HOME/saw-all")"
    check_equal "$(on_each 'Berth demo' "${NODES[@]:0:2}")" "$(sort "$TEST_HOME/saw-first")"
    check_equal "$(on_each Other "${NODES[@]:2}")" "$(sort "$TEST_HOME/saw-second")"
    check_equal "$(printf '%s\n' "${NODES[@]}")" "$(sort "$TEST_HOME/saw-plain")"
    check_clean
}

test_many_steps_at_once() {
    batch_script "$TEST_HOME/job.sh" 'for i in $(seq 12); do' \
        "  srun -Q -N4 -n4 --overlap --container=$DEMO sh -c '. /etc/os-release; echo \$NAME' >saw-\$i &" 'done' 'wait'
    batch_job -N4 --ntasks-per-node=1 --output=job.out --chdir="$TEST_HOME" job.sh
    check_equal 48 "$(cat "$TEST_HOME"/saw-[0-9]* | grep -cx 'Berth demo')" "$(cat "$TEST_HOME/job.out")"
    check_clean
}

test_a_heterogeneous_job() {
    local option
    for option in container container-image; do
        capture as_user srun -n2 "--$option=$DEMO" sh -c "$WHERE" : -n1 "--$option=$DEMO" sh -c "$WHERE"
        check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
        check_equal 3 "$(grep -c ' Berth demo$' <<<"$CAPTURED_OUT")" "$CAPTURED_OUT"
        check_equal 2 "$(sort -u <<<"$CAPTURED_OUT" | wc -l)" "nodes of: $CAPTURED_OUT; count"
    done
    check_clean
}

# Slurm has one value for all components: the last one's of a plugin's option, and the first one's of --container. A weaker
# runtime runs a component in the other one's image.
test_components_that_differ_are_refused() {
    check_refused 'components' as_user srun -n1 --container="$DEMO" true : -n1 --container="$OTHER" true
    check_refused 'components' as_user srun -n1 --container "$DEMO" true : -n1 --container "$OTHER" true
    check_refused 'components' as_user srun -n1 --container-image="$DEMO" true : -n1 --container-image="$OTHER" true
    check_refused 'components' as_user srun -n1 --container="$DEMO" true : -n1 --container="$DEMO" --container-bind=/usr:/mnt true
    check_refused 'components' as_user srun -n1 true : -n1 --container-image="$OTHER" true
    check_clean
}

test_components_of_which_one_speaks_for_all() {
    capture as_user srun -n1 --container-image="$DEMO" sh -c "$WHERE" : -n1 sh -c "$WHERE"
    check_equal "0 2" "$CAPTURED_STATUS $(grep -c ' Berth demo$' <<<"$CAPTURED_OUT")" "$CAPTURED_ERR"
    capture as_user srun -n1 --container="$DEMO" sh -c "$WHERE" : -n1 sh -c "$WHERE"
    check_equal "0 2" "$CAPTURED_STATUS $(grep -c ' Berth demo$' <<<"$CAPTURED_OUT")" "$CAPTURED_ERR"
    check_clean
}
