# shellcheck shell=bash
# AppArmor in force: labels are set, hold, and are read back, for root, for users, and under Slurm; one that cannot be set
# is no container.

setup_file() {
    slurm_up required
    as_user mkdir "$TEST_HOME/fake"
    # What tells that the profile holds: the image's own /etc/os-release cannot be read.
    cat >"$FILE_TMP/profile" <<'PROFILE'
profile berth-test flags=(attach_disconnected) {
    file,
    deny /etc/os-release r,
    capability,
    network,
    unix,
    signal,
    mount,
}
PROFILE
    apparmor_parser --replace "$FILE_TMP/profile"
}

teardown_file() {
    apparmor_parser --remove "$FILE_TMP/profile"
    capability_down
    slurm_down
}

label=apparmor:berth-test
as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

# labelled COMMAND…: a container's command line without its command: the label is in force.
labelled() {
    check_output 'berth-test (enforce)' "$@" cat /proc/self/attr/current
    check_fails_with 1 "os-release': Permission denied" "$@" cat /etc/os-release
}

test_it_is_in_force_here() {
    check_equal Y "$(cat /sys/module/apparmor/parameters/enabled)"
    check_match 'ok +AppArmor: enabled' "$(as_root berth doctor || true)"
}

test_without_a_label_there_is_none() {
    check_output unconfined step "$DEMO" cat /proc/self/attr/current
    check_output unconfined as_user berth exec "$DEMO" cat /proc/self/attr/current
}

test_root_by_both_drivers() {
    labelled as_root berth exec --security "$label" "$DEMO"
    labelled as_root berth exec --security "$label" "$ROOT_DEMO"
}

test_a_user_without_privilege() { labelled as_user berth exec --security "$label" "$DEMO"; }

test_steps_by_both_drivers() {
    labelled step "$DEMO" --container-security="$label"
    labelled step "$ROOT_DEMO" --container-security="$label"
    check_clean
}

test_each_task_of_a_step_with_capabilities_and_a_filter() {
    seccomp_profile "$TEST_HOME/profile.json" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    capability_write "{\"users\": {\"$TEST_USER\": [\"CAP_CHOWN\"]}}"
    capture as_user srun -n4 --container="$DEMO" --container-add-caps=CAP_CHOWN \
        --container-security="$label,seccomp:$TEST_HOME/profile.json" grep -h . /proc/self/attr/current /proc/self/status
    capability_down
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_equal 4 "$(grep -c '^berth-test (enforce)$' <<<"$CAPTURED_OUT")" "tasks with the label"
    check_equal 4 "$(grep -c $'^CapEff:\t0*1$' <<<"$CAPTURED_OUT")" "tasks with the capability"
    check_equal 4 "$(grep -c $'^Seccomp:\t2$' <<<"$CAPTURED_OUT")" "tasks with the filter"
    check_clean
}

test_one_that_is_not_known() {
    local no="AppArmor label 'no-such-profile' is not known"
    check_refused "$no" as_root berth exec --security apparmor:no-such-profile "$DEMO" true
    check_refused "$no" as_user berth exec --security apparmor:no-such-profile "$DEMO" true
    check_refused "$no" step "$DEMO" --container-security=apparmor:no-such-profile true
    check_refused 'SELinux is not active on this node' step "$DEMO" --container-security=selinux:a:b:c true
    check_clean
}

# What a user mounts over the file that takes the label must not take it.
test_a_proc_of_the_users() {
    local over
    for over in /proc/self/attr /proc/self/attr/apparmor; do
        capture step "$DEMO" --container-bind="$TEST_HOME/fake:$over" --container-security="$label" cat /proc/self/attr/current
        [[ $CAPTURED_STATUS -eq 255 || $CAPTURED_OUT == 'berth-test (enforce)' ]] || fail "$over: $CAPTURED_OUT $CAPTURED_ERR"
    done
    check_equal '' "$(ls -A "$TEST_HOME/fake")" "what was written there"
    check_clean
}
