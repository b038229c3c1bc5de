# shellcheck shell=bash disable=SC2016
# The image server lives as long as the step, and root's helpers while it starts. A weaker runtime runs them as the user,
# who then stops, traces, starves or rewrites what his container's files come from, or takes their descriptors.

setup_file() {
    slurm_up required
    meddle_built
}
teardown_file() {
    slurm_down
    rm -f "$MEDDLE"
}

# The premise: with a process of his own, most of it works.
test_what_the_user_can_do_with_his_own() {
    local victim
    in_background sleep 60
    victim=$!
    capture as_user timeout 20 "$MEDDLE" "$victim"
    check_match 'signal 1' "$CAPTURED_OUT"
    check_match 'affinity' "$CAPTURED_OUT"
    check_match 'priority' "$CAPTURED_OUT"
    kill -KILL "$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
}

test_from_outside_and_from_inside() {
    local server daemon
    in_background srun --quiet --container="$DEMO" sh -c 'sleep 4; cat /etc/os-release' >"$TEST_TMP/out"
    until_true 5 server_runs
    server=$(servers | head -n 1)
    check_output "" as_user "$MEDDLE" "$server"
    for daemon in $(cluster_step_daemons "$CLUSTER"); do check_output "" as_user "$MEDDLE" "$daemon"; done
    check_output "" as_user srun --overlap --quiet --container="$DEMO" --container-bind="$MEDDLE:/meddle" /meddle "$server"
    check_match 'State:.[SRD]' "$(grep State: "/proc/$server/status")"
    wait $! || fail "the step failed"
    check_match 'Berth demo' "$(<"$TEST_TMP/out")"
    check_clean
}

# Whatever of ours runs for a moment only, as root or as the image server's user. Of the slurmstepds the oldest: a younger one
# may be the user's own task before its exec.
test_the_helpers_of_a_starting_step() {
    local i hunter
    in_background sh -c ': >hunting; while [ -e hunting ]; do for p in $(pgrep "^berth-") $(pgrep -o slurmstepd); do echo "$p" >>met; '"$MEDDLE"' $p; done; done' \
        >"$TEST_TMP/worked" 2>/dev/null
    hunter=$!
    until_true 5 test -e "$TEST_HOME/hunting"
    for ((i = 0; i < 15; ++i)); do in_image "Berth demo" step "$DEMO"; done
    rm "$TEST_HOME/hunting"
    wait "$hunter" || true
    check test "$(sort -u "$TEST_HOME/met" | wc -l)" -gt 3
    check_equal "" "$(sort "$TEST_TMP/worked" | uniq -c)" "what worked"
    rm -f "$TEST_HOME/met"
    check_clean
}

# Whoever a connection belongs to can end it by a file.
test_the_connection() {
    local server file
    [[ -d /sys/fs/fuse/connections ]] || skip "no FUSE connections are shown here"
    in_background srun --quiet --container="$DEMO" sh -c 'sleep 2; cat /etc/os-release' >"$TEST_TMP/out"
    until_true 5 server_runs
    for file in /sys/fs/fuse/connections/*/abort; do
        [[ -e $file && $(stat -c %u "$file") == "$TEST_SERVER_UID" ]] || continue
        server=found
        check_match 'no \(EACCES\)' "$(as_user "$FIXTURES/probe" write "$file")"
        check_match 'no \(E(ACCES|ROFS|NOENT)\)' "$(as_user srun --overlap --quiet --container="$DEMO" probe write "$file")"
    done
    wait $! || fail "the step failed"
    check_equal found "${server:-}" "a connection of the image server's"
    check_match 'Berth demo' "$(<"$TEST_TMP/out")"
    check_clean
}
