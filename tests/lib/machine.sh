# shellcheck shell=bash
# What this machine allows, found by trying. Each need_* of a test skips with the reason. Sourced after user.sh, check.sh.

# fuse_for_user [FOLDER]: lets the test user open /dev/fuse, as a desktop or a cluster node does. Where its mode forbids that, a
# node with mode 0666 on a tmpfs of ours, at FOLDER, is mounted over it, in the mount namespace of this run only.
fuse_for_user() {
    local folder=${1:-$BERTH_TEST_ROOT/dev}
    user_opens_fuse && return 0
    [[ -e /dev/fuse ]] || return 0
    mkdir "$folder"
    mount -t tmpfs -o mode=0755,nosuid berth-test-dev "$folder"
    if mknod -m 0666 "$folder/fuse" c 10 229 2>/dev/null; then mount --bind "$folder/fuse" /dev/fuse; fi
    user_opens_fuse || fuse_as_before "$folder"
}

# fuse_as_before [FOLDER]
fuse_as_before() {
    local folder=${1:-$BERTH_TEST_ROOT/dev}
    mountpoint -q "$folder" || return 0
    if grep -q ' /dev/fuse ' /proc/self/mountinfo; then umount -l /dev/fuse; fi
    umount -l "$folder"
    rmdir "$folder"
}

# Lists the FUSE connections of the machine, by which a server that outlives its mount is found.
show_fuse_connections() {
    [[ -d /sys/fs/fuse/connections ]] || return 0
    mountpoint -q /sys/fs/fuse/connections || mount -t fusectl berth-test /sys/fs/fuse/connections 2>/dev/null || true
}

user_opens_fuse() { as_user sh -c ': <>/dev/fuse' 2>/dev/null; }

# no_userns_reason: why a user cannot run containers here without privilege; nothing when he can. For skip_file.
no_userns_reason() {
    if ! as_user unshare --user --map-root-user --mount true 2>/dev/null; then
        echo "user namespaces are not allowed here"
    elif ! user_opens_fuse; then
        echo "/dev/fuse cannot be opened here by an unprivileged user"
    fi
}

need_device_nodes() {
    mknod "$TEST_TMP/.probe" c 1 3 2>/dev/null || skip "device nodes cannot be made here"
    rm -f "$TEST_TMP/.probe"
}

need_loop() {
    local device
    device=$(losetup --find 2>/dev/null) || device=''
    [[ -e $device ]] || skip "loop devices are not available here"
}

need_corpus() { [[ -n ${BERTH_TEST_CORPUS:-} ]] || skip "BERTH_TEST_CORPUS is not set: no images that others made"; }
