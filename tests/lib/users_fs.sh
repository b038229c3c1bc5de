# shellcheck shell=bash
# FUSE file systems that a user serves (tests/attacks/users_fs.c). Sourced after user.sh and check.sh.

# users_fs_built: compiles the server; for setup_file. Where there is no FUSE, users_fs_reason says so, for skip_file.
users_fs_built() { gcc -O1 -o "$FILE_TMP/users_fs" "$BERTH_SOURCE/tests/attacks/users_fs.c"; }
users_fs_reason() { sh -c ': <>/dev/fuse' 2>/dev/null || echo "/dev/fuse cannot be opened here"; }

# users_fs_up KIND FOLDER [IMAGE]: makes FOLDER and mounts there; the server's process id is in USERS_FS.
users_fs_up() {
    as_user mkdir -p "$2"
    "$FILE_TMP/users_fs" "$1" "$2" "$TEST_UID:$TEST_GID" "${@:3}" &
    # shellcheck disable=SC2034
    USERS_FS=$!
    until_true 5 grep -q " $2 " /proc/self/mounts || fail "no FUSE file system of the user's at $2"
    check as_user test -d "$2/."
}

# users_fs_down FOLDER PID
users_fs_down() {
    kill -KILL "$2" 2>/dev/null || true
    umount -l "$1" 2>/dev/null || true
    wait "$2" 2>/dev/null || true
}
