# shellcheck shell=bash disable=SC2016,SC2317
# A weaker runtime clears the capability sets that it remembers. One whose caller has inheritable or ambient ones gets them
# back at the next exec; and files with the setuid bit, file capabilities and device nodes work where a mount allows it.

INHERITED=+net_raw,+setuid,+dac_override

# Slurm's daemons, and so each slurmstepd, have inheritable and ambient capabilities from the start.
setup_file() {
    setsid() { command setsid --fork setpriv --inh-caps="$INHERITED" --ambient-caps="$INHERITED" "${@:2}"; }
    slurm_up required
    unset -f setsid
    BAG=$TEST_HOME/bag
    as_user mkdir bag
    install -m 6755 "$FIXTURES/probe" "$BAG/setuid"
    install -m 0755 "$FIXTURES/probe" "$BAG/capable"
    setcap cap_setuid,cap_sys_admin+ep "$BAG/capable" 2>/dev/null || true
    mknod -m 0666 "$BAG/null" c 1 3 2>/dev/null || true
    mknod -m 0666 "$BAG/disk" b 7 0 2>/dev/null || true
    install -m 0644 "$HOSTILE" "$FIXTURES/hostile.sif"
    # Root, who is among those that try, has all of them otherwise.
    configure_release 'root default capabilities' no
}
teardown_file() {
    configure_release 'root default capabilities' full
    slurm_down
}

# no_capabilities STATUS: what /proc/self/status said inside.
no_capabilities() {
    check_equal 5 "$(grep -c ^Cap <<<"$1" || true)" "capability sets in: $1"
    check_equal 0000000000000000 "$(awk '/^Cap/ {print $2}' <<<"$1" | sort -u)" "all capability sets"
    check_match $'NoNewPrivs:\t1' "$1"
}

test_inheritable_ones_of_slurmds() {
    local image status=(grep -E '^(Cap|NoNewPrivs)' /proc/self/status)
    check_no_match $'CapInh:\t0000000000000000' "$(as_user srun --quiet "${status[@]}")" "a plain step, or the attack shows nothing"
    for image in "$DEMO" "$ROOT_DEMO" "$FIXTURES/demo"; do
        no_capabilities "$(as_user srun --quiet --container="$image" "${status[@]}")"
        no_capabilities "$(cd / && srun --quiet --container="$image" "${status[@]}")"
    done
    check_clean
}

# Through exec of a file with capabilities, and of a shell, none comes back.
test_none_comes_back() {
    local user
    for user in as_user as_root; do
        no_capabilities "$("$user" srun --quiet --container="$HOSTILE" /bin/sh -c "/bin/sh -c 'grep -E \"^(Cap|NoNewPrivs)\" /proc/self/status'")"
    done
    check_output 'setuid: no (EPERM)' as_user srun --quiet --container="$HOSTILE" /hostile/capable setuid
    check_clean
}

as_root() { (cd / && "$@"); }

test_inheritable_ones_of_the_callers() {
    local image as
    as=(setpriv --inh-caps="$INHERITED" --ambient-caps="$INHERITED" "$BERTH_PREFIX/bin/berth" exec)
    for image in "$DEMO" "$ROOT_DEMO" "$FIXTURES/demo"; do
        no_capabilities "$(cd / && "${as[@]}" "$image" grep -E '^(Cap|NoNewPrivs)' /proc/self/status)"
    done
    check_clean
}

# One who may use some capability by another way still has none inside.
test_an_unprivileged_caller_with_ambient_ones() {
    as_user unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
    no_capabilities "$(cd / && setpriv --reuid="$TEST_UID" --regid="$TEST_GID" --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw \
        env HOME="$TEST_HOME" "$BERTH_PREFIX/bin/berth" exec "$FIXTURES/demo" grep -E '^(Cap|NoNewPrivs)' /proc/self/status)"
}

# gives_nothing FOLDER SRUN_ARGUMENT…: a folder in the container with such files.
gives_nothing() {
    local folder=$1
    shift
    check_match "^uids: $TEST_UID $TEST_UID $TEST_UID"$'\n'"gids: $TEST_GID $TEST_GID $TEST_GID" \
        "$(as_user srun --quiet "$@" "$folder/setuid" ids)"
    check_output 'setuid: no (EPERM)' as_user srun --quiet "$@" "$folder/capable" setuid
    check_output 'mount: no (EPERM)' as_user srun --quiet "$@" "$folder/capable" mount /etc
    check_output 'chroot: no (EPERM)' as_user srun --quiet "$@" "$folder/capable" chroot
    check_match 'no \(E(ACCES|NOENT)\)' "$(as_user srun --quiet "$@" /bin/probe read "$folder/null")" "a device node"
    check_match 'no \(E(ACCES|NOENT)\)' "$(as_user srun --quiet "$@" /bin/probe write "$folder/disk")" "a device node"
}

test_files_in_a_bind() {
    need_device_nodes
    check_equal 'read: yes' "$(as_user "$FIXTURES/probe" read "$BAG/null")" "the node outside, or the attack shows nothing"
    gives_nothing /mnt --container="$DEMO" --container-bind="$BAG:/mnt"
    gives_nothing /mnt --container="$ROOT_DEMO" --container-bind="$TEST_HOME:/x,$BAG:/mnt"
    gives_nothing "$TEST_HOME/bag" --container="$DEMO"
    check_clean
}

test_files_in_an_image_that_the_kernel_mounts() {
    need_loop
    check_match 'image driver +kernel' "$(as_user srun --quiet --container="$FIXTURES/hostile.sif" --container-explain true)"
    gives_nothing /hostile --container="$FIXTURES/hostile.sif"
    check_clean
}

test_files_in_a_folder_that_is_the_image() {
    gives_nothing /hostile --container="$FIXTURES/hostile"
    check_clean
}

# Being root in a namespace of his own, the user makes none of them work.
test_in_a_user_namespace_inside() {
    capture as_user srun --quiet --container="$DEMO" --container-bind="$BAG:/mnt" unshare -Ur sh -c '/mnt/setuid ids; /bin/probe read /mnt/null'
    check_no_match 'read: yes' "$CAPTURED_OUT"
    check_no_match 'mknod: yes' "$(as_user srun --quiet --container="$DEMO" unshare -Ur /bin/probe mknod "$TEST_HOME/node" || true)"
    check_clean
}
