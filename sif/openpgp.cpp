#include "sif/openpgp.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "runtime/base/text.hpp"
#include "sif/gpgme_context.hpp"
#include "sif/gpgme_home.hpp"
#include "sif/openpgp_cleartext.hpp"

namespace berth::sif {
namespace {

struct ReleaseKey {
    void operator()(gpgme_key_t key) const noexcept { gpgme_key_unref(key); }
};
using Key = std::unique_ptr<std::remove_pointer_t<gpgme_key_t>, ReleaseKey>;

std::string text_of(const char* text) {
    return text == nullptr ? "" : text;
}

/// The allow-list: every hash that is not here is weak or unknown.
std::optional<HashKind> hash_of(gpgme_hash_algo_t algorithm) noexcept {
    switch (algorithm) {
        case GPGME_MD_SHA256: return HashKind::sha256;
        case GPGME_MD_SHA384: return HashKind::sha384;
        case GPGME_MD_SHA512: return HashKind::sha512;
        default: return std::nullopt;
    }
}

std::string name_of_hash(gpgme_hash_algo_t algorithm) {
    const char* const name = gpgme_hash_algo_name(algorithm);
    return name == nullptr ? fmt::format("number {}", static_cast<int>(algorithm)) : name;
}

/// The 40 hex digits of a version 4 key's fingerprint.
std::array<std::uint8_t, kFingerprintSize> fingerprint_bytes(std::string_view hex) {
    std::array<std::uint8_t, kFingerprintSize> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) std::from_chars(&hex[2 * i], &hex[2 * i] + 2, bytes[i], 16);
    return bytes;
}

/// The key that holds this (sub)key, as GnuPG knows it.
Key key_of(gpgme_ctx_t context, const std::string& fingerprint, bool secret) {
    gpgme_key_t key = nullptr;
    if (fingerprint.empty() || gpgme_get_key(context, fingerprint.c_str(), &key, secret ? 1 : 0) != 0) return nullptr;
    return Key(key);
}

SignedBy describe(const Key& key) {
    SignedBy by{text_of(key->fpr), ""};
    if (key->uids != nullptr) by.name = text_of(key->uids->uid);
    return by;
}

constexpr unsigned kMinBits = 2048;  // shorter ones are refused by every current rule book (NIST SP 800-131A)

/// Of RSA and the discrete-logarithm kinds; curves have shorter keys that are as strong.
bool is_short(const _gpgme_subkey& key) noexcept {
    switch (key.pubkey_algo) {
        case GPGME_PK_RSA:
        case GPGME_PK_RSA_E:
        case GPGME_PK_RSA_S:
        case GPGME_PK_ELG:
        case GPGME_PK_ELG_E:
        case GPGME_PK_DSA: return key.length < kMinBits;
        default: return false;
    }
}

/// Whether the primary key, or the subkey that signed, is too short: who breaks either can sign.
bool is_weak(const Key& key, const std::string& signed_by) {
    for (auto subkey = key->subkeys; subkey != nullptr; subkey = subkey->next)
        if ((subkey == key->subkeys || text_of(subkey->fpr) == signed_by) && is_short(*subkey)) return true;
    return false;
}

Failure failure_of(gpgme_error_t status) noexcept {
    switch (gpgme_err_code(status)) {
        case GPG_ERR_NO_ERROR: return Failure::none;
        case GPG_ERR_NO_PUBKEY: return Failure::unknown_key;
        case GPG_ERR_KEY_EXPIRED: return Failure::expired_key;
        case GPG_ERR_SIG_EXPIRED: return Failure::expired_signature;
        case GPG_ERR_CERT_REVOKED: return Failure::revoked_key;
        case GPG_ERR_DIGEST_ALGO: return Failure::weak_hash;
        default: return Failure::bad_signature;
    }
}

/// What to say to the user, by the kind of failure.
std::string message_of(Failure failure, const SignedBy& signer, const gpgme_signature_t found) {
    const std::string key = printable(signer.key.empty() ? "(unnamed)" : signer.key, 64);
    switch (failure) {
        case Failure::unknown_key: return fmt::format("signed by key {}, which is in no keyring", key);
        case Failure::expired_key: return fmt::format("signed by key {}, which has expired", key);
        case Failure::expired_signature: return fmt::format("the signature by key {} has expired", key);
        case Failure::revoked_key: return fmt::format("signed by key {}, which was revoked", key);
        case Failure::weak_key:
            return fmt::format("signed by key {}, which is too short; RSA and DSA keys need {} bits", key, kMinBits);
        case Failure::weak_hash:
            return fmt::format("signed over the weak hash {}; only SHA-256, SHA-384 and SHA-512 are accepted",
                               name_of_hash(found->hash_algo));
        default: return "the signature does not match: " + text_of(gpgme_strerror(found->status));
    }
}

/// Judges what GnuPG found about the one signature.
OpenPgpCheck judge(gpgme_ctx_t context, const gpgme_signature_t found) {
    OpenPgpCheck check;
    const Key key = key_of(context, text_of(found->fpr), false);
    check.signer = key ? describe(key) : SignedBy{text_of(found->fpr), ""};
    check.failure = failure_of(found->status);
    const auto hash = hash_of(found->hash_algo);
    // The allow-list is ours: GnuPG 2.2 still takes SHA-1. It says 0 for a hash when it did not even look.
    if (!hash && found->hash_algo != GPGME_MD_NONE) check.failure = Failure::weak_hash;
    if (!hash && check.failure == Failure::none) check.failure = Failure::weak_hash;
    if (check.failure == Failure::none && (!key || check.signer.key.size() < 40)) check.failure = Failure::unknown_key;
    if (check.failure == Failure::none && is_weak(key, text_of(found->fpr))) check.failure = Failure::weak_key;
    if (hash) check.hash = *hash;
    if (check.failure != Failure::none) check.message = message_of(check.failure, check.signer, found);
    return check;
}

OpenPgpCheck refused(Failure failure, std::string message) {
    OpenPgpCheck check;
    check.failure = failure;
    check.message = std::move(message);
    return check;
}

}  // namespace

struct OpenPgpVerifier::State {
    GpgmeContext context;
};

OpenPgpVerifier::OpenPgpVerifier(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
OpenPgpVerifier::OpenPgpVerifier(OpenPgpVerifier&&) noexcept = default;
OpenPgpVerifier& OpenPgpVerifier::operator=(OpenPgpVerifier&&) noexcept = default;
OpenPgpVerifier::~OpenPgpVerifier() = default;

Result<OpenPgpVerifier> OpenPgpVerifier::open(const std::vector<std::string>& keyrings) {
    BERTH_TRY(GpgmeContext context, GpgmeContext::on_keyrings(keyrings));
    return OpenPgpVerifier(std::make_unique<State>(State{std::move(context)}));
}

Result<OpenPgpCheck> OpenPgpVerifier::check(std::string_view message, const std::string& what) {
    const auto framed = parse_cleartext(message, what);
    if (!framed) return refused(Failure::malformed, framed.error().message);
    BERTH_TRY(const GpgmeData input, data_of(message));
    BERTH_TRY(GpgmeData plain, empty_data());
    gpgme_ctx_t const context = state_->context.get();
    const gpgme_error_t error = gpgme_op_verify(context, input.get(), nullptr, plain.get());
    const gpgme_verify_result_t result = gpgme_op_verify_result(context);
    if (gpgme_err_code(error) == GPG_ERR_NO_DATA || gpgme_err_code(error) == GPG_ERR_BAD_DATA)
        return refused(Failure::malformed, what + ": GnuPG finds no signature in it");
    if (error != 0) return gpgme_failure(what, error);
    if (result == nullptr || result->signatures == nullptr || result->signatures->next != nullptr)
        return refused(Failure::malformed, what + ": expected exactly one OpenPGP signature");
    OpenPgpCheck check = judge(context, result->signatures);
    if (check.failure != Failure::none) {
        check.message = what + ": " + check.message;
        return check;
    }
    BERTH_TRY(check.text, bytes_of(std::move(plain), kMaxCleartextSize, what));
    if (check.text.ends_with('\n')) check.text.pop_back();
    if (check.text != framed->text)
        return refused(Failure::malformed, what + ": GnuPG and Berth disagree about the signed text");
    return check;
}

namespace {

/// The state of a signer; shared, because a std::function is copied.
struct SecretKey {
    GpgmeContext context;
    Key key;
    std::string fingerprint;
};

Result<SignatureContent> content_of(std::string bytes, const gpgme_sign_result_t result, const SecretKey& secret,
                                    const std::string& text) {
    if (result == nullptr || result->signatures == nullptr || result->signatures->next != nullptr)
        return Error{Category::system, 0, "GnuPG made no signature"};
    SignatureContent content;
    const auto hash = hash_of(result->signatures->hash_algo);
    if (!hash)
        return Error{Category::unsupported, ENOTSUP,
                     fmt::format("key {} signs over the weak hash {}: remove digest settings from its gpg.conf",
                                 secret.fingerprint, name_of_hash(result->signatures->hash_algo))};
    content.hash = *hash;
    BERTH_TRY(const Cleartext read_back, parse_cleartext(bytes, "the new signature"));
    if (read_back.text != text) return Error{Category::internal, 0, "GnuPG changed the text while it signed it"};
    content.fingerprint = fingerprint_bytes(secret.fingerprint);
    content.bytes = std::move(bytes);
    return content;
}

Result<SignatureContent> sign_text(const SecretKey& secret, const std::string& text) {
    gpgme_ctx_t const context = secret.context.get();
    const std::string what = "signing with key " + secret.fingerprint;
    gpgme_signers_clear(context);
    if (const auto error = gpgme_signers_add(context, secret.key.get()); error != 0) return gpgme_failure(what, error);
    const std::string line = text + "\n";
    BERTH_TRY(const GpgmeData input, data_of(line));
    BERTH_TRY(GpgmeData output, empty_data());
    if (const auto error = gpgme_op_sign(context, input.get(), output.get(), GPGME_SIG_MODE_CLEAR); error != 0)
        return gpgme_failure(what, error);
    const gpgme_sign_result_t result = gpgme_op_sign_result(context);
    BERTH_TRY(std::string bytes, bytes_of(std::move(output), kMaxSignatureSize, what));
    return content_of(std::move(bytes), result, secret, text);
}

}  // namespace

Result<Signer> openpgp_signer(const std::string& home, const std::string& fingerprint, PassphraseSource passphrase) {
    if (fingerprint.size() != 40 || fingerprint.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        return Error{Category::usage, 0, printable(fingerprint) + ": expected a fingerprint of 40 hex digits"};
    BERTH_TRY(const UniqueFd lock, lock_keys(home, KeyUse::read));  // another process may be changing the keyring
    BERTH_TRY(GpgmeContext context, GpgmeContext::on_home(home, std::move(passphrase)));
    Key key = key_of(context.get(), fingerprint, true);
    if (!key)
        return Error{
            Category::usage, ENOENT,
            fmt::format("no secret key {} in {}: `berth key list --secret` shows those there are", fingerprint, home)};
    if (key->can_sign == 0 || key->revoked != 0 || key->expired != 0)
        return Error{Category::usage, 0,
                     fmt::format("key {} cannot sign: it is {}", fingerprint,
                                 key->revoked != 0   ? "revoked"
                                 : key->expired != 0 ? "expired"
                                                     : "not made for it")};
    const std::string primary = text_of(key->fpr);
    if (primary.size() != 40)
        return Error{Category::unsupported, 0,
                     fmt::format("key {} is of an OpenPGP version that SIF has no room for", fingerprint)};
    const auto secret = std::make_shared<SecretKey>(SecretKey{std::move(context), std::move(key), primary});
    return Signer([secret](const std::string& text) { return sign_text(*secret, text); });
}

}  // namespace berth::sif
