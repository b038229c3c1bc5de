# shellcheck shell=bash
# A FUSE file system of the user's that answers nonsense: as the image, as a folder that is the image, as a bind source,
# as the working directory and as home. A weaker runtime believes it as root, or waits for it for ever.

setup_file() {
    slurm_up required early-check=no
    users_fs_built
    NONSENSE=$TEST_HOME/nonsense
    HOST=$(grep ^NAME= /etc/os-release)
}
teardown_file() { slurm_down; }
skip_file() { users_fs_reason; }

# ends_in_time ARGUMENT…: the step starts or not; it sees nothing of the host's, and does not keep the node.
ends_in_time() {
    capture as_user timeout 60 srun --quiet -n1 "$@" /bin/sh -c 'cat /etc/os-release; exec /bin/probe ids'
    [[ $CAPTURED_STATUS -ne 124 ]] || fail "does not end: $*"
    check_no_match "$HOST" "$CAPTURED_OUT"
    check_no_match 'uids: 0|uids: [0-9]+ 0' "$CAPTURED_OUT"
}

# with_nonsense KIND ARGUMENT…: some times, as what it answers comes by chance; a mount that is gone in between, too.
with_nonsense() {
    local kind=$1 round
    shift
    for round in 1 2 3 4; do
        users_fs_up "$kind" "$NONSENSE"
        trap 'users_fs_down "$NONSENSE" "$USERS_FS"' EXIT
        ends_in_time "$@"
        ends_in_time "$@"
        kill -KILL "$USERS_FS"
        [[ $round != 4 ]] || ends_in_time "$@"
        users_fs_down "$NONSENSE" "$USERS_FS"
    done
    check_clean
}

test_the_image() {
    with_nonsense nonsense --container-image="$NONSENSE/image.sif"
    with_nonsense nonsense+ --container-image="$NONSENSE/image.sif"
}

test_a_folder_that_is_the_image() {
    with_nonsense nonsense --container-image="$NONSENSE"
    with_nonsense nonsense+ --container-image="$NONSENSE"
}

test_a_bind_source() {
    with_nonsense nonsense --container="$DEMO" --container-bind="$NONSENSE/x:/mnt,$NONSENSE:/opt"
    with_nonsense nonsense+ --container="$DEMO" --container-bind="$NONSENSE/x:/mnt,$NONSENSE:/opt"
}

test_the_working_directory() {
    with_nonsense nonsense --container="$DEMO" --chdir="$NONSENSE"
    with_nonsense nonsense+ --container="$DEMO" --chdir="$NONSENSE"
}

test_home() {
    with_nonsense nonsense --container="$DEMO" --container-home="$NONSENSE"
    with_nonsense nonsense+ --container="$DEMO" --container-home="$NONSENSE:/h"
}
