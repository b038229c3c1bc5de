# shellcheck shell=bash disable=SC2016
# berth capability: who may have which capabilities, and that the file which says so is written whole, one at a time,
# and only where nobody else could have a hand in it.

setup_file() {
    fixtures_create
    FILE=$BERTH_PREFIX/etc/berth/capability.json
}
before_each() { rm -rf "$FILE"; }
teardown_file() { rm -rf "$FILE" "$(dirname "$FILE")/.capability.lock"; }

capability() { (cd / && "$BERTH_PREFIX/bin/berth" capability "$@"); }
quiet_capability() { capability "$@" >/dev/null 2>&1; }
config_check() { (cd / && "$BERTH_PREFIX/bin/berth" config check); }

test_add_list_drop() {
    check_output "$TEST_USER [user]: CAP_NET_RAW" capability add --user "$TEST_USER" net_raw
    check_output "$TEST_USER [user]: CAP_CHOWN,CAP_NET_RAW" capability add -u "$TEST_USER" CAP_CHOWN,CAP_NET_RAW
    check_output "$TEST_GROUP [group]: all" capability add -g "$TEST_GROUP" all
    check_output "$TEST_USER [user]: CAP_CHOWN,CAP_NET_RAW"$'\n'"$TEST_GROUP [group]: all" as_user berth capability list
    check_output "$TEST_USER [user]: CAP_CHOWN,CAP_NET_RAW" capability list "$TEST_USER"
    check_output "$TEST_GROUP [group]: all" capability list --group "$TEST_GROUP"
    check_output '' capability list root
    check_equal "['CAP_CHOWN', 'CAP_NET_RAW'] 41" \
        "$(capability list all --json | python3 -c 'import json, sys; a = json.load(sys.stdin); print(a["users"][sys.argv[1]], len(a["groups"][sys.argv[2]]))' "$TEST_USER" "$TEST_GROUP")"
    check_match 'capability.json: ok \(capabilities for 1 user and 1 group\)' "$(config_check)"
    check_equal '644 0 0' "$(stat -c '%a %u %g' "$FILE")"
    check_equal '600 0 0' "$(stat -c '%a %u %g' "$(dirname "$FILE")/.capability.lock")"
    check_output "$TEST_USER [user]: CAP_CHOWN" capability drop --user "$TEST_USER" CAP_NET_RAW,CAP_KILL
    check_match 'may not have CAP_KILL anyway' "$CAPTURED_ERR"
    check_output "$TEST_USER [user]: none"$'\n'"$TEST_GROUP [group]: none" capability drop -u "$TEST_USER" -g "$TEST_GROUP" all
    check_equal '{}' "$(cat "$FILE")"
    check_output '' capability list
}

test_it_says_what_adding_means() {
    capture capability add --user "$TEST_USER" CAP_SYS_ADMIN
    check_match 'warning: .*become root' "$CAPTURED_ERR"
}

test_avail() {
    check_equal 41 "$(capability avail | grep -cE '^CAP_[A-Z_]+: [a-z].{8}')"
    check_match '^CAP_CHOWN: ' "$(capability avail)"
    check_equal 'CAP_KILL CAP_BPF' "$(capability avail kill,CAP_BPF | sed 's/:.*//' | paste -sd' ')"
    check_equal '39' "$(capability avail bpf --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["number"])')"
    check_refused "did you mean 'CAP_CHOWN'" capability avail CAP_CHWON
}

test_only_root_changes_it() {
    check_refused 'only root can change' as_user berth capability add --user "$TEST_USER" CAP_NET_RAW
    check_refused 'only root can change' as_user berth capability drop --user "$TEST_USER" CAP_NET_RAW
    [[ ! -e $FILE ]] || fail "a user made $FILE"
}

test_mistakes() {
    check_refused 'there is none of that name' capability add --user nobody-has-this-name CAP_KILL
    check_refused 'there is none of that name' capability add --group nobody-has-this-name CAP_KILL
    check_refused "capability 'CAP_KIL' is not known; did you mean 'CAP_KILL'" capability add --user root CAP_KILL,CAP_KIL
    check_refused 'name whom' capability add CAP_KILL
    check_refused 'may have no capability anyway' capability drop --user root CAP_KILL
    check_status 255 capability add --user root
    [[ ! -e $FILE ]] || fail "$FILE was made"
}

test_an_account_that_is_gone() {
    printf '{"users": {"nobody-has-this-name": ["CAP_KILL"]}}' >"$FILE"
    check_output 'nobody-has-this-name [user]: none' capability drop --user nobody-has-this-name all
}

test_singularitys_own_file() {
    : >"$FILE"
    check_output '' capability list
    printf '{\n\t"users": {\n\t\t"%s": [\n\t\t\t"CAP_NET_RAW",\n\t\t\t"CAP_CHOWN"\n\t\t]\n\t}\n}' "$TEST_USER" >"$FILE"
    check_output "$TEST_USER [user]: CAP_CHOWN,CAP_KILL,CAP_NET_RAW" capability add --user "$TEST_USER" CAP_KILL
}

test_many_at_once_lose_nothing() {
    local number names pids=()
    mapfile -t names < <(capability avail | sed 's/:.*//' | head -n 20)
    for number in "${!names[@]}"; do
        quiet_capability add --user "$TEST_USER" "${names[number]}" &
        pids+=($!)
    done
    for number in "${pids[@]}"; do wait "$number" || fail "one of the commands failed"; done
    check_output "$TEST_USER [user]: $(IFS=,; echo "${names[*]}")" capability list "$TEST_USER"
    check_equal '' "$(find "$(dirname "$FILE")" -name '.berth-*')" "left behind"
}

# Anybody may open the folder and the file, and lock them.
test_a_users_lock_stops_nobody() {
    local folder held=$TEST_HOME/held
    folder=$(dirname "$FILE")
    capability add --user "$TEST_USER" CAP_KILL >/dev/null 2>&1
    as_user sh -c "exec 8<'$folder' 9<'$FILE'; flock -x 8; flock -x 9; echo \$\$ >'$held.new'; mv '$held.new' '$held'; exec sleep 60" &
    until_true 10 test -s "$held" || fail "nobody holds the lock"
    check_status 0 timeout 20 "$BERTH_PREFIX/bin/berth" capability add --user "$TEST_USER" CAP_CHOWN
    check_status 1 flock -n -x "$folder" true
    kill "$(cat "$held")"
    rm -f "$held"
    check_fails_with 1 'Permission denied' as_user cat "$folder/.capability.lock"
}

test_a_wrong_file_is_neither_read_nor_replaced() {
    local text
    for text in '{"users": {"ann": ["CAP_NONSENSE"]}}' '{"users": {"ann": ["CAP_KILL"]}, "user": {}}' '{' '[]'; do
        printf '%s' "$text" >"$FILE"
        check_refused 'capability.json:1: ' capability add --user "$TEST_USER" CAP_KILL
        check_refused 'capability.json:1: ' capability list
        check_equal "$text" "$(cat "$FILE")"
        check_status 255 config_check
        check_match 'capability.json:1: ' "$CAPTURED_OUT"
        check_refused 'capability.json:1: ' as_root_exec
    done
}
as_root_exec() { (cd / && "$BERTH_PREFIX/bin/berth" exec "$ROOT_DEMO" true); }

test_a_file_that_others_can_write() {
    printf '{}' >"$FILE"
    chmod 0666 "$FILE"
    check_refused 'others than root can write to it' capability add --user "$TEST_USER" CAP_KILL
    check_refused 'others than root can write to it' as_root_exec
    chmod 0644 "$FILE"
    chown "$TEST_USER" "$FILE"
    check_refused 'chown root' capability add --user "$TEST_USER" CAP_KILL
    check_equal '{}' "$(cat "$FILE")"
}

test_links() {
    printf '{"users": {"root": ["CAP_KILL"]}}' >"$FILE.elsewhere"
    ln -s "$FILE.elsewhere" "$FILE"
    check_output 'root [user]: CAP_KILL' capability list
    check_refused 'is a symbolic link' capability add --user "$TEST_USER" CAP_KILL
    check_equal '{"users": {"root": ["CAP_KILL"]}}' "$(cat "$FILE.elsewhere")"
    rm "$FILE.elsewhere"
    check_refused 'leads nowhere' capability list
    check_refused 'is a symbolic link' capability add --user "$TEST_USER" CAP_KILL
    rm "$FILE"
    mkdir "$FILE"
    check_refused 'capability.json' capability add --user "$TEST_USER" CAP_KILL
    rmdir "$FILE"
}

# A lock that leads elsewhere must not be opened, let alone made there.
test_a_lock_that_is_a_link() {
    local lock
    lock=$(dirname "$FILE")/.capability.lock
    rm -f "$lock"
    ln -s "$TEST_TMP/made" "$lock"
    check_refused 'cannot lock' capability add --user "$TEST_USER" CAP_KILL
    [[ ! -e $TEST_TMP/made ]] || fail "the lock was made elsewhere"
    rm "$lock"
}

# small_site MOUNT_OPTIONS COMMAND…: in a mount namespace where $SITE is a file system of its own, with a berth.conf.
small_site() {
    SITE=$BERTH_TEST_ROOT/small-site
    mkdir -p "$SITE"
    unshare --mount --propagation private sh -euc '
        site=$1 options=$2 conf=$3; shift 3
        mount -t tmpfs -o mode=0755,size=64k none "$site"
        install -m 0644 "$conf" "$site/berth.conf"
        printf "{\"users\": {\"root\": [\"CAP_KILL\"]}}" >"$site/capability.json"
        [ "$options" != full ] || dd if=/dev/zero of="$site/rest" bs=4k 2>/dev/null || true
        [ "$options" != ro ] || mount -o remount,ro "$site"
        status=0
        "$@" --config "$site/berth.conf" >/dev/null || status=$?
        cat "$site/capability.json"
        ls -A "$site" >&2
        exit "$status"' sh "$SITE" "$1" "$BERTH_PREFIX/etc/berth/berth.conf" "$BERTH_PREFIX/bin/berth" capability "${@:2}"
}

test_a_disk_that_is_full_or_read_only() {
    local how message
    for how in full ro; do
        message=$([[ $how == full ]] && echo 'No space left' || echo 'Read-only file system')
        capture small_site "$how" add --user root CAP_CHOWN
        check_equal 255 "$CAPTURED_STATUS" "$how: $CAPTURED_ERR"
        check_match "$message" "$CAPTURED_ERR"
        check_equal '{"users": {"root": ["CAP_KILL"]}}' "$CAPTURED_OUT"
        check_no_match '\.berth-' "$CAPTURED_ERR"
    done
    capture small_site roomy add --user root CAP_CHOWN
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_match 'CAP_CHOWN' "$CAPTURED_OUT"
    rmdir "$SITE"
}
