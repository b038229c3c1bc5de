# shellcheck shell=bash disable=SC1003
# A weaker runtime splits and mounts what it is given, as root. Hostile values of --container-bind, given through the
# environment too, which reaches the node without srun's own check.

setup_file() { slurm_up required early-check=no; }
teardown_file() { slurm_down; }

# harmless COMMAND…: runs, or runs nothing (a bind may hide the command itself); and in time.
harmless() {
    capture as_user timeout 60 "$@"
    [[ $CAPTURED_STATUS -eq 0 || ($CAPTURED_STATUS -ne 124 && -z $CAPTURED_OUT) ]] ||
        fail "status $CAPTURED_STATUS from $*; stdout: ${CAPTURED_OUT:0:300}; stderr: ${CAPTURED_ERR:0:300}"
}

test_over_every_folder_of_the_system() {
    local destination
    for destination in /etc /proc /sys /dev /bin /.singularity.d /tmp /home /dev/null /dev/pts /dev/shm /proc/self /proc/sys \
        /proc/self/fd /etc/passwd /etc/hosts /. // /.. /../.. //etc///passwd /a/../../b; do
        harmless srun --container="$DEMO" --container-bind="$TEST_HOME:$destination" /bin/sh -c 'echo ran'
        harmless srun --container="$DEMO" --container-bind="/etc/hostname:$destination" /bin/sh -c 'echo ran'
    done
    check_clean
}

test_values_that_no_parser_expects() {
    local value newline=$'\n' escape=$'\033[31m'
    for value in "$TEST_HOME:/a${newline}b" "$TEST_HOME:/$escape" ':' '::' ':/x' "$TEST_HOME:::" "$TEST_HOME:/x:rw:ro" 'relative:/x' \
        "$TEST_HOME:x" '/nothing:/x' "$TEST_HOME:/x:suid" ',' ',,,' '\' '\,' "/proc/self/fd/3:/x" "/proc/self/ns/mnt:/x" "/proc/self/exe:/x" \
        "/proc/self/root:/x" "/proc/self/cwd:/x" "/root:/x" "/root/.ssh:/x" "/dev/fuse:/x" "/dev:/x"; do
        harmless srun --container="$DEMO" --container-bind="$value" true
        harmless env BERTH_BIND="$value" srun --container="$DEMO" true
        check_no_match "$(printf '\033')" "$CAPTURED_ERR" "stderr"
    done
    check_clean
}

test_many_and_large() {
    local many='' i
    for ((i = 0; i < 1000; ++i)); do many+=$TEST_HOME:/b$i,; done
    harmless srun --container="$DEMO" --container-bind="${many%,}" true
    check_equal 255 "$CAPTURED_STATUS"
    many=
    for ((i = 0; i < 120; ++i)); do many+=$TEST_HOME:/n/b$i,; done
    check as_user srun --container="$DEMO" --container-bind="${many%,}" test -e /n/b119/demo.sif
    many=$TEST_HOME
    for ((i = 0; i < 40; ++i)); do many+=,$TEST_HOME:$TEST_HOME/$(printf 'd/%.0s' $(seq "$i"))x; done
    harmless srun --container="$DEMO" --container-bind="$many" true
    harmless env BERTH_BIND="$(head -c 120000 /dev/zero | tr '\0' /)" srun --container="$DEMO" true
    check_clean
}

# Not even what root could: no device, no setuid file, nothing that stays.
test_what_is_bound_gives_nothing() {
    check_no_match 'descriptor' "$(step "$DEMO" probe descriptors)"
    install -m 6755 "$FIXTURES/probe" "$TEST_HOME/raise"
    capture as_user srun --container="$DEMO" --container-bind="$TEST_HOME:/mnt" /mnt/raise ids
    check_match "^uids: $TEST_UID $TEST_UID $TEST_UID" "$CAPTURED_OUT"
    capture as_user srun --container="$DEMO" --container-bind=/usr:/mnt /mnt/bin/su -c id
    check_no_match 'uid=0' "$CAPTURED_OUT"
    rm -f "$TEST_HOME/raise"
    check_clean
}
