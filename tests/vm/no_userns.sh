# shellcheck shell=bash
# User namespaces are switched off, by each of the two settings: steps under Slurm need none, and whoever needs them is told.

setup_file() {
    NAMESPACES=$(sysctl -n user.max_user_namespaces)
    slurm_up required
    signing_up
}

teardown_file() {
    userns_on
    signing_down
    slurm_down
}

userns_on() { sysctl -q "user.max_user_namespaces=$NAMESPACES" kernel.unprivileged_userns_clone=1; }

# none_with SETTING: a user gets no namespace any more.
none_with() {
    userns_on
    check as_user unshare --user true
    sysctl -q "$1"
    check_status 1 as_user unshare --user true
}

steps_run() {
    in_image "Berth demo" step "$DEMO"
    in_image "Berth demo" step "$ROOT_DEMO"
    check_match 'image driver +kernel squashfs' "$(step "$ROOT_DEMO" --container-explain true)"
    check_output "$(printf 'Other\n%.0s' {1..4})" as_user srun -n4 --container="$OTHER" sh -c '. /etc/os-release; echo "$NAME"'
    check_output outside step "$DEMO" --container-bind="$TEST_HOME/file:/mnt/given" cat /mnt/given
    check_clean
}

command_is_refused() {
    check_refused 'cannot make a user namespace.*user.max_user_namespaces.*kernel.unprivileged_userns_clone' as_user berth exec "$DEMO" true
    check_match "warn +user namespaces: .*steps under Slurm do" "$("$BERTH_PREFIX/bin/berth" doctor || true)"
    check_match "sysctl ${1%=*}=[0-9]+ .it is 0" "$("$BERTH_PREFIX/bin/berth" doctor || true)"
}

test_no_namespaces_at_all() {
    echo outside >"$TEST_HOME/file"
    none_with user.max_user_namespaces=0
    steps_run
    command_is_refused user.max_user_namespaces=0
}

test_none_for_users() {
    echo outside >"$TEST_HOME/file"
    none_with kernel.unprivileged_userns_clone=0
    steps_run
    command_is_refused kernel.unprivileged_userns_clone=0
}

test_batch_scripts_folders_and_signed_images() {
    none_with user.max_user_namespaces=0
    # shellcheck disable=SC2016
    batch_script "$TEST_HOME/job.sh" '. /etc/os-release; echo "$NAME"'
    batch_job --output=job.out --container="$DEMO" job.sh
    check_equal "0 Berth demo" "$JOB_STATUS $(cat "$TEST_HOME/job.out")"
    in_image Other step "$FIXTURES/other"
    signed_image "$TEST_HOME/signed.sif"
    in_image "Berth demo" step "$TEST_HOME/signed.sif" --container-verify
    check_clean
}

test_root_by_the_command() {
    none_with user.max_user_namespaces=0
    cd /
    in_image "Berth demo" "$BERTH_PREFIX/bin/berth" exec "$DEMO"
    in_image "Berth demo" "$BERTH_PREFIX/bin/berth" exec "$ROOT_DEMO"
}
