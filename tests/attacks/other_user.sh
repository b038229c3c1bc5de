# shellcheck shell=bash disable=SC2016
# Another user of the same node. The image server answers everybody (allow_other), the copies of mounts are root's work,
# and all see the same /proc. A weaker runtime lets the second user into the first one's container by some path.

setup_file() {
    slurm_up required early-check=no
    other_user_up
    gcc -O1 -static -o "$BERTH_TEST_ROOT/meddle" "$BERTH_SOURCE/tests/attacks/meddle.c"
    MEDDLE=$BERTH_TEST_ROOT/meddle
    PRIVATE=$TEST_HOME/private
    as_user mkdir -m 0700 private
    install -o "$TEST_USER" -m 0600 "$DEMO" "$PRIVATE/secret.sif"
    as_user cp -a "$FIXTURES/demo" private/folder
    as_user chmod 0755 private/folder
    echo 'first secret' | as_user tee private/file >/dev/null
}
teardown_file() {
    slurm_down
    other_user_down
    rm -rf "$PRIVATE" "$MEDDLE"
}

# victim ARGUMENT…: a step of the first user's that runs for some seconds; VICTIMS are its processes and its server.
victim() {
    in_background srun --quiet "$@" sleep 6 2>/dev/null
    VICTIM=$!
    until_true 10 pgrep -U "$TEST_UID" -x sleep >/dev/null || fail "the step does not start"
    mapfile -t VICTIMS < <(pgrep -U "$TEST_UID" -x sleep; servers)
}
end_victim() {
    as_user scancel --user="$TEST_USER"
    wait "$VICTIM" || true
    check_clean
}

test_processes_of_the_first() {
    local pid image
    for image in "$PRIVATE/secret.sif" "$PRIVATE/folder"; do
        victim --container="$image" --container-bind="$PRIVATE:/mnt"
        for pid in "${VICTIMS[@]}"; do
            check_output "" as_other "$MEDDLE" "$pid"
            check_output "" as_other srun --quiet --overlap --container="$DEMO" --container-bind="$MEDDLE:/meddle" /meddle "$pid"
        done
        end_victim
    done
}

# Paths that lead into it, given to Berth: as the image, a bind, a working directory.
test_paths_into_the_first() {
    local pid path
    victim --container="$PRIVATE/secret.sif" --container-bind="$PRIVATE:/mnt"
    for pid in "${VICTIMS[@]}"; do
        for path in "/proc/$pid/root" "/proc/$pid/cwd" "/proc/$pid/root/mnt/secret.sif" "/proc/$pid/fd/3" "/proc/$pid/fd/4" "/proc/$pid/map_files"; do
            capture as_other timeout 30 srun --quiet --container-image="$path" /bin/cat /etc/os-release
            check_equal 255: "$CAPTURED_STATUS:$CAPTURED_OUT" "$path as the image"
            capture as_other timeout 30 srun --quiet --container="$DEMO" --container-bind="$path:/mnt" sh -c 'ls /mnt /mnt/mnt; cat /mnt/mnt/file'
            check_no_match 'secret|file' "$CAPTURED_OUT" "$path as a bind"
            check test "$CAPTURED_STATUS" -ne 0
            capture as_other timeout 30 srun --quiet --container="$DEMO" --container-pwd="$path" sh -c 'pwd; cat mnt/file'
            check_no_match 'secret' "$CAPTURED_OUT"
        done
    done
    end_victim
}

test_files_of_the_first() {
    local path option
    for path in "$PRIVATE/secret.sif" "$PRIVATE/folder" "$PRIVATE"; do
        capture as_other srun --quiet --container-image="$path" /bin/cat /etc/os-release
        check_equal 255: "$CAPTURED_STATUS:$CAPTURED_OUT" "$path as the image"
        for option in bind home; do
            capture as_other srun --quiet --container="$DEMO" --container-$option="$path:/mnt" /bin/sh -c 'cat /mnt/file /mnt /mnt/etc/os-release; ls /mnt'
            check_equal "" "$CAPTURED_OUT" "$path as $option"
            check test "$CAPTURED_STATUS" -ne 0
        done
    done
    check_no_match 'first secret' "$(as_other srun --quiet --container="$DEMO" --container-bind="$TEST_HOME:/mnt" cat /mnt/private/file 2>&1 || true)"
    check_clean
}

# Namespaces and what the kernel lists: nothing of the first one's container is in the second's. The names of what is
# mounted in a process' namespace the kernel itself shows to everybody (/proc/PID/mountinfo; hidepid hides them).
test_what_the_kernel_shows() {
    local before
    victim --container="$PRIVATE/secret.sif" --container-bind="$PRIVATE:/mnt"
    before=$(awk '{print $5}' /proc/self/mountinfo | sort)
    check_no_match 'secret.sif|private' "$(as_other srun --quiet --overlap --container="$DEMO" cat /proc/self/mountinfo)"
    check_no_match 'secret.sif|private' "$(as_other cat /proc/self/mountinfo)"
    check_equal "" "$(as_other sh -c 'for p in /proc/[0-9]*; do [ -O "$p" ] || cat "$p/environ" "$p/maps" "$p/mem"; done' 2>/dev/null | grep -aE 'secret.sif|private' || true)"
    check_fails_with 1 'ermitted|ermission' as_other nsenter --mount="/proc/${VICTIMS[0]}/ns/mnt" true
    check_equal "$before" "$(awk '{print $5}' /proc/self/mountinfo | sort)"
    end_victim
}
