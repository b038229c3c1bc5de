# shellcheck shell=bash disable=SC2016
# An image named through /proc/PID/root lies in a mount namespace of the user's own, where he can mount what he likes at
# any path. A weaker runtime takes the name that the kernel gives such a file for a path of the host, and so lets the
# user's image pass as one from the site's own folder.

setup_file() {
    APPROVED=$BERTH_TEST_ROOT/approved
    mkdir -m 0755 "$APPROVED"
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$BERTH_TEST_ROOT/limits.conf"
    sed -i -E "s|^#? ?limit container paths *=.*|limit container paths = $APPROVED|" "$BERTH_TEST_ROOT/limits.conf"
    slurm_up required "config=$BERTH_TEST_ROOT/limits.conf"
    install -m 0644 "$DEMO" "$APPROVED/good.sif"
}
teardown_file() { slurm_down; }

# own_namespace COMMAND: a process of the user's in namespaces of his own, in which COMMAND was run; its id is in HOLDER.
own_namespace() {
    in_background unshare --user --map-root-user --mount sh -c "$1"' && : >ready && exec sleep 60'
    HOLDER=$!
    until_true 10 test -e "$TEST_HOME/ready" || skip "no user namespaces here"
    rm "$TEST_HOME/ready"
}

test_a_folder_of_the_sites_in_a_namespace_of_the_users() {
    in_image "Berth demo" step "$APPROVED/good.sif"
    check_refused 'limit container paths' step "$OTHER" true
    own_namespace "mount -t tmpfs none $APPROVED && cp $OTHER $APPROVED/good.sif"
    capture step "/proc/$HOLDER/root$APPROVED/good.sif" grep ^NAME= /etc/os-release
    kill "$HOLDER"
    check_equal 255 "$CAPTURED_STATUS" "status; stdout: $CAPTURED_OUT"
    check_equal "" "$CAPTURED_OUT"
    check_clean
}

test_a_bind_mount_over_the_sites_image() {
    own_namespace "mount --bind $OTHER $APPROVED/good.sif"
    capture step "/proc/$HOLDER/root$APPROVED/good.sif" grep ^NAME= /etc/os-release
    kill "$HOLDER"
    check_equal 255 "$CAPTURED_STATUS" "status; stdout: $CAPTURED_OUT"
    check_clean
}

test_links_hard_links_and_names_that_resemble() {
    local evil=$BERTH_TEST_ROOT/approved-not
    install -d -o "$TEST_USER" "$evil"
    install -o "$TEST_USER" "$OTHER" "$evil/good.sif"
    check_refused 'limit container paths' step "$evil/good.sif" true
    check_refused 'limit container paths' step "$APPROVED/../approved-not/good.sif" true
    as_user ln -sf "$evil/good.sif" "$TEST_HOME/link.sif"
    check_refused 'limit container paths' step "$TEST_HOME/link.sif" true
    check_refused 'link of /proc' step "/proc/self/cwd/../${OTHER#/home/}" true
    check_clean
}
