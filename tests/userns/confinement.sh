# shellcheck shell=bash
# Capabilities and seccomp profiles without privilege: there is nothing to give, and a filter is the user's own.

setup_file() { fixtures_create; }
teardown_file() { capability_down; }

exec_in() { as_user berth exec "$@"; }

test_no_capabilities_to_give() {
    capability_write "{\"users\": {\"$TEST_USER\": [\"CAP_CHOWN\"]}}"
    check_equal "$(all_sets 0 1)" "$(sets_of exec_in "$DEMO")"
    capture exec_in --add-caps CAP_CHOWN "$DEMO" echo ran
    check_match 'berth: warning: .*CAP_CHOWN' "$CAPTURED_ERR"
    check_equal ran "$CAPTURED_OUT"
    check_equal "$(all_sets 0 1)" "$(sets_of exec_in --add-caps CAP_CHOWN "$DEMO" 2>/dev/null)"
    capability_down
}

test_what_only_root_may() {
    check_refused 'keep-privs' exec_in --keep-privs "$DEMO" true
    check_refused 'only root' exec_in --security uid:0 "$DEMO" true
    check_refused 'only root' exec_in --security "gid:$TEST_GID" "$DEMO" true
}

test_seccomp() {
    local profile=$TEST_HOME/profile.json
    seccomp_profile "$profile" SCMP_ACT_KILL_PROCESS mkdir mkdirat
    check_status 159 exec_in --security "seccomp:$profile" "$DEMO" mkdir /tmp/x
    seccomp_profile "$profile" SCMP_ACT_ERRNO mkdir mkdirat -- '"errnoRet": 28'
    check_fails_with 1 'No space left on device' exec_in --security "seccomp:$profile" "$DEMO" mkdir "$TEST_HOME/x"
    check_fails_with 1 'No space left on device' as_user env BERTH_SECURITY="seccomp:$profile" berth exec "$DEMO" mkdir "$TEST_HOME/x"
}

test_explain_shows_them() {
    local profile=$TEST_HOME/profile.json
    seccomp_profile "$profile" SCMP_ACT_KILL_PROCESS mkdir
    check_match "install the seccomp filters of $profile" "$(exec_in --explain --security "seccomp:$profile" "$DEMO" true)"
    seccomp_profile "$profile" SCMP_ACT_ALLOW no_such_call mkdir
    check_match "seccomp .* unknown to this node's libseccomp: no_such_call  \\[$profile\\]" \
        "$(exec_in --explain --security "seccomp:$profile" "$DEMO" true)"
}
