# shellcheck shell=bash disable=SC2016,SC2034
# Who the user is changes between submit and start: a group is taken from him, his account goes, or he is in as many groups
# as there can be. A weaker runtime asks anew, and opens the image with other rights than Slurm gives the job; or cuts lists.

: "${MANY_GROUPS:=2000}"

setup_file() {
    cp /etc/passwd "$FILE_TMP/passwd"
    cp /etc/group "$FILE_TMP/group"
    seq 200000 $((200000 + MANY_GROUPS - 1)) | sed "s/.*/berthmany&:x:&:$TEST_USER/" >>"$FILE_TMP/group"
    chmod 0644 "$FILE_TMP/group" "$FILE_TMP/passwd"
    # Slurm keeps what it once has read.
    mount --bind "$FILE_TMP/group" /etc/group
    slurm_up required early-check=no
    PRIVATE=$BERTH_TEST_ROOT/private-image
    mkdir -m 0750 "$PRIVATE"
    install -m 0640 "$DEMO" "$PRIVATE/image.sif"
    chgrp -R "$TEST_GROUP" "$PRIVATE"
}
teardown_file() {
    accounts_back
    while grep -q ' /etc/group ' /proc/self/mountinfo; do umount /etc/group; done
    slurm_down
    rm -rf "$PRIVATE"
}

# with_accounts group|passwd SED_SCRIPT: /etc's file changed so, in this run's own mount namespace, where Slurm is, too.
with_accounts() {
    sed -E "$2" "$FILE_TMP/$1" >"$TEST_TMP/$1"
    chmod 0644 "$TEST_TMP/$1"
    mount --bind "$TEST_TMP/$1" "/etc/$1"
}
accounts_back() {
    while grep -q ' /etc/passwd ' /proc/self/mountinfo; do umount /etc/passwd; done
    # Not the one with many groups.
    while (($(grep -c ' /etc/group ' /proc/self/mountinfo) > 1)); do umount /etc/group; done
}
before_each() {
    trap accounts_back EXIT
    LEAKS_BEFORE=$(leaks_state)
}

# The same groups, and the same rights, in a plain step and in a container.
same_rights() {
    local plain inside readable
    plain=$(as_user srun --quiet id -G | tr ' ' '\n' | sort -n)
    inside=$(as_user srun --quiet --container="$DEMO" id -G | tr ' ' '\n' | sort -n)
    check_equal "$plain" "$inside" "groups"
    readable=no
    if as_user srun --quiet test -r "$PRIVATE/image.sif"; then readable=yes; fi
    capture step "$PRIVATE/image.sif" --quiet grep ^NAME= /etc/os-release
    if [[ $readable == yes ]]; then
        check_equal 'NAME="Berth demo"' "$CAPTURED_OUT" "an image that the job may read; stderr: $CAPTURED_ERR"
    else
        check_equal 255: "$CAPTURED_STATUS:$CAPTURED_OUT" "an image that the job may not read"
    fi
}

test_a_group_is_taken_away() {
    check as_user srun --quiet test -r "$PRIVATE/image.sif"
    same_rights
    with_accounts group "s/^($TEST_GROUP:.*:).*/\\1/"
    same_rights
    accounts_back
    check_clean
}

take_the_group() { with_accounts group "s/^($TEST_GROUP:.*:).*/\\1/"; }

test_while_the_job_waits() {
    local rights
    batch_script "$TEST_HOME/job.sh" 'id -G >job-groups' "test -r $PRIVATE/image.sif && echo yes >job-may" \
        "srun --quiet --container=$PRIVATE/image.sif grep ^NAME= /etc/os-release >job-saw" 'true'
    rm -f "$TEST_HOME"/job-*
    JOB_WHILE_HELD=take_the_group batch_job --output=/dev/null job.sh
    if [[ -e $TEST_HOME/job-may ]]; then rights='NAME="Berth demo"'; else rights=''; fi
    check_equal "$rights" "$(cat "$TEST_HOME/job-saw")" "what it saw"
    accounts_back
    check_clean
}

# nameless COMMAND…: as the user's id, which has no name now.
nameless() {
    (cd / && exec env -i PATH="$BERTH_PREFIX/bin:/usr/bin:/bin" HOME="$TEST_HOME" SLURM_CONF="$SLURM_CONF" \
        setpriv --reuid="$TEST_UID" --regid="$TEST_GID" --clear-groups -- "$@")
}

# Where Slurm takes such a user's step, the container has his ids.
test_an_account_that_is_gone() {
    with_accounts passwd "/^$TEST_USER:/d"
    capture nameless srun --quiet --container="$DEMO" probe ids
    [[ $CAPTURED_OUT == '' ]] || check_match "^uids: $TEST_UID $TEST_UID $TEST_UID"$'\n'"gids: $TEST_GID $TEST_GID $TEST_GID" "$CAPTURED_OUT"
    if unshare --user --map-root-user --mount true && nameless unshare --user --map-root-user --mount true; then
        check_match "^uids: $TEST_UID $TEST_UID $TEST_UID" "$(nameless berth exec "$FIXTURES/demo" /bin/probe ids)"
        check_no_match "$TEST_USER" "$(nameless berth exec "$FIXTURES/demo" cat /etc/passwd)"
    fi
    accounts_back
    check_clean
}

test_an_account_that_goes_while_the_job_waits() {
    local id
    batch_script "$TEST_HOME/job.sh" 'id -u >job-id' 'grep ^NAME= /etc/os-release >job-saw'
    rm -f "$TEST_HOME"/job-*
    id=$(as_user sbatch --parsable --hold --output=/dev/null --container="$DEMO" job.sh)
    with_accounts passwd "/^$TEST_USER:/d"
    scontrol release "$id"
    until_true 6 job_is_over "$id" || scancel "$id"
    check_match "^($TEST_UID)?$" "$(cat "$TEST_HOME/job-id" 2>/dev/null || true)"
    check_match '^(NAME="Berth demo")?$' "$(cat "$TEST_HOME/job-saw" 2>/dev/null || true)"
    accounts_back
    cluster_wait_idle || scontrol update nodename="$CLUSTER_NODE" state=resume
    check_clean
}

# What Slurm gives the plain step, the container has, too: none is left out, in lists of whatever length.
test_very_many_groups() {
    local plain
    plain=$(as_user srun --quiet id -G | tr ' ' '\n' | sort -n)
    (($(wc -l <<<"$plain") > MANY_GROUPS)) || fail "Slurm gives $(wc -l <<<"$plain") groups: the attack shows nothing"
    check_equal "$plain" "$(as_user srun --quiet --container="$DEMO" id -G | tr ' ' '\n' | sort -n)" "groups in the container"
    check_clean
}
