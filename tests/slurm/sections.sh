# shellcheck shell=bash
# Sections of berth.conf for partitions and accounts: the controller says where a job is, never its environment.

setup_file() {
    slurm_up required
    CONF=$BERTH_PREFIX/etc/berth/berth.conf
    cp -p "$CONF" "$FILE_TMP/berth.conf"
}
teardown_file() {
    conf_as_before
    slurm_down
}

conf_as_before() { install -m 0644 "$FILE_TMP/berth.conf" "$CONF"; }

# conf_with LINE…: the site's file with these lines after it.
conf_with() {
    { cat "$FILE_TMP/berth.conf"; printf '%s\n' "$@"; } >"$CONF.new"
    chmod 0644 "$CONF.new"
    mv "$CONF.new" "$CONF"
}

test_a_partition() {
    conf_with '[partition all]' 'user bind control = no'
    check_refused 'does not let users choose mounts .*berth.conf:[0-9]+: user bind control = no' step "$DEMO" --container-bind=/usr/share:/mnt true
    in_image "Berth demo" step "$DEMO"
    conf_with '[partition other]' 'user bind control = no'
    check_status 0 step "$DEMO" --container-bind=/usr/share:/mnt true
    check_clean
}

test_an_account() {
    conf_with '[account physics]' 'user bind control = no' '[account chemistry]' 'user bind control = yes'
    check_refused 'user bind control = no' step "$DEMO" --account=physics --container-bind=/usr/share:/mnt true
    check_refused 'user bind control = no' step "$DEMO" --account=PHYSICS --container-bind=/usr/share:/mnt true
    check_status 0 step "$DEMO" --account=chemistry --container-bind=/usr/share:/mnt true
    check_status 0 step "$DEMO" --container-bind=/usr/share:/mnt true
    check_clean
}

# What the job's environment says of it is the user's word.
test_a_user_who_hides_his_partition() {
    local lie
    conf_with '[partition all]' 'user bind control = no'
    for lie in other ''; do
        check_refused 'user bind control = no' as_user env SLURM_JOB_PARTITION="$lie" SLURM_JOB_ACCOUNT=other SBATCH_PARTITION="$lie" \
            srun --container="$DEMO" --container-bind=/usr/share:/mnt true
    done
    # The script exports another partition before its own srun.
    batch_script "$TEST_HOME/job.sh" "export SLURM_JOB_PARTITION=other" \
        "srun --container='$DEMO' --container-bind=/usr/share:/mnt true 2>'$TEST_HOME/err'"
    batch_job --output=/dev/null "$TEST_HOME/job.sh"
    check_equal 255 "$JOB_STATUS"
    check_match 'user bind control = no' "$(cat "$TEST_HOME/err")"
    check_clean
}

test_a_group() {
    conf_with "[group $(id -gn "$TEST_USER")]" 'user bind control = no'
    check_refused 'user bind control = no' step "$DEMO" --container-bind=/usr/share:/mnt true
    conf_with '[group root]' 'user bind control = no'
    check_status 0 step "$DEMO" --container-bind=/usr/share:/mnt true
    conf_with '[group no-such-group]' 'user bind control = no'
    check_refused 'knows no such group' step "$DEMO" true
    check_clean
}

# newgrp changes the group of the job, not the one of the account.
test_a_user_who_leaves_his_group() {
    groupadd "$TEST_USER-other"
    conf_with "[group $(id -gn "$TEST_USER")]" 'user bind control = no'
    capture setpriv --reuid "$TEST_UID" --regid "$(getent group "$TEST_USER-other" | cut -d: -f3)" --clear-groups env HOME="$TEST_HOME" \
        srun --chdir=/ --container="$DEMO" --container-bind=/usr/share:/mnt true
    groupdel "$TEST_USER-other"
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'user bind control = no' "$CAPTURED_ERR"
    check_clean
}

test_option_deny_and_default() {
    conf_with 'option deny = bind' 'option default = contain' '[partition other]' 'option default = env=A=1'
    check_refused '--bind: this site does not allow this option .*option deny = bind' step "$DEMO" --container-bind=/usr/share:/mnt true
    check_refused 'option deny = bind' as_user env BERTH_BIND=/usr/share:/mnt srun --container="$DEMO" true
    check_status 1 step "$DEMO" test -e "$TEST_HOME/demo.sif"
    check_clean
}

test_a_wrong_section() {
    conf_with '[queue all]' 'user bind control = no'
    check_refused 'berth.conf:[0-9]+: ' step "$DEMO" true
    conf_with '[partition all]' 'image server user = root'
    check_refused 'berth.conf:[0-9]+: ' step "$DEMO" true
    check_clean
}
