# shellcheck shell=bash disable=SC2016
# berth exec as root: the same container, mounted with root's powers, and none of them left inside.

setup_file() { fixtures_create; }
before_each() { LEAKS_BEFORE=$(leaks_state); }

# as_root COMMAND…: with a folder under it that exists in every container.
as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

check_clean() {
    local left
    left=$(leaks_since "$LEAKS_BEFORE") || fail "left behind: $left"
}

test_the_kernel_mounts_what_only_root_can_change() {
    need_loop
    in_image "Berth demo" as_root berth exec "$ROOT_DEMO"
    check_match 'image driver +kernel squashfs' "$(as_root berth exec --explain=text "$ROOT_DEMO" true)"
    check_clean
}

test_a_users_image_is_served_by_a_user_of_its_own() {
    local pid
    in_image "Berth demo" as_root berth exec "$DEMO"
    as_root berth exec "$DEMO" sleep 1 &
    pid=$!
    until_true 5 servers_run || fail "no server as $TEST_SERVER_USER"
    wait "$pid"
    check_clean
}

servers_run() { [[ -n $(user_processes "$TEST_SERVER_UID") ]]; }

test_no_privilege_is_left() {
    local image
    for image in "$DEMO" "$ROOT_DEMO"; do
        capture as_root berth exec --no-privs "$image" grep -E '^(Cap|NoNewPrivs)' /proc/self/status
        check_equal 0000000000000000 "$(awk '/^Cap/ {print $2}' <<<"$CAPTURED_OUT" | sort -u)" "all capability sets"
        check_match $'NoNewPrivs:\t1' "$CAPTURED_OUT"
        check_match 'mount: no' "$(as_root berth exec --no-privs "$image" probe mount /etc)"
        check_output "" as_root berth exec "$image" probe descriptors
    done
    check_match '^uids: 0 0 0' "$(as_root berth exec "$DEMO" probe ids)"
}

test_status_and_signals() {
    check_status 7 as_root berth exec "$DEMO" sh -c 'exit 7'
    check_status 137 as_root sh -c "berth exec $DEMO sh -c 'kill -KILL \$\$'; exit \$?"
}

test_binds_cannot_leave_the_image() {
    install -d -m 0755 "$BERTH_TEST_ROOT/outside"
    local destination
    for destination in /hostile/up/new /hostile/absolute /hostile/absolute/x /hostile/magic/etc/new /proc/1/root/x; do
        capture as_root berth exec --bind "$TEST_HOME:$destination" "$HOSTILE" true
        [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "$destination: status $CAPTURED_STATUS"
    done
    check_equal "" "$(ls -A "$BERTH_TEST_ROOT/outside")"
    check test ! -e /etc/new
    check_clean
}

# Clusters' nodes and containers' roots often lack some of these.
test_root_with_fewer_capabilities() {
    local image
    for image in "$DEMO" "$ROOT_DEMO"; do
        in_image "Berth demo" as_root setpriv --bounding-set=-sys_resource,-mknod,-sys_module,-sys_time,-sys_boot,-net_admin \
            --inh-caps=-all "$BERTH_PREFIX/bin/berth" exec "$image"
    done
    check_clean
}

test_another_configuration() {
    local conf=$FILE_TMP/berth.conf
    printf 'image server user = %s\nallow container sif = no\n' "$TEST_SERVER_USER" >"$conf"
    check_refused 'allow container sif' as_root berth exec --config "$conf" "$DEMO" true
    check_refused 'berth.conf' as_root berth exec --config "$FILE_TMP/none/berth.conf" "$DEMO" true
}

test_bad_images() {
    local bytes
    for bytes in 0 100 5000 $(($(stat -c %s "$ROOT_DEMO") / 2)); do
        head -c "$bytes" "$ROOT_DEMO" >"$FIXTURES/cut.sif"
        check_refused cut.sif as_root berth exec "$FIXTURES/cut.sif" echo ran
    done
    check_clean
}

test_killed_at_many_moments() {
    local i image
    need_loop
    for image in "$DEMO" "$ROOT_DEMO"; do
        for ((i = 0; i < 12; ++i)); do
            (cd / && exec "$BERTH_PREFIX/bin/berth" exec "$image" sleep 0.3) >/dev/null 2>&1 &
            sleep "0.$(printf '%03d' $((i * 4)))"
            kill -KILL $! 2>/dev/null || true
            wait $! 2>/dev/null || true
        done
    done
    check_clean
}

test_config_check() {
    check_status 0 as_root berth config check
    printf 'user bind contrl = yes\n' >"$FILE_TMP/wrong.conf"
    capture as_root berth config check --config "$FILE_TMP/wrong.conf"
    check test "$CAPTURED_STATUS" -ne 0
    check_match 'wrong.conf:1' "$CAPTURED_OUT$CAPTURED_ERR"
}

test_the_command_finds_no_child_that_it_did_not_make() {
    check_output 'children: no (ECHILD)' as_root berth exec "$ROOT_DEMO" probe children
    check_output 'children: no (ECHILD)' as_root berth exec "$DEMO" probe children
}
