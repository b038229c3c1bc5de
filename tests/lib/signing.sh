# shellcheck shell=bash
# A signer, and the site's keyring. Sourced after fixtures.sh; the signer's secret key is the test user's.

# signing_up: makes the user's key, the site's keyring with it, and an empty image cache; for setup_file.
signing_up() {
    fixtures_create
    as_user berth key newpair --algorithm ed25519 --name Ann --email ann@example.org --password '' >/dev/null
    SITE_KEYRING=$BERTH_PREFIX/etc/berth/global-pgp-public
    as_user berth key export --armor - >"$FILE_TMP/ann.asc"
    IMAGE_CACHE=$BERTH_TEST_ROOT/image-cache
    configure_release 'image cache' "$IMAGE_CACHE"
    site_keyring_up
}

site_keyring_up() { install -m 0644 "$FILE_TMP/ann.asc" "$SITE_KEYRING"; }

signing_down() {
    rm -rf "$SITE_KEYRING" "$TEST_HOME/.berth" "${IMAGE_CACHE:?}"
    configure_release 'require signature' no
    configure_release 'image cache size' 20480
}

signer() { as_user berth key list --json | sed -n 's/.*"fingerprint": "\([0-9A-F]*\)".*/\1/p' | head -n 1; }

# signed_image FILE [OPTIONS OF berth sign]: a copy of the demo image that the user owns and Ann has signed.
signed_image() {
    install -o "$TEST_USER" -m 0755 "$DEMO" "$1"
    as_user berth sign "${@:2}" "$1" >/dev/null
}

# partition_at IMAGE: where the primary partition's bytes begin.
partition_at() { sif_int64 "$1" $(($(sif_primary_descriptor "$1") + 17)); }

# flip IMAGE OFFSET: changes one bit.
flip() {
    local byte
    byte=$(od -A n -t u1 -j "$2" -N 1 "$1")
    sif_patch "$1" "$2" "\\x$(printf '%02x' $((byte ^ 1)))"
}
