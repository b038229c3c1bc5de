# shellcheck shell=bash disable=SC2016
# `limit container paths` and `owners`, and every other name for the image. A weaker runtime compares the beginnings of
# strings, or believes whom a file system says a file belongs to.

setup_file() {
    APPS=$BERTH_TEST_ROOT/apps
    mkdir -m 0755 "$APPS" "$APPS/sub" "$BERTH_TEST_ROOT/mirror"
    limits paths "$APPS"
    slurm_up required "config=$BERTH_TEST_ROOT/paths.conf"
    users_fs_built
    install -m 0644 "$DEMO" "$APPS/good.sif"
    EVIL=$BERTH_TEST_ROOT/apps2
    install -d -o "$TEST_USER" "$EVIL" "$BERTH_TEST_ROOT/apps.d"
    install -o "$TEST_USER" "$OTHER" "$EVIL/good.sif"
    install -o "$TEST_USER" "$OTHER" "$BERTH_TEST_ROOT/apps.d/good.sif"
}
teardown_file() {
    slurm_down
    umount "$BERTH_TEST_ROOT/mirror" 2>/dev/null || true
    rm -rf --one-file-system "$APPS" "$EVIL" "$BERTH_TEST_ROOT/apps.d" "$BERTH_TEST_ROOT/mirror"
}

# limits paths|owners|groups VALUE: a berth.conf with that limit.
limits() {
    local conf=$BERTH_TEST_ROOT/$1.conf
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$conf.new"
    sed -i -E "s|^#? ?limit container $1 *=.*|limit container $1 = $2|" "$conf.new"
    mv "$conf.new" "$conf"
}

# with_limits KIND: the steps from now on obey that file.
with_limits() { cluster_set_plugstack "$(spank_line required "config=$BERTH_TEST_ROOT/$1.conf")"; }

# never_other IMAGE [ARGUMENT…]: whatever the user's own image is called, it does not run.
never_other() {
    capture as_user timeout 30 srun --quiet "${@:2}" --container-image="$1" grep ^NAME= /etc/os-release
    check_equal 255 "$CAPTURED_STATUS" "status of $1; stdout: $CAPTURED_OUT; stderr: $CAPTURED_ERR"
    check_equal "" "$CAPTURED_OUT" "output of $1"
}

test_other_names() {
    local name long
    in_image "Berth demo" step "$APPS/good.sif"
    in_image "Berth demo" step "$APPS/.././apps//sub/..///good.sif"
    long=$(printf './%.0s' {1..1800})
    for name in "$EVIL/good.sif" "$APPS/../apps2/good.sif" "$APPS//..//apps2//good.sif" "$APPS/sub/../../apps2/good.sif" "$APPS/../apps2/./good.sif" \
        "${APPS}2/good.sif" "$BERTH_TEST_ROOT/apps.d/good.sif" "/$APPS/../../$EVIL/good.sif" "$EVIL/${long}good.sif" "$EVIL/$APPS/good.sif" \
        "$APPS/good.sif/../../apps2/good.sif" "$APPS/good.sif/" "$APPS/good.sif (deleted)"; do
        never_other "$name"
    done
    never_other ../apps2/good.sif --chdir="$APPS"
    never_other good.sif --chdir="$EVIL"
    in_image "Berth demo" as_user sh -c 'cd "$1" && shift && exec srun --container-image=../apps/good.sif "$@"' sh "$EVIL"
    check_clean
}

test_links_of_proc() {
    local name
    for name in "/proc/self/cwd/good.sif" "/proc/thread-self/cwd/good.sif" "/proc/self/root$EVIL/good.sif" "/proc/1/root$EVIL/good.sif" \
        "/proc/self/fd/0" "/proc/self/fd/3" "/proc/self/fd/4" "/dev/fd/3" "/dev/stdin"; do
        never_other "$name" --chdir="$EVIL"
        never_other "$name" --chdir="$APPS"
    done
    capture as_user sh -c "srun --quiet --chdir=$APPS --container-image=/proc/self/fd/0 true <$EVIL/good.sif"
    check test "$CAPTURED_STATUS" -ne 0
    check_clean
}

# The site's own links are followed, and where they lead counts; those of users decide nothing.
test_links() {
    ln -s "$EVIL" "$APPS/shared"
    never_other "$APPS/shared/good.sif"
    rm "$APPS/shared"
    as_user ln -sfn "$APPS" "$TEST_HOME/mine"
    in_image "Berth demo" step "$TEST_HOME/mine/good.sif"
    as_user ln -sfn "$EVIL" "$TEST_HOME/mine"
    limits paths "$TEST_HOME/mine"
    never_other "$TEST_HOME/mine/good.sif"
    never_other "$EVIL/good.sif"
    limits paths "$APPS"
    check_clean
}

test_hard_links_and_mounts() {
    capture as_user ln "$OTHER" "$APPS/mine.sif"
    check test "$CAPTURED_STATUS" -ne 0
    ln "$APPS/good.sif" "$EVIL/hard.sif"
    never_other "$EVIL/hard.sif"
    mount --bind "$APPS" "$BERTH_TEST_ROOT/mirror"
    never_other "$BERTH_TEST_ROOT/mirror/good.sif"
    umount "$BERTH_TEST_ROOT/mirror"
    check_clean
}

test_folders_as_images() {
    local name
    cp -a "$FIXTURES/demo" "$APPS/folder"
    cp -a "$FIXTURES/other" "$EVIL/folder"
    in_image "Berth demo" step "$APPS/folder"
    for name in "$EVIL/folder" "$APPS/../apps2/folder" / "$APPS/.." /proc/self/root "$APPS/../.."; do never_other "$name"; done
    limits owners root
    with_limits owners
    for name in "$EVIL/folder" "$APPS/folder" /; do never_other "$name"; done
    with_limits paths
    check_clean
}

# Whose a file is, a FUSE file system of the user's says as it likes.
test_an_owner_that_is_only_claimed() {
    FORGED=$TEST_HOME/forged
    [[ -z $(users_fs_reason) ]] || skip "$(users_fs_reason)"
    limits owners root
    limits groups root
    users_fs_up forging+ "$FORGED" "$OTHER"
    trap 'users_fs_down "$FORGED" "$USERS_FS"' EXIT
    check_equal 0 "$(as_user stat -c %u "$FORGED/image.sif")" "the owner that it claims"
    with_limits owners
    in_image "Berth demo" step "$APPS/good.sif"
    never_other "$FORGED/image.sif"
    with_limits groups
    never_other "$FORGED/image.sif"
    with_limits paths
    users_fs_down "$FORGED" "$USERS_FS"
    check_clean
}
