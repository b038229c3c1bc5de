# shellcheck shell=bash
# The kernel's squashfs may only see an image that nobody but root can change. A weaker runtime looks at the owner alone.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# driver IMAGE: what Berth would use.
driver() { as_user srun --quiet --container="$1" --container-explain true | awk '/image driver/ {print $3}'; }

test_only_what_root_alone_controls() {
    local place=$BERTH_TEST_ROOT/place
    mkdir -m 0755 "$place"
    install -m 0644 "$DEMO" "$place/image.sif"
    check_equal kernel "$(driver "$place/image.sif")"
    chmod 0664 "$place/image.sif"
    check_equal FUSE, "$(driver "$place/image.sif")" "an image that a group may write"
    chmod 0644 "$place/image.sif"
    chmod 1777 "$place"
    check_equal FUSE, "$(driver "$place/image.sif")" "an image in a folder that all may write"
    chmod 0755 "$place"
    chown "$TEST_USER" "$place"
    check_equal FUSE, "$(driver "$place/image.sif")" "an image in a folder of the user's"
    chown root "$place"
    chown "$TEST_USER" "$place/image.sif"
    check_equal FUSE, "$(driver "$place/image.sif")" "an image of the user's"
    rm -rf "$place"
    check_clean
}

test_access_control_lists() {
    local place=$BERTH_TEST_ROOT/listed
    mkdir -m 0755 "$place"
    install -m 0644 "$DEMO" "$place/image.sif"
    acl_for_user "$place/image.sif" 7
    check_equal FUSE, "$(driver "$place/image.sif")" "an image that a list lets the user write"
    rm -f "$place/image.sif"
    install -m 0644 "$DEMO" "$place/image.sif"
    acl_for_user "$place" 7
    check_equal FUSE, "$(driver "$place/image.sif")" "an image in a folder that a list lets the user write"
    rm -rf "$place"
    check_clean
}

test_links_and_namespaces_of_the_users() {
    local holder
    as_user ln -sf "$ROOT_DEMO" link.sif
    check_equal kernel "$(driver link.sif)" "a link to root's image"
    in_background unshare --user --map-root-user --mount sh -c "mount --bind $OTHER $ROOT_DEMO && : >ready && exec sleep 60"
    holder=$!
    until_true 10 test -e "$TEST_HOME/ready" || skip "no user namespaces here"
    rm "$TEST_HOME/ready"
    check_no_match kernel "$(driver "/proc/$holder/root$ROOT_DEMO" 2>/dev/null || true)" "the user's image under the name of root's"
    kill "$holder"
    check_clean
}
