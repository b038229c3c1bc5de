# shellcheck shell=bash
# Capabilities, seccomp profiles, labels and other ids, as root by the command.

setup_file() { fixtures_create; }
teardown_file() {
    configure_release 'root default capabilities' full
    configure_release 'seccomp profile' ''
    capability_down
}
before_each() { LEAKS_BEFORE=$(leaks_state); }

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }
sets() { sets_of as_root berth exec "$@"; }

# What root has here at all: machines lack some.
all_here() { awk '/^CapBnd/ {print $2}' /proc/self/status; }
with_bit() { printf '%x' $((16#$1 | 1 << $2)); }

test_root_keeps_what_the_site_says() {
    configure_release 'root default capabilities' full
    check_equal "$(roots_sets "$(all_here)" 0)" "$(sets "$DEMO")"
    configure_release 'root default capabilities' no
    check_equal "$(roots_sets 0 1)" "$(sets "$DEMO")"
    check_equal "$(roots_sets "$(all_here)" 0)" "$(sets --keep-privs "$DEMO")"
    check_equal "$(roots_sets "$(with_bit 0 0)" 1)" "$(sets --add-caps CAP_CHOWN "$DEMO")"
    configure_release 'root default capabilities' file
    capability_write '{"users": {"root": ["CAP_CHOWN", "CAP_KILL"]}}'
    check_equal "$(roots_sets 21 0)" "$(sets "$DEMO")"
    check_equal "$(roots_sets 1 0)" "$(sets --drop-caps kill "$DEMO")"
    configure_release 'root default capabilities' full
    check_equal "$(roots_sets 0 1)" "$(sets --no-privs "$DEMO")"
    check_equal "$(roots_sets "$(printf '%x' $((16#$(all_here) & ~1)))" 0)" "$(sets --drop-caps CAP_CHOWN "$DEMO")"
}

test_the_sets_are_in_force() {
    touch "$FILE_TMP/file"
    configure_release 'root default capabilities' full
    check_status 0 as_root berth exec --bind "$FILE_TMP:/mnt" "$DEMO" chown 1:1 /mnt/file
    check_status 1 as_root berth exec --drop-caps CAP_CHOWN --bind "$FILE_TMP:/mnt" "$DEMO" chown 2:2 /mnt/file
    check_equal 1:1 "$(stat -c %u:%g "$FILE_TMP/file")"
}

test_options_that_contradict_each_other() {
    check_refused 'no-privs' as_root berth exec --keep-privs --no-privs "$DEMO" true
    check_refused "did you mean 'CAP_CHOWN'" as_root berth exec --add-caps CAP_CHWON "$DEMO" true
}

test_other_ids() {
    check_output "$(printf 'uids: %s %s %s\ngids: %s %s %s' 4711 4711 4711 4712 4712 4712)" \
        as_root berth exec --security uid:4711,gid:4712:4713 "$DEMO" probe ids
    check_match '4712 4713' "$(as_root berth exec --security uid:4711,gid:4712:4713 "$DEMO" id -G)"
    check_equal "$(all_sets 0 1)" "$(sets --security uid:4711 "$DEMO")"
    check_equal "$(all_sets 1 1)" "$(sets --security uid:4711 --add-caps CAP_CHOWN "$DEMO")"
    check_output "uids: 0 0 0" as_root sh -c "berth exec --security uid:0 $DEMO probe ids | head -n 1"
    check_refused "security uid '4711x' is not a number" as_root berth exec --security uid:4711x "$DEMO" true
    check_refused 'security uid' as_root berth exec --security uid:4294967295 "$DEMO" true
}

test_seccomp() {
    local profile=$FILE_TMP/profile.json
    seccomp_profile "$profile" SCMP_ACT_KILL_PROCESS mkdir mkdirat
    check_status 159 as_root berth exec --security "seccomp:$profile" "$DEMO" mkdir /tmp/x
    check_output ok as_root berth exec --security "seccomp:$profile" "$DEMO" echo ok
    seccomp_profile "$profile" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    check_fails_with 1 'No space left on device' as_root berth exec --security "seccomp:$profile" "$DEMO" mkdir "$FILE_TMP/x"
    check_match $'Seccomp:\t2' "$(as_root berth exec --security "seccomp:$profile" "$DEMO" cat /proc/self/status)"
    seccomp_profile "$profile" SCMP_ACT_ALLOW no_such_call mkdir
    check_match "seccomp .* unknown to this node's libseccomp: no_such_call  \\[$profile\\]" \
        "$(as_root berth exec --explain --security "seccomp:$profile" "$DEMO" true)"
    # Root without no_new_privs would need CAP_SYS_ADMIN for a filter.
    configure_release 'root default capabilities' full
    check_output ok as_root berth exec --drop-caps CAP_SYS_ADMIN --security "seccomp:$profile" "$DEMO" echo ok
}

test_a_relative_profile() {
    seccomp_profile "$FILE_TMP/profile.json" SCMP_ACT_KILL_PROCESS mkdir mkdirat
    (cd "$FILE_TMP" && check_status 159 "$BERTH_PREFIX/bin/berth" exec --security seccomp:profile.json "$DEMO" mkdir /tmp/x)
}

test_wrong_profiles() {
    local profile=$FILE_TMP/profile.json
    check_refused 'seccomp profile .*none.json: No such file' as_root berth exec --security "seccomp:$FILE_TMP/none.json" "$DEMO" true
    check_refused 'not a file' as_root berth exec --security "seccomp:$FILE_TMP" "$DEMO" true
    printf '{"defaultAction": "SCMP_ACT_ALLO"}' >"$profile"
    check_refused 'profile.json: .*defaultAction' as_root berth exec --security "seccomp:$profile" "$DEMO" true
    printf '{"defaultAction"' >"$profile"
    check_refused 'profile.json' as_root berth exec --security "seccomp:$profile" "$DEMO" true
    check_refused 'security .profile. is not known' as_root berth exec --security profile:x "$DEMO" true
}

test_the_sites_profile() {
    local profile=$BERTH_PREFIX/etc/berth/seccomp-profiles/test.json users=$FILE_TMP/profile.json
    seccomp_profile "$profile" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    configure_release 'seccomp profile' "$profile"
    check_fails_with 1 'No space left on device' as_root berth exec "$DEMO" mkdir "$FILE_TMP/x"
    # A user's can only add to it.
    seccomp_profile "$users" SCMP_ACT_ERRNO rmdir -- '"errnoRet": 18'
    check_fails_with 1 'No space left on device' as_root berth exec --security "seccomp:$users" "$DEMO" mkdir "$FILE_TMP/x"
    mkdir "$FILE_TMP/y"
    check_fails_with 1 'Invalid cross-device link' as_root berth exec --security "seccomp:$users" "$DEMO" rmdir "$FILE_TMP/y"
    check_match "seccomp +$profile .*berth.conf:[0-9]+: seccomp profile" "$(as_root berth exec --explain "$DEMO" true)"
    printf '{"defaultAction": "SCMP_ACT_ALLO"}' >"$profile"
    check_refused "test.json: .*defaultAction" as_root berth exec "$DEMO" true
    check_status 255 as_root berth config check
    check_match 'test.json' "$CAPTURED_OUT$CAPTURED_ERR"
    seccomp_profile "$profile" SCMP_ACT_ALLOW mkdir
    chmod 0666 "$profile"
    check_refused 'test.json: others than root can write to it' as_root berth exec "$DEMO" true
    rm "$profile"
    check_refused 'test.json' as_root berth exec "$DEMO" true
    configure_release 'seccomp profile' ''
}

test_the_shipped_profile() {
    configure_release 'seccomp profile' "$BERTH_PREFIX/etc/berth/seccomp-profiles/default.json"
    in_image "Berth demo" as_root berth exec "$DEMO"
    in_image "Berth demo" as_root berth exec "$ROOT_DEMO"
    check_output "mount: no (EPERM)" as_root berth exec --no-privs "$DEMO" probe mount /tmp
    configure_release 'seccomp profile' ''
}

test_labels() {
    local module profile
    for module in apparmor selinux; do
        module_is_active "$module" && continue
        check_refused "(AppArmor|SELinux) is not active on this node" as_root berth exec --security "$module:x" "$DEMO" true
    done
    check_refused 'exclude each other' as_root berth exec --security apparmor:x,selinux:y "$DEMO" true
    check_refused "is not a label" as_root berth exec --security 'apparmor:a b' "$DEMO" true
    module_is_active apparmor || return 0
    check_refused "AppArmor label 'no-such-profile' is not known" as_root berth exec --security apparmor:no-such-profile "$DEMO" true
    profile=$(awk '{print $1; exit}' /sys/kernel/security/apparmor/profiles)
    [[ -z $profile ]] || check_match "^$profile " "$(as_root berth exec --security "apparmor:$profile" "$DEMO" cat /proc/self/attr/current)"
}

module_is_active() {
    if [[ $1 == apparmor ]]; then [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]; else [[ -e /sys/fs/selinux/enforce ]]; fi
}

# Each decision, and each request that came to none.
test_syslog() {
    cat >"$FILE_TMP/inside" <<SH
cd /
"$BERTH_PREFIX/bin/berth" exec "$DEMO" true
"$BERTH_PREFIX/bin/berth" exec "$FILE_TMP/none.sif" true
echo 'activated = maybe' >"$BERTH_PREFIX/etc/berth/ecl.toml"
"$BERTH_PREFIX/bin/berth" exec "$DEMO" true
true
SH
    check with_syslog "$FILE_TMP/said" sh "$FILE_TMP/inside"
    rm -f "$BERTH_PREFIX/etc/berth/ecl.toml"
    check_output "allowed $DEMO
failed $FILE_TMP/none.sif
failed $DEMO" python3 -c '
import json, re, sys
for line in open(sys.argv[1]):
    head, text = line.split(": ", 1)
    assert re.fullmatch(r"<85>berth\[\d+\]", head), head
    event = json.loads(text)
    print(event["outcome"], event["image"]["path"])' "$FILE_TMP/said"
    check_match 'ecl.toml:1' "$(tail -n 1 "$FILE_TMP/said")"
}

test_the_audit_log() {
    local log=$BERTH_TEST_ROOT/audit/berth.jsonl
    mkdir -m 0755 "$BERTH_TEST_ROOT/audit"
    configure_release 'audit log' "$log"
    in_image "Berth demo" as_root berth exec "$DEMO"
    capture as_root berth exec "$FILE_TMP/none.sif" true
    configure_release 'allow container dir' no
    capture as_root berth exec "$FIXTURES/demo" true
    configure_release 'allow container dir' yes
    check_output 'allowed 0
failed 0
refused 0' python3 -c '
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    assert event["time"] and event["node"] and event["image"]["path"], event
    if event["outcome"] == "refused": assert "allow container dir = no" in event["rule"], event
    if event["outcome"] != "failed": assert event["image"]["inode"] > 0, event
    print(event["outcome"], event["uid"])' "$log"
    check_equal 600 "$(stat -c %a "$log")"
    as_root berth exec --explain "$DEMO" true >/dev/null
    check_equal 3 "$(wc -l <"$log")" "lines after --explain"
    # No record, no container.
    chmod 0777 "$BERTH_TEST_ROOT/audit"
    check_refused 'others than root can write to it' as_root berth exec "$DEMO" true
    chmod 0755 "$BERTH_TEST_ROOT/audit"
    rm "$log"
    ln -s /dev/full "$log"
    check_refused 'no container runs without a record' as_root berth exec "$DEMO" true
    rm "$log"
    mkfifo "$log"
    check_refused 'audit log' as_root berth exec "$DEMO" true
    configure_release 'audit log' ''
    rm -r "$BERTH_TEST_ROOT/audit"
}
