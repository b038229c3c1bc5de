# shellcheck shell=bash
# A FUSE mount of the user's whose server does not answer, as fusermount3 lets him make one where fuse.conf has
# user_allow_other (without it, our helpers are refused there and need not wait). Who waits for it cannot even
# be killed. A weaker runtime waits as root, or for its child, and so keeps slurmstepd, the node and other users waiting.

setup_file() {
    slurm_up required early-check=no
    users_fs_built
    meddle_built
}
teardown_file() {
    slurm_down
    rm -f "$MEDDLE"
}
skip_file() { users_fs_reason; }

# stopped KIND: such a file system at FS, for one test.
stopped() {
    FS=$TEST_HOME/$1
    users_fs_up "$1+" "$FS"
    trap 'users_fs_down "$FS" "$USERS_FS"' EXIT
    STEPS=()
}

# no_harm_done: the node takes jobs. What hangs in the file system cannot be ended; it goes when that goes. Of cgroups that
# were still in use Slurm leaves the folders.
no_harm_done() {
    cluster_wait_idle 40 || fail "the node is $(sinfo --noheader --format='%T (%E)')"
    users_fs_down "$FS" "$USERS_FS"
    until_true 20 nothing_of_ours || fail "left behind: $(leaks_new_since "$LEAKS_BEFORE")"
}
nothing_runs() { cluster_no_jobs && [[ -z $(cluster_step_daemons "$CLUSTER") ]]; }
nothing_of_ours() { [[ -z $(leaks_new_since "$LEAKS_BEFORE" | grep -vE '^(cgroup|file) ' || true) ]]; }

# hung_step NAME ARGUMENT…
hung_step() {
    as_user timeout 100 srun --quiet -n1 "${@:2}" sh -c 'echo ran' >"$TEST_TMP/$1.out" 2>"$TEST_TMP/$1.err" &
    STEPS+=($!)
}

# others_are_served BEGIN: the node runs a plain step while those of STEPS go on, and they end in time.
others_are_served() {
    sleep 2
    check timeout 20 srun --quiet -n1 --overlap --chdir=/ true
    wait "${STEPS[@]}" || true
    check test $((SECONDS - $1)) -lt 75
}

# Each step ends by itself, in time and with our message, and the node serves others meanwhile.
test_the_image_a_folder_and_a_bind_source() {
    local begin=$SECONDS name
    stopped silent
    hung_step image --container-image="$FS/image.sif"
    hung_step folder --container-image="$FS/folder/in"
    hung_step bind --container="$DEMO" --container-bind="$FS/x:/mnt"
    hung_step home --container="$DEMO" --container-home="$FS/x:/mnt"
    others_are_served "$begin"
    check test $((SECONDS - begin)) -gt 10
    for name in image folder bind home; do
        check_equal "" "$(<"$TEST_TMP/$name.out")"
        check_match 'berth: error: .*too long' "$(<"$TEST_TMP/$name.err")"
    done
    no_harm_done
}

# The process that opens files for the user acts on them as he. A weaker runtime runs it as the user altogether, who stops,
# slows or traces it, or as root, whom a crafted image then owns.
test_who_waits_for_it() {
    local reader field
    stopped silent
    in_background srun --quiet --container-image="$FS/image.sif" true 2>/dev/null
    until_true 10 waiting_reader >/dev/null
    reader=$(waiting_reader)
    check_output "" as_user "$MEDDLE" "$reader"
    status_of_reader() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$reader/status" | tr '\t' ' '; }
    check_equal "$TEST_SERVER_UID $TEST_SERVER_UID $TEST_SERVER_UID $TEST_UID" "$(status_of_reader Uid)" "its user ids"
    field=$TEST_GID
    check_equal "$field $field $field $field" "$(status_of_reader Gid)" "its group ids"
    check_equal "$(id -G "$TEST_USER" | tr ' ' '\n' | sort -n)" "$(status_of_reader Groups | tr ' ' '\n' | grep . | sort -n)" "its groups"
    for field in CapInh CapPrm CapEff CapAmb; do check_equal 0000000000000000 "$(status_of_reader "$field")" "$field"; done
    check_equal 1 "$(status_of_reader NoNewPrivs)" "no_new_privs"
    check_equal 2 "$(status_of_reader Seccomp)" "a seccomp filter"
    for field in 'cpu time:30' 'file size:4194304' 'open files:256' 'processes:0' 'core file size:0'; do
        check grep -qE "^Max ${field%:*} +${field##*:} +${field##*:} " "/proc/$reader/limits"
    done
    check grep -qE '^Max address space +[0-9]+ ' "/proc/$reader/limits"
    # Its connection, and nothing of slurmstepd's.
    check_equal "" "$(find "/proc/$reader/fd" -type l ! -lname 'socket:*' ! -lname /dev/null ! -lname "$FS*" -printf '%f %l\n')" "descriptors"
    check test "$(find "/proc/$reader/fd" -lname 'socket:*' | wc -l)" -eq 1
    as_user scancel --user="$TEST_USER"
    wait $! || true
    until_true 50 nothing_runs || fail "the step does not end: $(squeue --noheader)"
    scontrol reconfigure
    no_harm_done
}
# waiting_reader: who of ours has the user's id for files, and is not about to end.
waiting_reader() {
    local pid
    for pid in $(pgrep -x berth-step || true); do
        [[ -n $(ls "/proc/$pid/fd" 2>/dev/null) && $(sed -n 's/^Uid:.*\t//p' "/proc/$pid/status" 2>/dev/null) == "$TEST_UID" ]] && printf '%s\n' "$pid" && return 0
    done
    return 1
}

# The user need not wait for us either.
test_the_step_can_be_cancelled() {
    local begin=$SECONDS
    stopped silent
    in_background srun --quiet --container-image="$FS/image.sif" true 2>/dev/null
    sleep 2
    as_user scancel --user="$TEST_USER"
    wait $! || true
    until_true 50 nothing_runs || fail "the step does not end: $(squeue --noheader)"
    check test $((SECONDS - begin)) -lt 60
    # slurmd could not answer the controller while the step was made; asked again, it does.
    scontrol reconfigure
    no_harm_done
}

# The user's process gets its answers, and what root does with what it opened gets none. Root asks nothing that needs one.
test_one_that_answers_its_user_alone() {
    local begin=$SECONDS name
    stopped picky
    check as_user test -d "$FS/a"
    hung_step bind --container="$DEMO" --container-bind="$FS/x:/mnt"
    hung_step home --container="$DEMO" --container-home="$FS/x:/mnt"
    others_are_served "$begin"
    check test $((SECONDS - begin)) -lt 10
    for name in bind home; do check_equal ran "$(<"$TEST_TMP/$name.out")$(<"$TEST_TMP/$name.err")" "$name"; done
    no_harm_done
}
