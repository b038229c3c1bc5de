# shellcheck shell=bash
# Preparing a step's container as root for a user, failing at every step in turn: nothing is left.

setup_file() {
    # shellcheck source=tests/lib/failing_runner.sh
    . "$BERTH_SOURCE/tests/lib/failing_runner.sh"
    fixtures_create
    RUNNER_FOR=("$TEST_UID" "$TEST_GID")
    LEAKS_BEFORE=$(leaks_state)
}

# The user's own image: a FUSE server.
test_a_users_image() {
    [[ -e /dev/fuse ]] || skip "/dev/fuse cannot be opened here"
    fails_at_every_step 'FUSE, by a server of its own user' "$RUNNER" "$DEMO"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE")"
}

# Root's image: the kernel on a loop device.
test_roots_image() {
    need_loop
    fails_at_every_step 'kernel squashfs on a loop device' "$RUNNER" "$ROOT_DEMO"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE")"
}

test_a_folder() {
    fails_at_every_step directory "$RUNNER" "$FIXTURES/demo"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE")"
}
