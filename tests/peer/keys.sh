# shellcheck shell=bash disable=SC2016
# Keys of one program, exported, serve the other; over a keyserver of the tests' own too.

# shellcheck source=tests/lib/keyserver.sh
. "$BERTH_SOURCE/tests/lib/keyserver.sh"

skip_file() { printf '%s' "$PEER_MISSING"; }

setup_file() {
    fixtures_create
    keyserver_start "$FILE_TMP/keyserver"
    install -m 0644 "$KEYSERVER_CA" "$TEST_HOME/ca.pem"
}

teardown_file() {
    keyserver_stop
    rm -rf "$TEST_HOME/.berth" "$TEST_HOME/.apptainer"
}

before_each() {
    IMAGE=$TEST_HOME/image.sif
    rm -rf "$TEST_HOME/.berth" "$TEST_HOME/.apptainer" "$TEST_HOME"/*.asc "$TEST_HOME"/*.gpg
    install -o "$TEST_USER" -m 0755 "$DEMO" "$IMAGE"
    install -d -m 0700 -o "$TEST_USER" -g "$TEST_USER" "$TEST_HOME/.berth"
    as_user install -m 0600 /dev/null .berth/keyservers
    printf '%s ca=%s\n' "$KEYSERVER" "$KEYSERVER_CA" >"$TEST_HOME/.berth/keyservers"
}

ours() { as_user berth "$@"; }
theirs() { peer env SSL_CERT_FILE="$TEST_HOME/ca.pem" apptainer "$@"; }

our_key() { ours key newpair --algorithm "${1:-ed25519}" --name Ann --email ann@example.org --password "${2:-}" | cut -d ' ' -f 1; }
their_key() {
    quiet "$TEST_TMP/newpair" theirs key newpair -N Bob -E bob@example.org -C '' -P "${1:-}" -b 2048
    their_fingerprints
}
their_fingerprints() { theirs key list "$@" | sed -n 's/.*Fingerprint: *//p' | xargs; }
our_fingerprints() { ours key list "$@" | sed -n 's/.*Fingerprint: *//p' | xargs; }

test_public_keys_of_ours() {
    local id algorithm armor
    for algorithm in ed25519 rsa4096; do
        rm -rf "$TEST_HOME/.berth/keys"
        id=$(our_key "$algorithm")
        for armor in --armor ''; do
            rm -rf "$TEST_HOME/.apptainer" "$TEST_HOME/ann.asc"
            ours key export ${armor:+"$armor"} "$TEST_HOME/ann.asc" >/dev/null
            check_status 0 theirs key import "$TEST_HOME/ann.asc"
            check_equal "$id" "$(their_fingerprints)"
        done
        check_status 0 ours sign "$IMAGE"
        check_status 0 theirs verify --local "$IMAGE"
        install -o "$TEST_USER" -m 0755 "$DEMO" "$IMAGE"
    done
}

test_public_keys_of_theirs() {
    local id armor
    id=$(their_key)
    check_status 0 theirs sign "$IMAGE"
    for armor in --armor ''; do
        rm -rf "$TEST_HOME/.berth/keys" "$TEST_HOME/bob.asc"
        theirs key export ${armor:+"$armor"} "$TEST_HOME/bob.asc" <<<0 >/dev/null
        check_status 0 ours key import "$TEST_HOME/bob.asc"
        check_equal "$id" "$(our_fingerprints)"
        check_status 0 ours verify "$IMAGE"
    done
}

test_secret_keys_of_ours() {
    local id
    id=$(our_key rsa4096)
    ours key export --secret --armor "$TEST_HOME/ann.asc" >/dev/null
    check_status 0 theirs key import "$TEST_HOME/ann.asc"
    check_equal "$id" "$(their_fingerprints --secret)"
    check_status 0 theirs sign "$IMAGE"
    check_status 0 ours verify "$IMAGE"
    check_match "signed by $id" "$CAPTURED_OUT"
}

test_secret_keys_of_theirs() {
    local id
    id=$(their_key)
    theirs key export --secret --armor "$TEST_HOME/bob.asc" <<<0 >/dev/null
    check_status 0 ours key import "$TEST_HOME/bob.asc"
    check_equal "$id" "$(our_fingerprints --secret)"
    check_status 0 ours sign "$IMAGE"
    check_status 0 theirs verify --local "$IMAGE"
}

test_secret_keys_with_a_passphrase() {
    local id
    id=$(their_key 'a long word')
    # Each prompt has a reader of its own, which takes all that is there.
    { echo 0; sleep 1; echo 'a long word'; } | theirs key export --secret --armor "$TEST_HOME/bob.asc" >/dev/null
    check_status 0 ours key import "$TEST_HOME/bob.asc"
    check_equal "$id" "$(our_fingerprints --secret)"
    printf 'a long word\n' | ours sign "$IMAGE" >/dev/null || fail "the passphrase was not taken"
    check_status 0 theirs verify --local "$IMAGE"
}

test_a_keyserver_between_them() {
    local ann bob
    ann=$(our_key)
    bob=$(their_key)
    check_status 0 ours key push "$ann"
    check_status 0 theirs key push --url "$KEYSERVER" "$bob"
    check_status 0 theirs key pull --url "$KEYSERVER" "$ann"
    check_equal "$bob $ann" "$(their_fingerprints)"
    check_status 0 ours key pull "$bob"
    check_match "$bob" "$(our_fingerprints)"
    check_match "${bob:32}" "$(theirs key search --url "$KEYSERVER" bob@example.org)"
    check_status 0 ours sign "$IMAGE"
    check_status 0 theirs sign "$IMAGE"
    check_status 0 theirs verify --local "$IMAGE"
    check_status 0 ours verify "$IMAGE"
}
