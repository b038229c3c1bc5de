# shellcheck shell=bash
# A signer, the site's keyring, and certificates. Sourced after fixtures.sh; the signer's secret key is the test user's.

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
    ecl_down
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

# --- more signers, and the execution control list ---------------------------------------------------------------------

# stranger NAME: one more key, which nobody knows; prints its fingerprint.
stranger() {
    local as=(as_user env BERTH_KEYSDIR="$TEST_HOME/$1" berth)
    "${as[@]}" key newpair --algorithm ed25519 --name "$1" --email "$1@example.org" --password '' >/dev/null
    "${as[@]}" key list --json | sed -n 's/.*"fingerprint": "\([0-9A-F]*\)".*/\1/p' | head -n 1
}

# known_signer NAME: one more key, which the site's keyring has; prints its fingerprint.
known_signer() {
    stranger "$1"
    as_user env BERTH_KEYSDIR="$TEST_HOME/$1" berth key export --armor - >"$FILE_TMP/$1.asc"
    "$BERTH_PREFIX/bin/berth" key import --global "$FILE_TMP/$1.asc" >/dev/null
}

# sign_as NAME IMAGE
sign_as() { as_user env BERTH_KEYSDIR="$TEST_HOME/$1" berth sign "$2" >/dev/null; }

# image_by FILE SIGNER…: a copy of the demo image that the user owns, signed by each of these; "ann" is the first signer.
image_by() {
    local file=$1 name
    install -o "$TEST_USER" -m 0755 "$DEMO" "$file"
    for name in "${@:2}"; do
        if [[ $name == ann ]]; then as_user berth sign "$file" >/dev/null; else sign_as "$name" "$file"; fi
    done
}

# ecl_group TAG MODE FOLDER KEY…: prints a group for ecl_up. FOLDER: "" for every other, FOLDER/** for those beneath, too.
ecl_group() {
    printf '[[execgroup]]\ntagname = "%s"\nmode = "%s"\ndirpath = "%s"\n' "$1" "$2" "${3%/\*\*}"
    [[ $3 != *'/**' ]] || printf 'recursive = true\n'
    printf 'keyfp = [\n'
    printf '    "%s",\n' "${@:4}"
    printf ']\n'
}

# ecl_up GROUP…: an active list of these; beside the berth.conf that is used (ECL).
ecl_up() { ecl_write 'activated = true' "$@"; }

ecl_write() {
    ECL=${ECL:-$BERTH_PREFIX/etc/berth/ecl.toml}
    printf '%s\n' "$@" >"$ECL.new"
    chmod 0644 "$ECL.new"
    mv "$ECL.new" "$ECL"
}

# As it is installed.
ecl_down() { install -m 0644 "$BERTH_SOURCE/conf/ecl.toml" "${ECL:-$BERTH_PREFIX/etc/berth/ecl.toml}"; }

# certificates FOLDER KEY: root.crt, middle.crt below it, and for the key KEY leaf.crt, which may sign code, and server.crt,
# which may not.
certificates() {
    local PEM=$1 key=$2 ids='subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
    openssl ecparam -name prime256v1 -genkey -noout -out "$PEM/root.key"
    openssl req -x509 -new -key "$PEM/root.key" -days 30 -subj /CN=root -addext keyUsage=critical,keyCertSign -out "$PEM/root.crt"
    openssl ecparam -name prime256v1 -genkey -noout -out "$PEM/middle.key"
    certificate middle middle root "${ids}basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
    certificate leaf "$key" middle "${ids}keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
    certificate server "$key" middle "${ids}keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
}

# certificate NAME KEY ISSUER EXTENSIONS, in PEM
certificate() {
    openssl req -new -key "$PEM/$2.key" -subj "/CN=$1" -out "$PEM/$1.csr"
    openssl x509 -req -in "$PEM/$1.csr" -CA "$PEM/$3.crt" -CAkey "$PEM/$3.key" -CAcreateserial -days 30 \
        -extfile <(printf '%b' "$4") -out "$PEM/$1.crt" 2>/dev/null
}
