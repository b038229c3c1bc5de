# shellcheck shell=bash
# A weaker runtime leaves the container's mounts in the host's peer groups: what is mounted inside then appears outside.

setup_file() {
    slurm_up required
    mkdir -m 0755 "$BERTH_TEST_ROOT/shared-mount"
    mount -t tmpfs -o mode=0777 none "$BERTH_TEST_ROOT/shared-mount"
    mount --make-shared "$BERTH_TEST_ROOT/shared-mount"
    mkdir -m 0777 "$BERTH_TEST_ROOT/shared-mount/inner" "$BERTH_TEST_ROOT/shared-mount/deep"
    mount -t tmpfs -o mode=0777 none "$BERTH_TEST_ROOT/shared-mount/deep"
    mount --make-shared "$BERTH_TEST_ROOT/shared-mount/deep"
    mkdir -m 0777 "$BERTH_TEST_ROOT/shared-mount/deep/inner"
}
teardown_file() {
    slurm_down
    umount -l "$BERTH_TEST_ROOT/shared-mount/deep" "$BERTH_TEST_ROOT/shared-mount" || true
}

mounts() { awk '{print $3, $4, $5}' /proc/self/mountinfo | sort; }

test_nothing_mounted_inside_reaches_the_host() {
    local before
    before=$(mounts)
    as_user srun -n2 --container="$DEMO" --container-bind="$BERTH_TEST_ROOT/shared-mount:/mnt,$TEST_HOME:/mnt/inner,$TEST_HOME:/mnt/deep/inner" \
        sh -c 'sleep 1; cat /proc/self/mountinfo' >"$TEST_TMP/inside" &
    sleep 0.5
    check_equal "$before" "$(mounts)" "the host's mounts while the step runs"
    wait $! || fail "the step failed"
    check_equal "" "$(grep ' shared:' "$TEST_TMP/inside" || true)" "mounts in the container that are shared"
    check_equal "$before" "$(mounts)" "the host's mounts afterwards"
    check_clean
}

test_a_namespace_made_inside_mounts_for_itself() {
    local before
    before=$(mounts)
    as_user srun --container="$DEMO" --container-bind="$BERTH_TEST_ROOT/shared-mount:/mnt" \
        unshare -Urm sh -c 'mount -t tmpfs none /mnt/inner; mount -t tmpfs none /mnt/deep; mount -t tmpfs none /tmp; sleep 1' 2>/dev/null &
    sleep 0.7
    check_equal "$before" "$(mounts)" "the host's mounts while the step runs"
    wait $! || true
    check_clean
}

# What the host mounts later beneath a writable bind is the host's, with its flags, or not there at all.
test_what_the_host_mounts_later_beneath_a_writable_one() {
    local slave later=$BERTH_TEST_ROOT/shared-mount/writable
    mkdir -m 0777 "$later"
    for slave in yes no; do
        configure_release 'mount slave' "$slave"
        as_user srun --container="$DEMO" --container-bind="$BERTH_TEST_ROOT/shared-mount:/mnt" \
            sh -c 'sleep 2; ls /mnt/writable; touch /mnt/writable/by-the-step; grep " /mnt/writable" /proc/self/mountinfo' >"$TEST_TMP/$slave" 2>/dev/null &
        sleep 1
        mount -t tmpfs -o mode=0777,nosuid,nodev,noexec none "$later"
        touch "$later/the-hosts"
        wait $! || true
        umount "$later"
        rm -f "$later"/*
    done
    configure_release 'mount slave' yes
    rmdir "$later"
    check_match 'the-hosts.*nosuid,nodev,noexec' "$(tr '\n' ' ' <"$TEST_TMP/yes")"
    check_equal "" "$(<"$TEST_TMP/no")" "what the container sees of it without mount slave"
    check_clean
}

# A weaker runtime restricts what is mounted now, and takes in what the host mounts later with that mount's own flags.
test_what_the_host_mounts_later_is_no_hole_in_a_read_only_bind() {
    local deep=$BERTH_TEST_ROOT/shared-mount/later
    mkdir -m 0777 "$deep"
    as_user srun --container="$DEMO" --container-bind="$BERTH_TEST_ROOT/shared-mount:/mnt:ro" \
        sh -c 'sleep 2; touch /mnt/later/written && echo WRITTEN; grep " /mnt" /proc/self/mountinfo' >"$TEST_TMP/inside" 2>/dev/null &
    sleep 1
    mount -t tmpfs -o mode=0777 none "$deep"
    wait $! || true
    check_equal "" "$(ls "$deep")" "what the step wrote beneath a read-only bind"
    umount "$deep"
    check_match ' /mnt ' "$(<"$TEST_TMP/inside")"
    check_no_match WRITTEN "$(<"$TEST_TMP/inside")"
    check_clean
}
