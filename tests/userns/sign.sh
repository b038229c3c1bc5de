# shellcheck shell=bash disable=SC2016
# berth sign and verify: as a user, with OpenPGP keys, PEM keys and certificates.

setup_file() {
    fixtures_create
    PEM=$FILE_TMP/pem
    mkdir "$PEM"
    pem_keys
    certificates "$PEM" one
    chmod -R a+rX "$FILE_TMP"
    as_user berth key newpair --algorithm ed25519 --name Ann --email ann@example.org --password '' >/dev/null
    FINGERPRINT=$(as_user berth key list --json | sed -n 's/.*"fingerprint": "\([0-9A-F]*\)".*/\1/p')
}

teardown_file() { rm -rf "$TEST_HOME/.berth"; }

before_each() {
    IMAGE=$TEST_HOME/signed.sif
    install -o "$TEST_USER" -m 0755 "$DEMO" "$IMAGE"
}

pem_keys() {
    local name
    for name in one two; do
        openssl genpkey -quiet -algorithm ed25519 -out "$PEM/$name.key" 2>/dev/null || openssl genpkey -algorithm ed25519 -out "$PEM/$name.key"
        openssl pkey -in "$PEM/$name.key" -pubout -out "$PEM/$name.pub"
    done
    openssl pkey -in "$PEM/one.key" -aes256 -passout pass:word -out "$PEM/locked.key"
    chown "$TEST_USER:" "$PEM"/*.key
}

sign() { as_user berth sign "$@" "$IMAGE"; }
verify() { as_user berth verify "$@" "$IMAGE"; }

# flip OFFSET: changes one byte of the image.
flip() {
    local byte
    byte=$(od -A n -t u1 -j "$1" -N 1 "$IMAGE")
    sif_patch "$IMAGE" "$1" "\\x$(printf '%02x' $((byte ^ 1)))"
}

# Where the bytes of the image's object ID begin.
object_at() {
    as_user berth sif info --json "$1" "$IMAGE" | sed -n 's/.*"offset": *\([0-9]*\).*/\1/p'
}

test_sign_verify_run() {
    check_fails_with 255 'no signature of group 1' verify
    check_status 0 sign
    check_match 'signature object' "$CAPTURED_OUT"
    check_status 0 verify
    check_match "signed by $FINGERPRINT Ann <ann@example.org>" "$CAPTURED_OUT"
    check_match 'signed.sif: verified' "$CAPTURED_OUT"
    check_equal "" "$CAPTURED_ERR"
    if [[ -z $(no_userns_reason) ]]; then check_output inside as_user berth exec "$IMAGE" echo inside; fi
    check_equal "" "$(user_processes "$TEST_UID")" "processes left"
}

test_the_options_of_other_runtimes() {
    check_status 0 sign -k 0 -g 1
    check_status 0 verify -l -a -j
    check_status 0 verify -g 1
    check_status 0 verify -i 1
    check_status 0 sign --fingerprint "$FINGERPRINT"
    check_status 0 verify --group-id 1 --local
    check_fails_with 255 'either|excludes' verify --all -g 1
    check_fails_with 255 'excludes' verify --local --url https://keys.example.org
    check_fails_with 255 'no objects in group 7' verify -g 7
    check_fails_with 255 'no object with id 77' verify -i 77
    check_fails_with 255 'counted from 0' sign -k 3
    check_fails_with 255 '.' sign --fingerprint 0123456789ABCDEF0123456789ABCDEF01234567
}

test_json() {
    sign
    verify --json >"$TEST_TMP/json"
    python3 - "$TEST_TMP/json" "$FINGERPRINT" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
signature = report["signatures"][0]
assert report["verified"] and report["problems"] == [] and report["objects"] == signature["verified"]
assert signature["form"] == "openpgp" and signature["group"] == 1 and signature["failure"] == "none"
assert signature["signers"] == [{"key": sys.argv[2], "name": "Ann <ann@example.org>", "fetched": False}]
PYTHON
    flip "$(($(stat -c %s "$IMAGE") / 2))"
    check_status 255 verify --json
    python3 -c 'import json, sys; assert json.load(sys.stdin)["signatures"][0]["failure"] == "object_changed"' <<<"$CAPTURED_OUT"
}

test_a_changed_byte() {
    local partition
    sign
    partition=$(as_user berth sif list --json "$IMAGE" | python3 -c 'import json, sys; print([o["id"] for o in json.load(sys.stdin)["objects"] if "partition" in o][0])')
    flip "$(($(object_at "$partition") + 1000))"
    check_fails_with 255 "object $partition is not what was signed" verify
    flip "$(($(object_at "$partition") + 1000))"
    check_status 0 verify
    flip 5
    check_fails_with 255 "the image's header" verify
    flip 5
    flip $(($(sif_primary_descriptor "$IMAGE") + 210))
    check_fails_with 255 "descriptor of object $partition" verify
}

test_pem_keys() {
    check_status 0 sign --key "$PEM/one.key"
    check_status 0 verify --key "$PEM/one.pub"
    check_fails_with 255 'none of the keys given' verify --key "$PEM/two.pub"
    check_fails_with 255 'no signature' verify
    check_status 0 sign --key "$PEM/two.key" --hash sha512
    check_fails_with 255 'none of the keys given' verify --key "$PEM/one.pub"
    check_status 0 verify --key "$PEM/one.pub" --key "$PEM/two.pub"
    check_fails_with 255 'BEGIN PUBLIC KEY' verify --key "$PEM/one.key"
    check_fails_with 255 'No such file' verify --key "$PEM/three.pub"
    check_fails_with 255 'hash' sign --key "$PEM/one.key" --hash md5
}

test_lazy() {
    local before
    check_status 0 sign --lazy
    check_status 0 verify
    check_equal 'Generic/Raw JSON.Generic Signature' \
        "$(as_user berth sif list "$IMAGE" | awk -F'|' '/^[0-9]/ {split($5, a, " "); print a[1]}' | tail -n 3 | xargs)" objects
    as_user berth sif list --json "$IMAGE" >"$TEST_TMP/json"
    python3 - "$TEST_TMP/json" <<'PYTHON'
import json, sys
objects = json.load(open(sys.argv[1]))["objects"]
partition = next(o for o in objects if "partition" in o)
tree, root = (next(o for o in objects if o["name"] == name) for name in ("berth-hash-tree", "berth-hash-tree-root"))
assert tree["group"] == root["group"] == partition["group"] and tree["link"] == {"object": partition["id"]}
assert tree["size"] % 4096 == tree["offset"] % 4096 == 0 and tree["size"] < partition["size"] / 100 + 3 * 4096
PYTHON
    before=$(stat -c %s "$IMAGE")
    check_status 0 sign --lazy --key "$PEM/one.key"
    check_status 0 verify
    check_status 0 verify --key "$PEM/one.pub"
    (($(stat -c %s "$IMAGE") < before + 8192)) || fail "a second tree was stored"
    check_fails_with 255 'excludes' sign --lazy -i 1
}

test_an_encrypted_key() {
    printf 'word\n' | sign --key "$PEM/locked.key" >/dev/null 2>&1 || fail "the passphrase on stdin was not taken"
    check_status 0 verify --key "$PEM/one.pub"
    if printf 'wrong\n' | sign --key "$PEM/locked.key" >/dev/null 2>&1; then fail "a wrong passphrase was taken"; fi
}

test_certificates() {
    local chain=(--certificate-intermediates "$PEM/middle.crt" --certificate-roots "$PEM/root.crt")
    sign --key "$PEM/one.key"
    check_status 0 verify --certificate "$PEM/leaf.crt" "${chain[@]}"
    check_match 'CN=leaf' "$CAPTURED_OUT"
    check_fails_with 255 'code signing' verify --certificate "$PEM/server.crt" "${chain[@]}"
    check_fails_with 255 'certificate' verify --certificate "$PEM/leaf.crt" --certificate-roots "$PEM/root.crt"
    check_fails_with 255 'certificate' verify --certificate "$PEM/leaf.crt" --certificate-intermediates "$PEM/middle.crt"
    check_fails_with 255 'certificate' verify --certificate-roots "$PEM/root.crt"
}

test_a_key_that_is_not_in_the_keyring() {
    sign
    check_fails_with 255 "key $FINGERPRINT, which is in no keyring" as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/none" \
        berth verify "$IMAGE"
    as_user berth key export --armor "$TEST_HOME/ann.asc" >/dev/null
    check_status 0 as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/other" berth key import "$TEST_HOME/ann.asc"
    check_status 0 as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/other" berth verify "$IMAGE"
}

test_who_may_not_write_cannot_sign() {
    install -m 0644 "$DEMO" "$FILE_TMP/theirs.sif"
    IMAGE=$FILE_TMP/theirs.sif
    check_fails_with 255 'Permission denied' sign
    check_fails_with 255 'no signature' verify
    IMAGE=$TEST_HOME/none.sif
    check_fails_with 255 'No such file' sign
    check_fails_with 255 'No such file' verify
    printf 'not an image' >"$TEST_HOME/text.sif"
    IMAGE=$TEST_HOME/text.sif
    check_status 255 verify
}

test_an_object_added_afterwards() {
    sign
    printf 'added' >"$TEST_HOME/added"
    as_user berth sif add --datatype 7 --groupid 1 "$IMAGE" "$TEST_HOME/added" >/dev/null
    check_fails_with 255 'of the group is not signed' verify
    install -o "$TEST_USER" -m 0755 "$DEMO" "$IMAGE"
    sign
    as_user berth sif add --datatype 7 --groupid 0 "$IMAGE" "$TEST_HOME/added" >/dev/null
    check_fails_with 255 'belongs to no group' verify
}
