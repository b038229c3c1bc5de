# shellcheck shell=bash disable=SC2016
# berth key: the user's keyring, the site's, and keyservers, against a server of the tests' own.

# shellcheck source=tests/lib/keyserver.sh
. "$BERTH_SOURCE/tests/lib/keyserver.sh"

setup_file() {
    keyserver_start "$FILE_TMP/keyserver"
    KEYS=$TEST_HOME/.berth/keys
    SITE=$BERTH_PREFIX/etc/berth/global-pgp-public
}

teardown_file() {
    keyserver_stop
    rm -rf "$TEST_HOME/.berth" "$SITE"
}

before_each() {
    rm -rf "$TEST_HOME/.berth" "$SITE"
    install -d -m 0700 -o "$TEST_USER" -g "$TEST_USER" "$TEST_HOME/.berth"
    as_user install -m 0600 /dev/null .berth/keyservers
    trust "$KEYSERVER"
}

key() { as_user berth key "$@"; }

# trust URL [token=TOKEN]: a line in the user's list of keyservers.
trust() { printf '%s ca=%s\n' "$*" "$KEYSERVER_CA" >>"$TEST_HOME/.berth/keyservers"; }

# new_key NAME [PASSWORD] [COMMAND…]: makes a key as the test user, or with COMMAND; prints its fingerprint.
new_key() {
    local name=$1 password=${2:-}
    shift $(($# < 2 ? $# : 2))
    "${@:-as_user}" berth key newpair --algorithm ed25519 --name "$name" --email "$name@example.org" --password "$password" |
        cut -d ' ' -f 1
}

in_other_folder() { as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/other" "$@"; }

no_agent_is_left() { check_equal "" "$(leaks_processes | grep -v hkp_server || true)" "processes left"; }

# --- the user's keyring ---------------------------------------------------------------------------------------------

test_newpair_list_remove() {
    local first second
    first=$(new_key jo)
    second=$(new_key ann word)
    check_match '^[0-9A-F]{40}$' "$first"
    capture key list
    check_match "^Public keys in $KEYS:" "$CAPTURED_OUT"
    check_match "0\) +User: +jo <jo@example.org>.*Fingerprint: +$first.*1\) +User: +ann.*Fingerprint: +$second" "$CAPTURED_OUT"
    check_equal "$first $second" "$(key list --secret --json | python3 -c \
        'import json, sys; print(*(key["fingerprint"] for key in json.load(sys.stdin)))')"
    check_fails_with 255 'secret key .* is there too; .*--secret' key remove "$first"
    check_status 0 key remove --secret "$first"
    check_status 0 key remove --both "${second:24}"
    check_output "Public keys in $KEYS:" key list
    check_output "Secret keys in $KEYS:" key list -s
    no_agent_is_left
}

test_only_our_folder_is_touched() {
    new_key jo >/dev/null
    check test ! -e "$TEST_HOME/.gnupg"
    check_equal "$TEST_USER 700" "$(stat -c '%U %a' "$KEYS")"
    check_equal "" "$(find "$KEYS" -type f -perm /077 ! -name 'pubring.kbx*' -printf '%p ')" "files that others may read"
    check_equal "" "$(find /tmp /run/user -maxdepth 2 -user "$TEST_USER" 2>/dev/null)" "temporary files"
}

test_newpair_as_singularity_makes_it() {
    check_status 0 as_user berth key newpair --name Jo --email jo@example.org --comment 'a key' --password ''
    check_match 'User: +Jo \(a key\) <jo@example.org>.*Algorithm: +rsa4096.*bits\): +4096' "$(key list)"
}

test_newpair_reads_the_passphrase_from_stdin() {
    local id
    id=$(printf 'a long word\nmore' | as_user berth key newpair --algorithm ed25519 --name Jo | cut -d ' ' -f 1)
    check_equal 0 "$(printf 'a long word\n' | key export --secret "$TEST_HOME/out" "$id" >/dev/null 2>&1; echo $?)"
    check_equal 600 "$(stat -c %a "$TEST_HOME/out")"
    rm "$TEST_HOME/out"
    check_equal 255 "$(printf 'a wrong word\n' | key export --secret "$TEST_HOME/out" "$id" >/dev/null 2>"$TEST_TMP/err"; echo $?)"
    check_match passphrase "$(<"$TEST_TMP/err")"
    check test ! -e "$TEST_HOME/out"
    check_fails_with 255 'passphrase' key newpair --algorithm ed25519 --name Jo
    no_agent_is_left
}

test_newpair_refuses() {
    check_fails_with 255 'needs a name' key newpair --password ''
    check_fails_with 255 'control' key newpair --password '' --name $'Jo\nann'
    check_fails_with 255 '< or >' key newpair --password '' --name 'Jo <ann@example.org>'
    check_fails_with 255 'NAME@HOST' key newpair --password '' --name Jo --email nowhere
    check_fails_with 255 'dsa' key newpair --password '' --name Jo --algorithm dsa
}

test_export_and_import() {
    local id public=$TEST_HOME/public.asc secret=$TEST_HOME/secret.gpg
    rm -f "$public" "$secret"
    id=$(new_key jo)
    check_status 0 key export --armor "$public"
    check_match 'BEGIN PGP PUBLIC KEY BLOCK' "$(<"$public")"
    check_status 0 key export --secret "$secret" "$id"
    check_equal "644 600" "$(stat -c %a "$public" "$secret" | xargs)"
    check_fails_with 255 "exists" key export "$public"
    capture in_other_folder berth key import "$public"
    check_match "^$id  jo <jo@example.org>.1 key: 1 new, 0 unchanged in" "$CAPTURED_OUT"
    check_match '1 key: 0 new, 1 unchanged' "$(in_other_folder berth key import "$public")"
    check_match '1 secret' "$(in_other_folder berth key import - <"$secret")"
    check_match "$id" "$(in_other_folder berth key list --secret)"
    check_equal "$(key export --armor -)" "$(in_other_folder berth key export --armor - "0x${id:24}")"
    new_key ann >/dev/null
    check_fails_with 255 'several keys' key export "$TEST_HOME/third"
    rm "$public" "$secret"
    no_agent_is_left
}

test_what_is_no_key_is_not_imported() {
    check_fails_with 255 '/etc/passwd: there is no OpenPGP key' key import /etc/passwd
    check_fails_with 255 'stdin: ' key import -
    check_fails_with 255 'No such file' key import "$TEST_HOME/none"
    check_fails_with 255 'larger than' key import /dev/zero
    check_fails_with 255 'no fingerprint' key remove jo
    check_fails_with 255 'can be forged' key remove 0x12345678
    check_fails_with 255 'no public key' key remove 0123456789ABCDEF
}

test_a_folder_that_others_can_enter_is_refused() {
    new_key jo >/dev/null
    chmod 0750 "$KEYS"
    check_fails_with 255 "chmod 0700 $KEYS" key list
    chmod 0700 "$KEYS"
    check_fails_with 255 'symbolic link' as_user sh -c 'ln -s .berth/keys keys && BERTH_KEYSDIR=$HOME/keys berth key list; s=$?; rm keys; exit $s'
    check_fails_with 255 'belongs to uid 0' as_user env BERTH_KEYSDIR=/usr berth key list
    check_fails_with 255 'not an absolute path' as_user env BERTH_KEYSDIR=keys berth key list
}

test_an_interrupted_command_leaves_no_agent() {
    local pid id status=0
    id=$(new_key jo word)
    mkfifo "$TEST_TMP/stdin"
    (become_user berth key export --secret - "$id" <"$TEST_TMP/stdin" >"$TEST_TMP/out" 2>&1) &
    pid=$!
    exec 9>"$TEST_TMP/stdin"
    until_true 10 pgrep -U "$TEST_UID" gpg-agent >/dev/null || fail "gpg-agent was never started"
    sleep 0.3
    kill -TERM "$pid"
    wait "$pid" || status=$?
    check_equal 143 "$status" "exit status"
    exec 9>&-
    no_agent_is_left
}

test_commands_at_once_do_not_end_each_others_agent() {
    local pids=() i pid
    for i in 1 2 3 4 5 6; do
        new_key "jo$i" >"$TEST_TMP/$i" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do check wait "$pid"; done
    check_equal 6 "$(key list --secret | grep -c Fingerprint:)"
    no_agent_is_left
}

# --- the site's keyring ---------------------------------------------------------------------------------------------

as_root() { env HOME="$TEST_TMP" PATH="$BERTH_PREFIX/bin:$PATH" "$@"; }

test_the_sites_keyring() {
    local id
    id=$(new_key jo)
    check_output "Public keys in $SITE:" key list --global
    key export "$TEST_HOME/jo.gpg" >/dev/null
    check_fails_with 255 'only root' key import --global "$TEST_HOME/jo.gpg"
    check_fails_with 255 'only root' key remove --global "$id"
    check_status 0 as_root berth key import --global "$TEST_HOME/jo.gpg"
    check_equal "root 644" "$(stat -c '%U %a' "$SITE")"
    check_match "Fingerprint: +$id" "$(key list --global)"
    check_equal "$(key export --armor -)" "$(key export --global --armor -)"
    check_fails_with 255 'no secret keys' key list --global --secret
    check_status 0 as_root berth key remove --global "$id"
    check_output "Public keys in $SITE:" key list --global
    check test ! -e "$TEST_TMP/.berth" -a ! -e "$TEST_TMP/.gnupg"
    rm "$TEST_HOME/jo.gpg"
}

test_secret_keys_stay_out_of_the_sites_keyring() {
    new_key jo >/dev/null
    key export --secret "$TEST_HOME/secret.gpg" >/dev/null
    check_fails_with 255 'secret keys in it' as_root berth key import --global "$TEST_HOME/secret.gpg"
    check test ! -e "$SITE"
    install -m 0644 "$TEST_HOME/secret.gpg" "$SITE"
    check_fails_with 255 'secret keys in it' key list --global
    rm "$TEST_HOME/secret.gpg"
    check_equal "" "$(pgrep -af 'gpg-agent.*berth-keys' || true)"
}

test_a_site_keyring_that_others_can_change_is_refused() {
    new_key jo >/dev/null
    key export - >"$SITE"
    chmod 0666 "$SITE"
    check_fails_with 255 "$SITE.*chmod go-w" key list --global
    check_fails_with 255 "$SITE.*chmod go-w" as_root berth key remove --global 0123456789ABCDEF
    chown "$TEST_USER" "$SITE"
    chmod 0644 "$SITE"
    check_fails_with 255 "$SITE.*chown root" key list --global
    chown root "$SITE"
    check_status 0 key list --global
    key export --armor - >"$SITE"
    check_match 'User: +jo' "$(key list --global)" "an armoured keyring"
    echo nonsense >"$SITE"
    check_fails_with 255 "$SITE" key list --global
}

test_changes_of_the_sites_keyring_at_once() {
    local i pids=() pid
    for i in 1 2 3 4 5; do
        new_key "jo$i" '' in_other_folder >/dev/null
        in_other_folder berth key export "$TEST_HOME/$i.gpg" >/dev/null
        rm -rf "$TEST_HOME/.berth/other"
    done
    for i in 1 2 3 4 5; do
        as_root berth key import --global "$TEST_HOME/$i.gpg" >/dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do check wait "$pid"; done
    check_equal 5 "$(key list --global | grep -c Fingerprint:)"
    rm "$TEST_HOME"/[1-5].gpg
}

# --- keyservers -----------------------------------------------------------------------------------------------------

test_push_search_pull() {
    local id
    id=$(new_key jan)
    check_output "$id  sent to $KEYSERVER" key push "$id"
    check_output "$id  eddsa256  2023-11-14"$'\n'"    jan <jan@example.org>" key search "jan@example.org"
    check_output "$id  eddsa256  2023-11-14"$'\n'"    jan <jan@example.org>" key search "0x${id:24}"
    check_output "$id  jan <jan@example.org>  new" in_other_folder berth key pull "$id"
    check_output "$id  jan <jan@example.org>  unchanged" in_other_folder berth key pull "0x${id:24}"
    check_equal "$(key export -)" "$(in_other_folder berth key export -)"
    check_fails_with 255 'has no key' key search 'nobody & nothing'
    check_fails_with 255 'has no key' key pull 0123456789ABCDEF
    check_fails_with 255 'can be forged' key pull "${id:32}"
    check_fails_with 255 'no public key' key push 0123456789ABCDEF
    mkdir "$TEST_TMP/.berth"
    install -m 0600 "$TEST_HOME/.berth/keyservers" "$TEST_TMP/.berth"
    check_status 0 as_root berth key pull --global "$id"
    check_match "Fingerprint: +$id" "$(key list --global)"
    no_agent_is_left
}

test_which_server_is_asked() {
    local id
    id=$(new_key which)
    key push "$id" >/dev/null
    trust "$KEYSERVER_OTHER_PORT"
    check_status 0 key search --url "hkps://${KEYSERVER_OTHER_PORT#https://}/" "$id"
    check_match "^${KEYSERVER_OTHER_PORT##*:} GET /pks/lookup" "$(tail -n 1 "$KEYSERVER_LOG")"
    check_status 0 as_user env BERTH_KEYSERVER="$KEYSERVER_OTHER_PORT" berth key search "$id"
    check_match "^${KEYSERVER_OTHER_PORT##*:} " "$(tail -n 1 "$KEYSERVER_LOG")"
    check_status 0 as_user env BERTH_KEYSERVER=https://127.0.0.1:1 berth key search --url "$KEYSERVER" "$id"
    check_match "^${KEYSERVER##*:} " "$(tail -n 1 "$KEYSERVER_LOG")"
    check_fails_with 255 'only https' key search --url "http://${KEYSERVER#https://}" "$id"
    check_fails_with 255 'passwords have no place' key search --url "https://jo:word@${KEYSERVER#https://}" "$id"
}

test_the_list_of_keyservers() {
    local file=$TEST_HOME/.berth/keyservers
    chmod 0640 "$file"
    check_fails_with 255 "chmod 0600 $file" key search x
    chmod 0600 "$file"
    trust "$KEYSERVER_OTHER_PORT" tokn=right
    check_fails_with 255 "$file:2: 'tokn' is not understood" key search x
    check_no_match right "$CAPTURED_ERR"
    chown root "$file"
    chmod 0644 "$file"
    check_fails_with 255 'a file of your own' key search x
}

test_certificates_are_checked() {
    check_fails_with 255 'certificate is not valid' key search --url "$KEYSERVER_WRONG_NAME" x
    trust "$KEYSERVER_WRONG_NAME"
    check_fails_with 255 'certificate is not valid' key search --url "$KEYSERVER_WRONG_NAME" x
    check_fails_with 255 'certificate is not valid' key search --url "$KEYSERVER_OTHER_PORT" x
    check_equal "" "$(grep "^${KEYSERVER_WRONG_NAME##*:} " "$KEYSERVER_LOG" || true)"
}

# mode NAME [token=TOKEN]: the list of keyservers is that misbehaving server alone.
mode() {
    local name=$1
    shift
    : >"$TEST_HOME/.berth/keyservers"
    trust "$KEYSERVER/$name" "$@"
}

authorizations() { awk '{print $4, $5}' "$KEYSERVER_LOG" | sort -u | xargs; }

test_tokens() {
    local id
    id=$(new_key tok)
    key push "$id" >/dev/null
    mode token
    check_fails_with 255 'answered 401: who are you\?; give it a token' key search "$id"
    mode token token=wrong
    check_fails_with 255 'answered 401' key search "$id"
    check_no_match wrong "$CAPTURED_ERR"
    mode token token=right
    check_status 0 key search "$id"
    check_status 0 key pull "$id"
}

# A redirect within the server keeps the token; to another host, or another port, it never goes.
test_redirects_keep_the_token_at_home() {
    local id
    id=$(new_key red)
    key push "$id" >/dev/null
    : >"$KEYSERVER_LOG"
    mode again/again token=right
    check_status 0 key pull "$id"
    check_equal "Bearer right" "$(authorizations)"
    local target
    for target in tohost toport; do
        : >"$KEYSERVER_LOG"
        mode "$target" token=right
        check_status 0 key pull "$id"
        check_match "/$target/.* Bearer right" "$(sed -n 1p "$KEYSERVER_LOG")"
        check_match ' -$' "$(sed -n 2p "$KEYSERVER_LOG")"
        check_equal 2 "$(wc -l <"$KEYSERVER_LOG")"
        # Nor does it come back once it has been away.
        : >"$KEYSERVER_LOG"
        mode "$target/tohost" token=right
        check_status 0 key pull "$id"
        check_equal 1 "$(grep -c Bearer "$KEYSERVER_LOG")"
    done
}

test_redirects_that_are_refused() {
    : >"$KEYSERVER_LOG"
    mode loop
    check_fails_with 255 'more than 5 redirects' key search x
    check_equal 6 "$(wc -l <"$KEYSERVER_LOG")"
    mode tohttp
    check_fails_with 255 'not https' key search x
    mode tofile
    check_fails_with 255 'not https' key search x
    check_no_match 'root:' "$CAPTURED_OUT$CAPTURED_ERR"
    local id
    id=$(new_key jo)
    mode tohost
    check_fails_with 255 'wants the key sent to https://127.0.0.1' key push "$id"
}

test_wrong_keys_are_refused() {
    local id other
    id=$(new_key one)
    other=$(new_key two)
    key push "$id" >/dev/null
    key push "$other" >/dev/null
    mode wrong
    check_fails_with 255 "was asked for key $id and sent key [0-9A-F]{40}; refused" in_other_folder berth key pull "$id"
    mode two
    check_fails_with 255 "sent [0-9]+ keys; refused" in_other_folder berth key pull "$id"
    local kind
    for kind in garbage empty hostile; do
        mode $kind
        check_fails_with 255 'no OpenPGP key' in_other_folder berth key pull "$id"
    done
    check_output "Public keys in $TEST_HOME/.berth/other:" in_other_folder berth key list
    no_agent_is_left
}

test_hostile_text_is_not_printed() {
    mode hostile
    check_output '0123456789ABCDEF  rsa\x1b[31m  -  revoked'$'\n''    \x1b]0;owned\x07 \xc3( name'$'\n''    %zz%' key search x
    mode error
    check_fails_with 255 'answered 500: the \\x1b\[31mdisk' key search x
    mode garbage
    check_fails_with 255 'has no key' key search x
}

test_answers_are_bounded() {
    local kind
    for kind in endless headers; do
        mode $kind
        check_fails_with 255 'larger than the limit' key search x
        check_fails_with 255 'larger than the limit' key pull 0123456789ABCDEF
    done
}

test_slow_servers_are_left() {
    local kind begin
    for kind in drip silent; do
        mode $kind
        begin=$SECONDS
        check_fails_with 255 'too slow' key search x
        check test $((SECONDS - begin)) -le 15
    done
}

test_a_waiting_command_can_be_interrupted() {
    local pid status=0
    mode silent
    (become_user berth key search x >/dev/null 2>&1) &
    pid=$!
    until_true 5 grep -q silent "$KEYSERVER_LOG"
    sleep 0.2
    kill -TERM "$pid"
    until_true 3 gone "$pid" || fail "it does not end"
    wait "$pid" || status=$?
    check_equal 143 "$status" "exit status"
}
