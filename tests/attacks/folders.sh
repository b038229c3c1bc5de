# shellcheck shell=bash disable=SC2016
# A folder as the image. The container's root is put together by root, with overlayfs, which reads its layers with root's
# rights: a weaker runtime so shows what the folder's owner hides, or file systems that answer root differently.

setup_file() {
    slurm_up required
    SHARED=$BERTH_TEST_ROOT/shared
    cp -a "$FIXTURES/demo" "$SHARED"
    mkdir -m 0700 "$SHARED/private"
    mkdir -m 0755 "$SHARED/project"
    echo secret | tee "$SHARED/private/file" >"$SHARED/project/file"
}
teardown_file() { slurm_down; }

test_a_private_folder_stays_private() {
    check_match 'no \(EACCES\)' "$(step "$SHARED" probe read /private/file)"
    check_match 'no \(EACCES\)|^$' "$(step "$SHARED" --container-bind="$TEST_HOME:/private/new" probe read /private/file 2>/dev/null || true)"
    check_clean
}

# The bind makes Berth repeat the folder in its own layer; the list must come along.
test_an_access_control_list_holds_beneath_a_mount_point() {
    acl_for_user "$SHARED/project" 0
    check_fails_with 1 'denied' as_user cat "$SHARED/project/file"
    check_match 'no \(EACCES\)' "$(step "$SHARED" probe read /project/file)"
    capture as_user srun --container="$SHARED" --container-bind="$TEST_HOME:/project/new" probe read /project/file
    check_no_match 'read: yes' "$CAPTURED_OUT" "with a mount point in the folder"
    check_clean
}

# A folder that only its owner may enter is still his image.
test_the_users_own_folder_of_mode_0700() {
    local own=$TEST_HOME/own
    cp -a "$FIXTURES/demo" "$own"
    chown -R "$TEST_USER:" "$own"
    chmod 0700 "$own"
    in_image "Berth demo" step "$own"
    rm -rf "$own"
    check_clean
}

# Whether a file exists in a folder that the user may not search is not told.
test_what_exists_in_a_private_folder_is_not_told() {
    local there absent
    capture as_user srun --container="$SHARED" --container-bind="$TEST_HOME:/private/file" true
    there="$CAPTURED_STATUS $(sort <<<"$CAPTURED_ERR")"  # srun's own line comes before or after
    capture as_user srun --container="$SHARED" --container-bind="$TEST_HOME:/private/none" true
    absent="$CAPTURED_STATUS $(sort <<<"$CAPTURED_ERR")"
    check_equal "${there//private\/file/X}" "${absent//private\/none/X}" "what is said of a file that exists"
    check_clean
}

test_file_systems_of_the_kernel_are_no_images() {
    local folder
    for folder in /proc /proc/self /proc/sys /sys /sys/fs/cgroup /dev/pts /proc/self/fd; do
        capture as_user srun --container="$folder" --container-bind=/bin,/usr,/lib,/lib64 /bin/sh -c 'echo ran'
        check_equal 255 "$CAPTURED_STATUS" "status of $folder as an image"
        check_equal "" "$CAPTURED_OUT" "output of $folder as an image"
    done
    check_clean
}

# The folder is exchanged, and links put in place of its folders, while steps start.
test_a_folder_renamed_while_50_steps_start() {
    local loop own=$TEST_HOME/moving i before
    before=$(stat -c '%Y %Z' /etc /usr "$BERTH_TEST_ROOT")
    cp -a "$FIXTURES/demo" "$own"
    mkdir -p "$own/a/b/c"
    chown -R "$TEST_USER:" "$own"
    as_user sh -c 'while [ -d moving ]; do mv moving/a moving/z; ln -s /etc moving/a; rm -f moving/a; mv moving/z moving/a;
        mv moving/a/b moving/a/y; ln -s ../../../../../usr moving/a/b; rm -f moving/a/b; mv moving/a/y moving/a/b; done' 2>/dev/null &
    loop=$!
    batch_script "$TEST_HOME/renamed.sh" 'for i in $(seq 50); do' \
        '    srun -n1 --overlap --quiet --container=moving --container-bind=$HOME:/a/b/c/d,$HOME:/a/b/new true 2>/dev/null &' 'done' 'wait'
    as_user salloc --quiet -n64 ./renamed.sh
    mv "$own" "$own.done"
    wait "$loop" 2>/dev/null || true
    rm -rf "$own.done"
    for i in /etc/b /etc/c /etc/new /usr/c /usr/new; do check test ! -e "$i"; done
    check_equal "$before" "$(stat -c '%Y %Z' /etc /usr "$BERTH_TEST_ROOT")" "times on the host"
    check_clean
}
