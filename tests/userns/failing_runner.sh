# shellcheck shell=bash
# Preparing a container without privilege, failing at every step in turn: nothing is left.

skip_file() { no_userns_reason; }
setup_file() {
    # shellcheck source=tests/lib/failing_runner.sh
    . "$BERTH_SOURCE/tests/lib/failing_runner.sh"
    fixtures_create
    RUNNER_FOR=()
    LEAKS_BEFORE=$(leaks_state)
}

test_an_image() {
    fails_at_every_step 'FUSE in a user namespace' as_user "$RUNNER" "$DEMO"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE")"
}

test_a_folder() {
    fails_at_every_step directory as_user "$RUNNER" "$FIXTURES/demo"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE")"
}

# The tests above would be worth nothing if it saw nothing.
test_it_sees_what_is_left() {
    check_status 1 as_user env BERTH_FAILING_RUNNER_LEAKS=1 "$RUNNER" "$DEMO" "$BERTH_PREFIX/etc/berth/berth.conf"
    check_match 'left behind: process [0-9]+: ' "$CAPTURED_OUT"
    check_match 'left behind: file .*/berth-failing-runner' "$CAPTURED_OUT"
    rm -f "$TEST_HOME"/berth-failing-runner*
    until_true 10 no_leaking_process || fail "the leaking processes do not end"
}

no_leaking_process() { ! pgrep -U "$TEST_UID" -f berth_failing_runner >/dev/null; }
