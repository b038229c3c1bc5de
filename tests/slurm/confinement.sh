# shellcheck shell=bash
# Capabilities, seccomp profiles and the records of running steps, for a user of Slurm.

setup_file() { slurm_up required; }
teardown_file() {
    configure_release 'seccomp profile' ''
    capability_down
    slurm_down
}

sets() { sets_of step "$DEMO" "$@"; }

test_what_the_site_authorises() {
    capability_write "{\"users\": {\"$TEST_USER\": [\"CAP_CHOWN\"]}}"
    check_equal "$(all_sets 0 1)" "$(sets)" "without asking"
    check_equal "$(all_sets 1 1)" "$(sets --container-add-caps=CAP_CHOWN)"
    check_equal "$(all_sets 0 1)" "$(sets --container-add-caps=CAP_CHOWN --container-no-privs)"
    check_equal "$(all_sets 0 1)" "$(sets --container-add-caps=CAP_CHOWN --container-drop-caps=CAP_CHOWN)"
    capture step "$DEMO" --container-add-caps=CAP_CHOWN,CAP_KILL --ntasks=2 grep CapEff /proc/self/status
    check_equal 0 "$CAPTURED_STATUS"
    check_equal 2 "$(grep -c 0000000000000001 <<<"$CAPTURED_OUT")"
    check_equal 1 "$(grep -c 'berth: warning: .*CAP_KILL' <<<"$CAPTURED_ERR")" "one warning a step: $CAPTURED_ERR"
    capability_write "{\"groups\": {\"$(id -gn "$TEST_USER")\": [\"CAP_KILL\"]}}"
    check_equal "$(all_sets 20 1)" "$(sets --container-add-caps=CAP_KILL)"
    capability_down
    check_clean
}

test_they_are_in_force_and_only_there() {
    capability_write "{\"users\": {\"$TEST_USER\": [\"CAP_CHOWN\"]}}"
    as_user touch "$TEST_HOME/file"
    check_status 1 step "$DEMO" chown 4711:4711 "$TEST_HOME/file"
    check_status 0 step "$DEMO" --container-add-caps=CAP_CHOWN chown 4711:4711 "$TEST_HOME/file"
    check_equal 4711:4711 "$(stat -c %u:%g "$TEST_HOME/file")"
    rm -f "$TEST_HOME/file"
    # Nobody else's process: neither by a setuid file nor by one with capabilities.
    check_output "setuid: no (EPERM)" step "$HOSTILE" --container-add-caps=CAP_CHOWN /hostile/capable setuid
    check_match "uids: $TEST_UID $TEST_UID" "$(step "$HOSTILE" --container-add-caps=CAP_CHOWN /hostile/setuid ids)"
    capability_down
    check_clean
}

test_what_only_root_may() {
    check_refused 'keep-privs' step "$DEMO" --container-keep-privs true
    check_refused 'only root' step "$DEMO" --container-security=uid:0 true
    check_refused 'only root' step "$DEMO" --container-security=gid:0 true
    check_clean
}

# Root has in a step what it has by the command, where slurmstepd has nothing to take away.
test_root_has_the_same_as_by_the_command() {
    local default option expected seen=
    capability_write '{"users": {"root": ["CAP_CHOWN"]}}'
    for default in full file no; do
        configure_release 'root default capabilities' "$default"
        for option in pwd=/ keep-privs no-privs drop-caps=CAP_KILL add-caps=CAP_CHOWN; do
            expected=$(sets_of root_command "--$option" "$DEMO")
            check_equal "$expected" "$(sets_of root_step "--container-$option")" "root default capabilities = $default, $option"
            seen+=$expected$'\n'
        done
    done
    check test "$(grep . <<<"$seen" | sort -u | wc -l)" -ge 4
    check_output "uid=$TEST_UID gid=$TEST_GID" root_step "--container-security=uid:$TEST_UID,gid:$TEST_GID" sh -c 'echo "uid=$(id -u) gid=$(id -g)"'
    configure_release 'root default capabilities' full
    capability_down
    check_clean
}
root_command() { (cd / && "$BERTH_PREFIX/bin/berth" exec "$@"); }
root_step() { (cd / && srun --quiet --container="$DEMO" "$@"); }

test_a_wrong_capability_file_stops_containers() {
    capability_write '{"users": {"x": ["CAP_CHWON"]}}'
    check_refused 'capability.json' step "$DEMO" true
    capability_down
    check_clean
}

test_seccomp() {
    local profile=$TEST_HOME/profile.json
    seccomp_profile "$profile" SCMP_ACT_KILL_PROCESS mkdir mkdirat
    check_status 159 step "$DEMO" "--container-security=seccomp:$profile" mkdir /tmp/x
    check_output ok step "$DEMO" "--container-security=seccomp:$profile" echo ok
    seccomp_profile "$profile" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    check_fails_with 1 'No space left on device' step "$DEMO" "--container-security=seccomp:$profile" mkdir "$TEST_HOME/x"
    printf '{' >"$profile"
    check_refused 'profile.json' step "$DEMO" "--container-security=seccomp:$profile" true
    check_refused 'No such file' step "$DEMO" "--container-security=seccomp:$TEST_HOME/none.json" true
    rm -f "$profile"
    check_clean
}

# A profile is read as the user.
test_a_profile_that_the_user_may_not_read() {
    seccomp_profile "$FILE_TMP/secret.json" SCMP_ACT_KILL_PROCESS mkdir
    chmod 0600 "$FILE_TMP/secret.json"
    check_refused 'secret.json: Permission denied' step "$DEMO" "--container-security=seccomp:$FILE_TMP/secret.json" true
    check_clean
}

test_a_profile_that_kills_what_follows() {
    local profile=$TEST_HOME/profile.json
    seccomp_profile "$profile" SCMP_ACT_KILL_PROCESS execve execveat
    capture step "$DEMO" "--container-security=seccomp:$profile" true
    check test "$CAPTURED_STATUS" -ne 0
    rm -f "$profile"
    check_clean
}

test_the_sites_profile() {
    local profile=$BERTH_PREFIX/etc/berth/seccomp-profiles/test.json
    seccomp_profile "$profile" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    configure_release 'seccomp profile' "$profile"
    check_fails_with 1 'No space left on device' step "$DEMO" mkdir "$TEST_HOME/x"
    # A user's can only add to it.
    seccomp_profile "$TEST_HOME/own.json" SCMP_ACT_ERRNO rmdir -- '"errnoRet": 18'
    check_fails_with 1 'No space left on device' step "$DEMO" "--container-security=seccomp:$TEST_HOME/own.json" mkdir "$TEST_HOME/x"
    as_user mkdir "$TEST_HOME/y"
    check_fails_with 1 'Invalid cross-device link' step "$DEMO" "--container-security=seccomp:$TEST_HOME/own.json" rmdir "$TEST_HOME/y"
    rm -rf "$TEST_HOME/own.json" "$TEST_HOME/y"
    configure_release 'seccomp profile' "$BERTH_PREFIX/etc/berth/seccomp-profiles/default.json"
    in_image "Berth demo" step "$DEMO"
    configure_release 'seccomp profile' ''
    rm -f "$profile"
    check_clean
}

test_a_label_that_cannot_be_set() {
    local why='AppArmor is not active'
    [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) != Y ]] || why="AppArmor label 'no-such-profile' is not known"
    check_refused "$why" step "$DEMO" --container-security=apparmor:no-such-profile true
    check_clean
}

test_explaining_a_running_step() {
    local job
    in_background srun --container="$DEMO" --container-bind=/usr/share:/mnt sleep "$(patient 20)"
    until_true 10 records_one || fail "no record: $(ls /run/berth/steps 2>&1)"
    check_equal '0:0' "$(stat -c %u:%g /run/berth/steps/*)" "who owns the record"
    job=$(as_user squeue --noheader --format=%A | head -n 1)
    check_match "step $job.0 " "$("$BERTH_PREFIX/bin/berth" explain "$job.0")"
    check_match 'bind /usr/share +mounted at /mnt +\[.*berth.conf:[0-9]+: user bind control = yes\]' "$(as_user berth explain "$job.0")"
    check_match '"step": "'"$job"'.0"' "$(as_user berth explain --json "$job")"
    check_refused 'no such step' as_user berth explain "$job.7"
    check_refused 'is not a step' as_user berth explain nonsense
    check_refused 'belongs to somebody else' as_server_user "$BERTH_PREFIX/bin/berth" explain "$job.0"
    as_user scancel "$job"
    cluster_wait_idle
    check_refused 'no such step' as_user berth explain "$job.0"
    check_equal "" "$(ls -A /run/berth/steps)" "records"
    check_clean
}

records_one() { [[ -n $(ls -A /run/berth/steps 2>/dev/null) ]]; }
as_server_user() { setpriv --reuid "$TEST_SERVER_UID" --regid "$TEST_SERVER_UID" --clear-groups -- "$@"; }

test_audit() {
    local log=$BERTH_TEST_ROOT/audit/berth.jsonl
    mkdir -m 0755 "$BERTH_TEST_ROOT/audit"
    configure_release 'audit log' "$log"
    check_status 0 step "$DEMO" true
    check_output "allowed True True $TEST_UID" python3 -c '
import json, sys
event = json.loads(open(sys.argv[1]).readline())
print(event["outcome"], event["job"] > 0, event["step"] == 0, event["uid"])' "$log"
    configure_release 'audit log' ''
    rm -r "$BERTH_TEST_ROOT/audit"
    check_clean
}
