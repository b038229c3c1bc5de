# shellcheck shell=bash
# berth config check: what well-formed files say that cannot be meant.

setup_file() {
    signing_up
    CONF=$BERTH_PREFIX/etc/berth/berth.conf
    cp -p "$CONF" "$FILE_TMP/berth.conf"
    ANN=$(signer)
    EVE=0123456789ABCDEF0123456789ABCDEF01234567
    APPS=$BERTH_TEST_ROOT/apps
    mkdir -m 0755 "$APPS"
}
before_each() {
    cp -p "$FILE_TMP/berth.conf" "$CONF"
    site_keyring_up
    ecl_down
}
teardown_file() {
    before_each
    rm -rf "$APPS"
    signing_down
}

config_check() { (cd / && "$BERTH_PREFIX/bin/berth" config check "$@"); }

# says REGEX: it is a problem, which ends the command with 255. FILE:LINE stands in the regular expression.
says() {
    check_status 255 config_check
    check_match "$1" "$CAPTURED_OUT"
    check_equal "" "$CAPTURED_ERR"
}

# notes REGEX: it is worth a line, and nothing is wrong.
notes() {
    check_status 0 config_check
    check_match "$1" "$CAPTURED_OUT"
}

# line_of FILE TEXT: its number.
line_of() { grep -n -F -x -e "$2" "$1" | cut -d: -f1; }

set_to() {
    configure_release "$1" "$2"
    WHERE="berth.conf:$(line_of "$CONF" "$1 = $2"): "
}

test_nothing_is_wrong() {
    check_status 0 config_check
    check_no_match note "$CAPTURED_OUT"
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    check_status 0 config_check
    check_match 'berth.conf: ok .*ecl.toml: ok \(activated, 1 group\)' "${CAPTURED_OUT//$'\n'/ }"
    config_check --json | python3 -c 'import json, sys; j = json.load(sys.stdin); assert j["ok"] and j["problems"] == [] and j["notes"] == []'
}

test_keys_that_the_keyring_lacks() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN" "$EVE")"
    says "ecl.toml:2: keyfp $EVE of group apps is not in the site's keyring"
    check_no_match "$ANN" "$CAPTURED_OUT"
    check_match 'berth.conf: ok' "$CAPTURED_OUT"
    check_no_match 'ecl.toml: ok' "$CAPTURED_OUT"
    { config_check --json || true; } | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert not report["ok"] and [(p["file"].split("/")[-1], p["line"]) for p in report["problems"]] == [("ecl.toml", 2)]'
    ecl_write 'activated = false' "$(ecl_group apps whitelist "$APPS" "$EVE")"
    notes "ecl.toml:2: note: keyfp $EVE of group apps is not in the site's keyring"
    # What a blacklist names may be gone: nothing runs with such a signature.
    ecl_up "$(ecl_group apps blacklist "$APPS" "$EVE")"
    notes "ecl.toml:2: note: keyfp $EVE"
}

test_as_a_user() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$EVE")"
    check_status 255 as_user berth config check
    check_match "keyfp $EVE of group apps is not in the site's keyring" "$CAPTURED_OUT"
}

test_a_key_that_counts_no_more() {
    local home=$BERTH_TEST_ROOT/old fingerprint  # gpg-agent's socket needs a short path
    mkdir -m 0700 "$home"
    gpg --homedir "$home" --batch --quiet --passphrase '' --faked-system-time 20200101T000000 \
        --quick-generate-key 'Old <old@example.org>' ed25519 sign 1d 2>/dev/null
    gpg --homedir "$home" --export >"$SITE_KEYRING"
    fingerprint=$(gpg --homedir "$home" --batch --quiet --with-colons --list-keys 2>/dev/null | awk -F: '/^fpr/ {print $10; exit}')
    gpgconf --homedir "$home" --kill all
    rm -rf "$home"
    ecl_up "$(ecl_group old whitestrict "$APPS" "$fingerprint")"
    says "ecl.toml:2: keyfp $fingerprint of group old is expired"
}

test_signatures_without_a_keyring() {
    rm "$SITE_KEYRING"
    set_to 'require signature' yes
    says "${WHERE}signatures are required, and .*global-pgp-public is empty or not there: no image runs"
    configure_release 'require signature' no
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    says 'ecl.toml:1: signatures are required, and .*no image runs'
    printf 'no keys\n' >"$SITE_KEYRING"
    says "ecl.toml:1: the site's keyring cannot be looked into: .*global-pgp-public"
    chmod 0666 "$SITE_KEYRING"
    says "ecl.toml:1: the site's keyring cannot be looked into: .*others than root can write"
}

test_signatures_and_no_sif() {
    set_to 'allow container sif' no
    check_status 0 config_check
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    says "${WHERE}allow container sif = no, and only SIF images carry the signatures that .*ecl.toml:1: activated = true asks for"
    ecl_down
    configure_release 'require signature' yes
    says "${WHERE}allow container sif = no.*berth.conf:[0-9]+: require signature = yes asks for"
}

test_limits_to_what_is_not_there() {
    set_to 'limit container paths' "$APPS, /no/such/folder"
    says "${WHERE}limit container paths has /no/such/folder, which does not exist"
    check_no_match "$APPS" "$CAPTURED_OUT"
    before_each
    set_to 'limit container owners' "root, 12345, nobody-by-this-name"
    says "${WHERE}limit container owners has nobody-by-this-name"
    before_each
    set_to 'limit container groups' "root, 12345, no-group-by-this-name"
    says "${WHERE}limit container groups has no-group-by-this-name"
    before_each
    ecl_up "$(ecl_group apps whitelist /no/such/folder "$ANN")"
    says "ecl.toml:2: dirpath /no/such/folder does not exist"
}

# section HEAD LINE: as the last lines of the file.
section() {
    printf '\n%s\n%s\n' "$1" "$2" >>"$CONF"
    WHERE="berth.conf:$(wc -l <"$CONF"): "
}

test_what_sections_make_of_it() {
    section '[partition gpu]' 'seccomp profile = /no/such/profile.json'
    says "${WHERE}\[partition gpu\]: .*/no/such/profile.json"
    before_each
    section "[group $TEST_USER]" 'limit container paths = /no/such/folder'
    says "${WHERE}\[group $TEST_USER\]: limit container paths has /no/such/folder"
    before_each
    set_to 'allow container sif' no
    local sif=$WHERE
    section '[account physics]' 'require signature = yes'
    says "${sif}\[account physics\]: allow container sif = no, .*${WHERE}require signature = yes"
    before_each
    # Said once, and not again for a section that has nothing to do with it.
    set_to 'limit container owners' nobody-by-this-name
    section '[partition gpu]' 'mount home = no'
    says 'limit container owners has nobody-by-this-name'
    check_equal 1 "$(grep -c nobody-by-this-name <<<"$CAPTURED_OUT")"
}

test_the_cache_and_the_account() {
    set_to 'image cache' "$TEST_HOME/cache"
    says "${WHERE}image cache = $TEST_HOME/cache: .* $TEST_HOME belongs to uid $TEST_UID"
    set_to 'image cache' /tmp/berth
    says "${WHERE}image cache = /tmp/berth: .*others than root can write to /tmp"
    set_to 'image cache' /no/such/folder/cache
    says "${WHERE}image cache = .*/no: No such file or directory"
    before_each
    set_to 'image server user' nobody-by-this-name
    says "${WHERE}image server user = nobody-by-this-name: there is no such user"
}

test_the_audit_log_and_the_lists_of_gpus() {
    local list=$BERTH_PREFIX/etc/berth/nvliblist.conf
    set_to 'audit log' /tmp/berth.log
    says "${WHERE}audit log = /tmp/berth.log: .*others than root can write to /tmp"
    before_each
    cp -p "$list" "$FILE_TMP/nvliblist.conf"
    printf '../escape.so\n' >>"$list"
    says "berth.conf: no step with --nv starts: .*nvliblist.conf:$(wc -l <"$list"): "
    cp -p "$FILE_TMP/nvliblist.conf" "$list"
    chmod o+w "$list"
    says 'no step with --nv starts: .*nvliblist.conf: others than root'
    # Then it is not read.
    configure_release 'use nvidia-container-cli' yes
    check_status 0 config_check
    cp -p "$FILE_TMP/nvliblist.conf" "$list"
}

# Whoever may read the folder may lock it, and would keep root from importing a revocation.
test_a_user_holds_a_lock_on_the_folder() {
    local folder=$BERTH_PREFIX/etc/berth holder
    (become_user flock --no-fork "$folder" sleep 60) &
    holder=$!
    until_true 5 folder_is_locked "$folder" || fail "the folder cannot be locked: the attack shows nothing"
    (cd / && check_status 0 timeout 10 "$BERTH_PREFIX/bin/berth" key import --global "$FILE_TMP/ann.asc")
    check_equal '600 0' "$(stat -c '%a %u' "$folder/.keyring.lock")"
    end_process "$holder" 1
    rm -f "$folder/.keyring.lock"
}
folder_is_locked() { ! flock --nonblock "$1" true; }

test_import() {
    local theirs=$FILE_TMP/apptainer.conf new=$FILE_TMP/new.conf
    printf '# theirs\nmount home = no\n' >"$theirs"
    check_status 0 as_user berth config import "$theirs"
    check_match 'apptainer.conf:2: mount home = no: .*apptainer.conf: accepted as it is' "${CAPTURED_OUT//$'\n'/ }"
    printf 'sharedns = yes\nno such directive = 1\n' >>"$theirs"
    rm -f "$new"
    check_status 1 config_import "$theirs" --output "$new"
    check_match 'apptainer.conf:4: no such directive = 1: .*some lines must change' "${CAPTURED_OUT//$'\n'/ }"
    check_match "mount home +no +$new:2" "$(cd / && "$BERTH_PREFIX/bin/berth" config list --config "$new")"
    echo mine >"$new"
    check_status 255 config_import "$theirs" --output "$new"
    check_match 'new.conf: File exists' "$CAPTURED_ERR"
    check_equal mine "$(<"$new")" "a file that was there"
    { config_import "$theirs" --json || true; } | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert not report["accepted"] and [line["line"] for line in report["lines"]] == [2, 3, 4], report'
    check_status 255 config_import "$FILE_TMP/none.conf"
    check_match 'none.conf: No such file' "$CAPTURED_ERR"
}
config_import() { (cd / && "$BERTH_PREFIX/bin/berth" config import "$@"); }

test_hooks_and_specifications() {
    set_to 'allow cdi hook' /no/such/hook
    says "${WHERE}allow cdi hook: /no/such/hook"
    printf '#!/bin/sh\n' >"$APPS/hook"
    chmod 0777 "$APPS/hook"
    set_to 'allow cdi hook' "$APPS/hook"
    says "${WHERE}allow cdi hook: .*others than root"
    chmod 0755 "$APPS/hook"
    set_to 'cdi spec dirs' "$APPS"
    echo nonsense >"$APPS/made-up.yaml"
    notes "${WHERE}note: cdi spec dirs: $APPS/made-up.yaml"
    rm "$APPS/made-up.yaml"
    check_status 0 config_check
    check_no_match note "$CAPTURED_OUT"
}
