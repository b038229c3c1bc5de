#!/usr/bin/env bash
# Makes sif_sign_keys.hpp: keys, certificates and signed messages for the tests of signatures. They protect nothing.
# Run by hand when a test needs another one: tests/unit/sif_sign_keys.sh >tests/unit/sif_sign_keys.hpp
set -euo pipefail

work=$(mktemp -d)
trap 'gpgconf --homedir "$work/gpg" --kill all; rm -rf "$work"' EXIT
cd "$work"
mkdir -m 700 gpg
export GNUPGHOME=$work/gpg

# constant NAME FILE
constant() { printf 'inline constexpr const char* %s = R"(%s\n)";\n\n' "$1" "$(cat "$2")"; }

pgp() { gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' --trust-model always "$@" 2>>log; }
fingerprint() { pgp --with-colons --list-keys "$1" | awk -F: '$1 == "fpr" {print $10; exit}'; }

# key NAME ALGORITHM USAGE EXPIRY [OPTION…]: and its public half as NAME.asc
key() {
    pgp "${@:5}" --quick-generate-key "Test $1 <$1@berth.test>" "$2" "$3" "$4"
    pgp --export-options export-minimal --armor --export "$1@berth.test" >"$1.asc"
}

# message NAME KEY [OPTION…]: "berth test", clear-signed
message() { printf 'berth test\n' | pgp "${@:3}" --local-user "$2@berth.test" --clear-sign >"$1.msg"; }

openpgp() {
    local old=(--faked-system-time 20200101T000000)
    key good ed25519 sign never "${old[@]}"
    key expired ed25519 sign 1y "${old[@]}"
    key revoked ed25519 sign never "${old[@]}"
    key unknown ed25519 sign never "${old[@]}"
    key subkey ed25519 cert never "${old[@]}"
    pgp "${old[@]}" --quick-add-key "$(fingerprint subkey@berth.test)" ed25519 sign never
    pgp --export-options export-minimal --armor --export subkey@berth.test >subkey.asc
    key rsa rsa2048 sign never "${old[@]}"
    key short rsa1024 sign never "${old[@]}"
    for name in good expired revoked unknown subkey short; do message "$name" "$name" "${old[@]}"; done
    message expired_signature good "${old[@]}" --default-sig-expire 1d
    for hash in SHA256 SHA384 SHA512 SHA1 MD5 RIPEMD160 SHA224; do
        message "$(tr '[:upper:]' '[:lower:]' <<<"$hash")" rsa "${old[@]}" --allow-weak-digest-algos --digest-algo "$hash"
    done
    sed -i 's/^:---/---/' gpg/openpgp-revocs.d/"$(fingerprint revoked@berth.test)".rev
    pgp --import gpg/openpgp-revocs.d/"$(fingerprint revoked@berth.test)".rev
    pgp --export-options export-minimal --armor --export revoked@berth.test >revoked.asc
    pgp --armor --export-secret-keys good@berth.test >good_secret.asc
    printf 'inline constexpr const char* kGoodFingerprint = "%s";\n' "$(fingerprint good@berth.test)"
    printf 'inline constexpr const char* kSubkeyPrimary = "%s";\n\n' "$(fingerprint subkey@berth.test)"
    local name
    for name in good expired revoked subkey rsa short; do constant "kPgp_$name" "$name.asc"; done
    constant kPgpSecret_good good_secret.asc
    for name in good expired revoked unknown subkey expired_signature sha256 sha384 sha512 sha1 md5 ripemd160 short \
        sha224; do
        constant "kMessage_$name" "$name.msg"
    done
}

pem_keys() {
    local curve
    openssl genpkey -quiet -algorithm ed25519 -out ed25519.key
    openssl genpkey -quiet -algorithm ed25519 -out other.key
    for curve in P-256 P-384 P-521 secp256k1; do openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out "${curve/-/}.key"; done
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa2048.key
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa1024.key
    openssl pkey -in ed25519.key -aes128 -passout pass:secret -out encrypted.key
    for name in ed25519 other P256 P384 P521 secp256k1 rsa2048 rsa1024; do
        openssl pkey -in "$name.key" -pubout -out "$name.pub"
        constant "kPrivate_$name" "$name.key"
        constant "kPublic_$name" "$name.pub"
    done
    constant kPrivate_encrypted encrypted.key
}

# certificate NAME KEY ISSUER EXTENSIONS [OPTION…]: NAME.crt, for KEY.key, signed by ISSUER
certificate() {
    openssl req -new -key "$2.key" -subj "/CN=Berth test $1" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -days 36500 -extfile <(printf '%b' "$4") "${@:5}" -out "$1.crt" 2>>log
    constant "kCertificate_$1" "$1.crt"
}

certificates() {
    local ids='subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' name
    local leaf="${ids}basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    for name in root stranger; do
        openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key"
        openssl req -x509 -new -key "$name.key" -days 36500 -subj "/CN=Berth test $name" \
            -addext keyUsage=critical,keyCertSign,cRLSign -out "$name.crt"
        constant "kCertificate_$name" "$name.crt"
    done
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out middle.key
    certificate middle middle root "${ids}basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n"
    certificate leaf ed25519 middle "${leaf}extendedKeyUsage=codeSigning\n"
    certificate server ed25519 middle "${leaf}extendedKeyUsage=serverAuth\n"
    certificate plain ed25519 middle "$leaf"
    certificate encipher ed25519 middle "${ids}basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\nextendedKeyUsage=codeSigning\n"
    certificate sha1 ed25519 middle "${leaf}extendedKeyUsage=codeSigning\n" -sha1
    cp leaf.crt issued.crt && cp ed25519.key issued.key
    certificate below_leaf other issued "${leaf}extendedKeyUsage=codeSigning\n"
}

cat <<'HPP'
// Made by sif_sign_keys.sh: keys, certificates and signed messages for tests. They protect nothing.
#pragma once

namespace berth::sif::test {

HPP
openpgp
pem_keys
certificates
echo '}  // namespace berth::sif::test'
