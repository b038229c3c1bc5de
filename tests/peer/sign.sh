# shellcheck shell=bash disable=SC2016
# What one of Berth and Apptainer signs, the other verifies; and what one must refuse, the other refuses too.

skip_file() { printf '%s' "$PEER_MISSING"; }

# "Ann" is a key of Berth's, "Bob" one of Apptainer's; each program knows the other's public key too.
setup_file() {
    fixtures_create
    PEM=$TEST_HOME/pem
    as_user mkdir "$PEM"
    pem_keys
    certificates "$PEM" p256
    chown -R "$TEST_USER:" "$PEM"
    as_user berth key newpair --algorithm ed25519 --name Ann --email ann@example.org --password '' >/dev/null
    quiet "$FILE_TMP/newpair" peer apptainer key newpair -N Bob -E bob@example.org -C '' -P '' -b 2048
    ANN=$(fingerprint)
    as_user berth key export --armor "$TEST_HOME/ann.asc" >/dev/null
    peer apptainer key export --armor "$TEST_HOME/bob.asc" <<<0 >/dev/null
    as_user berth key import "$TEST_HOME/bob.asc" >/dev/null
    BOB=$(as_user berth key list | sed -n '/Bob/,$s/.*Fingerprint: *\([0-9A-F]*\)$/\1/p')
    quiet "$FILE_TMP/import" peer apptainer key import "$TEST_HOME/ann.asc"
    cp -R "$FIXTURES/demo" "$TEST_HOME/demo"
    chown -R "$TEST_USER:" "$TEST_HOME/demo"
    quiet "$FILE_TMP/build" peer apptainer build "$TEST_HOME/theirs.sif" "$TEST_HOME/demo"
}

fingerprint() { as_user berth key list --secret --json | sed -n 's/.*"fingerprint": "\([0-9A-F]*\)".*/\1/p'; }

# Tests work on a copy of Berth's image, or of Apptainer's.
before_each() {
    IMAGE=$TEST_HOME/image.sif
    ours
}
ours() { install -o "$TEST_USER" -m 0755 "$DEMO" "$IMAGE"; }
theirs() { install -o "$TEST_USER" -m 0755 "$TEST_HOME/theirs.sif" "$IMAGE"; }

pem_keys() {
    openssl genpkey -algorithm ed25519 -out "$PEM/ed25519.key"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$PEM/rsa.key"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PEM/p256.key"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$PEM/p384.key"
    openssl genpkey -algorithm ed25519 -out "$PEM/stranger.key"
    local key
    for key in "$PEM"/*.key; do openssl pkey -in "$key" -pubout -out "${key%.key}.pub"; done
} 2>/dev/null

sign() { as_user berth sign "$@" "$IMAGE"; }
verify() { as_user berth verify "$@" "$IMAGE"; }
their_sign() { peer apptainer sign "$@" "$IMAGE" </dev/null; }
# --local: the tests ask no keyserver of the world's.
their_verify() { peer apptainer verify --local "$@" "$IMAGE"; }

# both_accept [OPTION…], both_refuse [OPTION…]: of verify.
both_accept() {
    check_status 0 verify "$@"
    check_status 0 their_verify "$@"
}
both_refuse() {
    check_status 255 verify "$@"
    check_status 255 their_verify "$@"
}

# flip OFFSET: changes one byte of the image.
flip() {
    local byte
    byte=$(od -A n -t u1 -j "$1" -N 1 "$IMAGE")
    sif_patch "$IMAGE" "$1" "\\x$(printf '%02x' $((byte ^ 1)))"
}

partition_id() { as_user berth sif list "$IMAGE" | awk -F '|' '/\*System/ {print $1 + 0}'; }
# Where the bytes of the image's object ID begin.
object_at() { as_user berth sif info --json "$1" "$IMAGE" | sed -n 's/.*"offset": *\([0-9]*\).*/\1/p'; }

test_openpgp_signed_by_us() {
    for image in ours theirs; do
        "$image"
        check_status 255 their_verify
        check_status 0 sign
        check_status 0 their_verify --all
        check_match "Signing entity: Ann <ann@example.org>.*Fingerprint: $ANN" "$CAPTURED_OUT$CAPTURED_ERR"
        check_status 0 their_verify --json
    done
}

test_openpgp_signed_by_them() {
    for image in ours theirs; do
        "$image"
        check_status 255 verify
        check_status 0 their_sign
        check_status 0 verify --all
        check_match "signed by $BOB Bob <bob@example.org>" "$CAPTURED_OUT"
    done
}

test_pem_keys() {
    local kind
    for kind in ed25519 rsa p256 p384; do
        ours
        check_status 0 sign --key "$PEM/$kind.key"
        both_accept --key "$PEM/$kind.pub"
        both_refuse --key "$PEM/stranger.pub"
        theirs
        check_status 0 their_sign --key "$PEM/$kind.key"
        both_accept --key "$PEM/$kind.pub"
        both_refuse --key "$PEM/stranger.pub"
    done
}

test_hashes() {
    local hash
    for hash in sha256 sha384 sha512; do
        ours
        sign --hash "$hash" >/dev/null
        both_accept
        ours
        sign --hash "$hash" --key "$PEM/ed25519.key" >/dev/null
        both_accept --key "$PEM/ed25519.pub"
        ours
        sign --hash "$hash" --key "$PEM/p256.key" >/dev/null
        both_accept --key "$PEM/p256.pub"
    done
}

test_certificates() {
    local chain=(--certificate-intermediates "$PEM/middle.crt" --certificate-roots "$PEM/root.crt")
    sign --key "$PEM/p256.key" >/dev/null
    both_accept --certificate "$PEM/leaf.crt" "${chain[@]}"
    both_refuse --certificate "$PEM/leaf.crt" --certificate-roots "$PEM/root.crt"
    both_refuse --certificate "$PEM/leaf.crt" --certificate-intermediates "$PEM/middle.crt"
    theirs
    check_status 0 their_sign --key "$PEM/p256.key"
    both_accept --certificate "$PEM/leaf.crt" "${chain[@]}"
}

test_signers_of_both() {
    sign >/dev/null
    check_status 0 their_sign
    both_accept
    both_accept --all
    check_equal 2 "$(peer siftool list "$IMAGE" | grep -c Signature)"
    check_status 0 verify
    check_match "signed by $ANN" "$CAPTURED_OUT"
    check_match "signed by $BOB" "$CAPTURED_OUT"
}

# With a key in a file, both want every signature of such a key to be its.
test_signers_with_keys() {
    sign --key "$PEM/ed25519.key" >/dev/null
    check_status 0 their_sign --key "$PEM/rsa.key"
    both_refuse --key "$PEM/ed25519.pub"
    both_refuse --key "$PEM/rsa.pub"
    check_status 0 verify --key "$PEM/ed25519.pub" --key "$PEM/rsa.pub"
}

# OpenPGP and a key in a file on one image: Apptainer accepts that from neither, Berth verifies the one that is asked for.
test_both_kinds_of_signature() {
    sign >/dev/null
    check_status 0 their_sign --key "$PEM/rsa.key"
    check_status 0 verify
    check_match "signed by $ANN" "$CAPTURED_OUT"
    check_status 0 verify --key "$PEM/rsa.pub"
    check_status 255 verify --key "$PEM/stranger.pub"
    flip $(($(object_at "$(partition_id)") + 1000))
    both_refuse
    both_refuse --key "$PEM/rsa.pub"
}

# A second group, and one object of it that each program signs alone.
test_groups_and_objects() {
    local id
    printf 'data' >"$TEST_HOME/data"
    as_user berth sif add --datatype 7 --groupid 2 "$IMAGE" "$TEST_HOME/data"
    peer siftool add --datatype 7 --groupid 2 "$IMAGE" "$TEST_HOME/data"
    id=$(partition_id)
    check_status 0 sign -g 1
    both_accept -g 1
    both_accept -i "$id"
    both_refuse -g 2
    both_refuse --all
    both_refuse
    check_status 0 their_sign -g 2
    both_accept -g 2
    both_accept --all
    both_accept -i $((id + 1))
}

test_one_object_signed() {
    local program id
    for program in sign their_sign; do
        theirs
        id=$(partition_id)
        check_status 0 "$program" -i "$id"
        both_accept -i "$id"
        both_refuse -i 1
        both_refuse
        flip $(($(object_at "$id") + 1000))
        both_refuse -i "$id"
    done
}

test_a_flipped_byte() {
    local program at
    for program in sign their_sign; do
        ours
        check_status 0 "$program"
        refuses_flipped_bytes
        ours
        check_status 0 "$program" --key "$PEM/ed25519.key"
        refuses_flipped_bytes --key "$PEM/ed25519.pub"
    done
}

# refuses_flipped_bytes [OPTION…]: of the partition, the header, its descriptor's filesystem, and its descriptor's name.
refuses_flipped_bytes() {
    local at descriptor
    descriptor=$(sif_primary_descriptor "$IMAGE")
    for at in $(($(object_at "$(partition_id)") + 1000)) 5 $((descriptor + 201)) $((descriptor + 73)); do
        flip "$at"
        both_refuse "$@"
        flip "$at"
    done
    both_accept "$@"
}

test_an_object_added_to_the_group() {
    local program
    printf 'added' >"$TEST_HOME/added"
    for program in sign their_sign; do
        ours
        check_status 0 "$program"
        peer siftool add --datatype 7 --groupid 1 "$IMAGE" "$TEST_HOME/added"
        both_refuse
        ours
        check_status 0 "$program" --key "$PEM/ed25519.key"
        as_user berth sif add --datatype 7 --groupid 1 "$IMAGE" "$TEST_HOME/added"
        both_refuse --key "$PEM/ed25519.pub"
    done
}

test_an_unknown_key() {
    sign >/dev/null
    check_fails_with 255 'in no keyring' as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/none" berth verify "$IMAGE"
    check_status 255 peer env APPTAINER_KEYSDIR="$TEST_HOME/.apptainer/none" apptainer verify --local "$IMAGE"
    ours
    check_status 0 their_sign
    check_fails_with 255 'in no keyring' as_user env BERTH_KEYSDIR="$TEST_HOME/.berth/none" berth verify "$IMAGE"
    check_status 255 peer env APPTAINER_KEYSDIR="$TEST_HOME/.apptainer/none" apptainer verify --local "$IMAGE"
}

# A signature deleted by either program is gone for both.
test_a_deleted_signature() {
    local id
    sign >/dev/null
    id=$(as_user berth sif list "$IMAGE" | awk -F '|' '/Signature/ {print $1 + 0}')
    check_status 0 peer siftool del "$id" "$IMAGE"
    both_refuse
    check_status 0 their_sign
    check_status 0 as_user berth sif del "$id" "$IMAGE"
    both_refuse
}
