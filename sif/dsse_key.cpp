#include "sif/dsse_key.hpp"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/text.hpp"
#include "sif/dsse.hpp"
#include "sif/dsse_openssl.hpp"

namespace berth::sif {
namespace {

constexpr int kMinRsaBits = 2048;  // shorter ones are refused by every current rule book (NIST SP 800-131A)

using SignContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

bool is_ed25519(const EVP_PKEY* key) {
    return EVP_PKEY_is_a(key, "ED25519") == 1;
}

const unsigned char* octets(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// A private key's passphrase, asked for by OpenSSL's reader.
struct Asking {
    const PassphraseSource& source;
    const std::string& name;
};
int give_passphrase(char* buffer, int size, int, void* data) {
    const auto& asking = *static_cast<const Asking*>(data);
    const auto given = asking.source ? asking.source({asking.name, false}) : std::nullopt;
    if (!given || given->size() > static_cast<std::size_t>(size)) return -1;
    std::ranges::copy(*given, buffer);
    return static_cast<int>(given->size());
}

Result<std::string> sign_bytes(EVP_PKEY* key, const std::string& message, HashKind hash) {
    const Error failed{Category::system, 0, "libcrypto could not sign with the key"};
    const SignContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (!context || EVP_DigestSignInit(context.get(), nullptr, signature_hash(key, hash), nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) != 1)
        return failed;
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, octets(message),
                       message.size()) != 1)
        return failed;
    signature.resize(size);
    return signature;
}

bool is_sha2(HashKind hash) {
    return hash == HashKind::sha256 || hash == HashKind::sha384 || hash == HashKind::sha512;
}

}  // namespace

Bio bio_of(std::string_view bytes) {
    return Bio(bytes.size() > kMaxPemSize ? nullptr : BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

Status check_key(const EVP_PKEY* key, const std::string& name) {
    if (is_ed25519(key)) return {};
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        if (EVP_PKEY_get_bits(key) >= kMinRsaBits) return {};
        return Error{Category::unsupported, 0,
                     fmt::format("{}: an RSA key of {} bits, at least {} are needed", name, EVP_PKEY_get_bits(key),
                                 kMinRsaBits)};
    }
    // key_id() knows the curves.
    if (EVP_PKEY_is_a(key, "EC") == 1 && !key_id(key).empty()) return {};
    return Error{Category::unsupported, 0, name + ": expected a key for ed25519, ECDSA (P-256, P-384, P-521) or RSA"};
}

const EVP_MD* signature_hash(const EVP_PKEY* key, HashKind hash) {
    if (is_ed25519(key)) return nullptr;
    switch (hash) {
        case HashKind::sha256: return EVP_sha256();
        case HashKind::sha384: return EVP_sha384();
        case HashKind::sha512: return EVP_sha512();
        default: return nullptr;
    }
}

VerificationKey KeyMaker::make(PublicKey key, std::string name) {
    VerificationKey made;
    made.id_ = key_id(key.get());
    made.name_ = std::move(name);
    made.key_ = std::shared_ptr<void>(key.release(), [](void* held) { EVP_PKEY_free(static_cast<EVP_PKEY*>(held)); });
    return made;
}

Result<VerificationKey> VerificationKey::from_pem(std::string_view pem, const std::string& name) {
    const Bio bio = bio_of(pem);
    PublicKey key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    ERR_clear_error();
    if (!key) return Error{Category::usage, 0, name + ": expected a PEM file with a public key (BEGIN PUBLIC KEY)"};
    BERTH_CHECK(check_key(key.get(), name));
    return KeyMaker::make(std::move(key), name);
}

bool VerificationKey::verifies(std::string_view message, std::string_view signature, HashKind hash) const {
    if (!is_sha2(hash)) return false;
    auto* const key = static_cast<EVP_PKEY*>(key_.get());
    const SignContext context(EVP_MD_CTX_new());
    const bool good =
        context && EVP_DigestVerifyInit(context.get(), nullptr, signature_hash(key, hash), nullptr, key) == 1 &&
        EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message), message.size()) == 1;
    ERR_clear_error();
    return good;
}

Result<Signer> dsse_signer(std::string_view pem, const std::string& name, const PassphraseSource& passphrase, HashKind hash) {
    if (!is_sha2(hash)) return Error{Category::usage, 0, "keys sign with sha256, sha384 or sha512"};
    const Bio bio = bio_of(pem);
    Asking asking{passphrase, name};
    PublicKey read(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &asking) : nullptr);
    ERR_clear_error();
    if (!read) return Error{Category::usage, 0, name + ": expected a PEM file with a private key, and its passphrase"};
    BERTH_CHECK(check_key(read.get(), name));
    const std::shared_ptr<EVP_PKEY> key(std::move(read));
    return Signer([key, hash](const std::string& text) -> Result<SignatureContent> {
        BERTH_TRY(std::string signature, sign_bytes(key.get(), signed_bytes(text), hash));
        SignatureContent content;
        content.hash = hash;
        content.bytes = encode(Envelope{text, {{key_id(key.get()), std::move(signature)}}});
        return content;
    });
}

}  // namespace berth::sif
