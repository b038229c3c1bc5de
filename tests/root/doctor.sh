# shellcheck shell=bash disable=SC2016
# berth doctor: what it says of this machine is true, and what is broken on purpose is found.

setup_file() {
    fixtures_create
    CONF=$BERTH_PREFIX/etc/berth/berth.conf
    cp -p "$CONF" "$FILE_TMP/berth.conf"
}
before_each() { cp -p "$FILE_TMP/berth.conf" "$CONF"; }
teardown_file() { cp -p "$FILE_TMP/berth.conf" "$CONF"; }

doctor() { (cd / && "$BERTH_PREFIX/bin/berth" doctor "$@"); }

# health SUBJECT: what it says of it.
health() { { doctor --json || true; } | python3 -c 'import json, sys; print("; ".join(f["health"] for f in json.load(sys.stdin)["findings"] if f["subject"].endswith(sys.argv[1])))' "$1"; }

test_the_installation_is_sound() {
    local program
    for program in berth-step berth-fuse berth-verify berth-trust berth-image 'image server user' berth.conf kernel; do
        check_equal ok "$(health "$program")" "$program"
    done
    check_match 'ok +kernel: [0-9]' "$(doctor || true)"
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
}

test_a_user_may_ask_too() {
    capture as_user berth doctor
    check_match 'kernel: ' "$CAPTURED_OUT"
    check_equal "" "$CAPTURED_ERR"
}
