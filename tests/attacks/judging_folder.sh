# shellcheck shell=bash
# A folder as an image, on a file system that decides itself who may read (NFS with ACLs or Kerberos, FUSE). A weaker
# runtime lays an overlay over it as root, and the kernel then reads the layer with root's rights, for everybody.

setup_file() {
    slurm_up required
    JUDGED=$BERTH_TEST_ROOT/judged
    mkdir -m 0755 "$JUDGED"
    # shellcheck disable=SC2046
    "${CC:-cc}" -o "$FILE_TMP/judging_fs" "$BERTH_SOURCE/tests/attacks/judging_fs.c" $(pkg-config --cflags --libs fuse3)
    "$FILE_TMP/judging_fs" "$JUDGED" &
    JUDGE=$!
    until_true 5 test -e "$JUDGED/secret"
}
teardown_file() {
    slurm_down
    umount "$JUDGED" || kill "$JUDGE"
    wait "$JUDGE" || true
}

skip_file() { [[ -c /dev/fuse ]] || echo "/dev/fuse cannot be opened here"; }

test_what_the_user_may_not_read_stays_unread() {
    check cat "$JUDGED/secret"
    check_fails_with 1 'ermission denied' as_user cat "$JUDGED/secret"
    local inside=(srun --container="$JUDGED" --container-bind="$(command -v busybox):/busybox" /busybox)
    check_output secret as_user "${inside[@]}" basename /secret  # a container stands on that file system
    capture as_user "${inside[@]}" cat /secret
    check_match 'ermission denied' "$CAPTURED_ERR"
    check_no_match 'the secret' "$CAPTURED_OUT$CAPTURED_ERR"
    check test "$CAPTURED_STATUS" -ne 0
    capture as_user srun --container="$DEMO" --container-bind="$JUDGED:/mnt" cat /mnt/secret
    check_no_match 'the secret' "$CAPTURED_OUT$CAPTURED_ERR"
    check_clean
}
