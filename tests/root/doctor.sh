# shellcheck shell=bash disable=SC2016
# berth doctor: what it says of this machine is true, and what is broken on purpose is found.

setup_file() {
    fixtures_create
    CONF=$BERTH_PREFIX/etc/berth/berth.conf
    cp -p "$CONF" "$FILE_TMP/berth.conf"
}
before_each() {
    cp -p "$FILE_TMP/berth.conf" "$CONF"
    ecl_down
}
teardown_file() { before_each; }

doctor() { (cd / && "$BERTH_PREFIX/bin/berth" doctor "$@"); }

# health SUBJECT: what it says of it.
health() { { doctor --json || true; } | python3 -c 'import json, sys; print("; ".join(f["health"] for f in json.load(sys.stdin)["findings"] if f["subject"].endswith(sys.argv[1])))' "$1"; }

test_the_installation_is_sound() {
    local program
    for program in berth-step berth-fuse berth-verify berth-trust berth-image 'image server user' berth.conf ecl.toml libseccomp kernel; do
        check_equal ok "$(health "$program")" "$program"
    done
    check_match 'ok +kernel: [0-9]' "$(doctor || true)"
}

# what SUBJECT: the detail of it.
what() { { doctor --json || true; } | python3 -c 'import json, sys; print("; ".join(f["detail"] for f in json.load(sys.stdin)["findings"] if f["subject"] == sys.argv[1]))' "$1"; }

test_what_the_kernel_says() {
    check_equal "$(</proc/sys/kernel/seccomp/actions_avail)" "$(what seccomp)"
    check_match '^2\.[0-9]+\.[0-9]+, API level [0-9]' "$(what libseccomp)"
    if [[ -e /sys/kernel/security/lsm ]]; then check_equal "$(</sys/kernel/security/lsm)" "$(what 'security modules')"; fi
    if [[ ! -e /dev/kfd && ! -e /proc/driver/nvidia/version && ! -e /dev/nvidia0 && ! -e /sys/module/amdgpu ]]; then
        check_equal 'none seen' "$(what GPUs)"
    fi
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        check_match "^version 2: $(</sys/fs/cgroup/cgroup.controllers)" "$(what cgroups)"
    else
        check_match '^version 1: ' "$(what cgroups)"
    fi
}

# A hierarchy of version 2 is mounted over this machine's own, in a namespace that goes with the command.
test_cgroups_of_version_2() {
    local seen
    seen=$(unshare --mount sh -c 'mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || exit 0; cat /sys/fs/cgroup/cgroup.controllers >&2; cd / && exec "$0" doctor' \
        "$BERTH_PREFIX/bin/berth" 2>"$TEST_TMP/controllers") || true
    [[ -n $seen ]] || skip "cgroup version 2 cannot be mounted here"
    check_match "ok +cgroups: version 2: $(<"$TEST_TMP/controllers")" "$seen"
    check_match 'cgroups of users: ' "$seen"
}

test_json_for_scripts() {
    { doctor --json || true; } | python3 -c '
import json, sys
findings = json.load(sys.stdin)["findings"]
assert findings and all(set(f) == {"check", "health", "subject", "detail", "remedy"} and f["check"] and f["health"] in ("ok", "warn", "fail") for f in findings)
assert {f["subject"] for f in findings if f["check"] == "file systems"} == {"file system overlay", "file system squashfs", "file system fuse"}'
}

# As Slurm calls a HealthCheckProgram: no terminal, no environment, bounded in time, one line a failure and nothing else.
test_as_a_health_check() {
    configure_release 'image server user' nobody-by-this-name
    check_status 1 timeout 50 env -i "$BERTH_PREFIX/bin/berth" doctor --quiet
    check_match 'fail +image server user: ' "$CAPTURED_OUT"
    check_no_match '(^|\n)(ok|warn) ' "$CAPTURED_OUT"
    check_equal "" "$CAPTURED_ERR"
}

test_it_agrees_with_what_works() {
    if as_user unshare --user --mount true 2>/dev/null; then
        check_equal ok "$(health 'user namespaces')"
    else
        check_equal warn "$(health 'user namespaces')"
    fi
    check_equal "$([[ -e /dev/loop-control ]] && echo ok || echo warn)" "$(health 'loop devices')"
    { doctor --json || true; } | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["healthy"] == all(f["health"] != "fail" for f in report["findings"])
assert all(f["remedy"] for f in report["findings"] if f["health"] == "fail")'
}

test_broken_on_purpose() {
    configure_release 'image server user' nobody-by-this-name
    check_equal fail "$(health 'image server user')"
    check_status 1 doctor --quiet
    check_match 'fail +image server user: .*nobody-by-this-name' "$CAPTURED_OUT"
    printf 'no such directive = 1\n' >>"$CONF"
    check_equal fail "$(health berth.conf)"
    chmod 0666 "$CONF"
    check_equal fail "$(health berth.conf)"
    chmod 0644 "$CONF"
    before_each
    chmod o+w "$BERTH_PREFIX/libexec/berth/berth-fuse"
    check_equal fail "$(health berth-fuse)"
    chmod o-w "$BERTH_PREFIX/libexec/berth/berth-fuse"
    configure_release 'require signature' yes
    check_equal fail "$(health 'site keyring')"
    configure_release 'require signature' no
    check_equal ok "$(health 'site keyring')"
    printf 'activated = maybe\n' >"$BERTH_PREFIX/etc/berth/ecl.toml"
    check_equal fail "$(health ecl.toml)"
    ecl_up "$(ecl_group apps whitelist /apps 0123456789ABCDEF0123456789ABCDEF01234567 | sed '1a options = ["contian"]')"
    check_equal fail "$(health ecl.toml)"
    check_match "did you mean 'contain'" "$(what ecl.toml)"
    ecl_write 'activated = true'
    check_equal ok "$(health ecl.toml)"
    check_equal fail "$(health 'site keyring')"
    check_match 'no image runs' "$(what configuration)"
    ecl_down
    check_equal ok "$(health ecl.toml)"
    capability_write '{"users": {"x": ["CAP_CHWON"]}}'
    check_equal fail "$(health capability.json)"
    capability_down
    configure_release 'seccomp profile' /no/such/profile.json
    check_equal fail "$(health 'seccomp profile')"
    configure_release 'seccomp profile' ''
    configure_release 'limit container paths' /no/such/folder
    check_equal warn "$(health configuration)"
}

test_a_user_may_ask_too() {
    capture as_user berth doctor
    check_match 'kernel: ' "$CAPTURED_OUT"
    check_equal "" "$CAPTURED_ERR"
}
