// The keys that sign DSSE envelopes: ed25519, ECDSA on P-256, P-384 or P-521, and RSA (PKCS #1 v1.5) of 2048 bits or
// more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sif/passphrase.hpp"
#include "sif/signature.hpp"

namespace berth::sif {

/// How many bytes of PEM are read: a bundle of the system's root certificates has some 220 KiB.
inline constexpr std::size_t kMaxPemSize = 4U << 20;

/// A public key that is authorised to sign.
class VerificationKey {
public:
    /// From "-----BEGIN PUBLIC KEY-----". `name` (a path, say) begins messages.
    /// Category::usage for what is no such key, unsupported for other kinds and shorter RSA keys.
    static Result<VerificationKey> from_pem(std::string_view pem, const std::string& name);

    /// "SHA256:" and the base64 of the key's SSH form (RFC 4253, 5656, 8709), as other signers of SIF write it.
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    /// A certificate's subject, or the name given.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Whether the signature of `message` is this key's. ed25519 signs the message itself, the others its `hash`, which
    /// must be of the SHA-2 family.
    [[nodiscard]] bool verifies(std::string_view message, std::string_view signature, HashKind hash) const;

private:
    friend struct KeyMaker;
    VerificationKey() = default;
    std::shared_ptr<void> key_;  ///< an EVP_PKEY
    std::string id_;
    std::string name_;
};

/// A certificate and what it is checked with; each is PEM text.
struct CertificateRequest {
    std::string certificate;           ///< the signer's own: the first in the text
    std::string intermediates;         ///< any number, in any order, not trusted by themselves; may be empty
    std::optional<std::string> roots;  ///< trust anchors; nothing: those of the system
    std::string name;                  ///< of the certificate, for messages
    std::optional<std::int64_t> time;  ///< seconds since 1970; nothing: now
};

/// The key of an X.509 certificate, once its chain leads to a root (RFC 5280), every certificate in it is valid at that
/// time, allows code signing, and is signed with no weak hash or short key. Revocation is not looked at.
/// Category::denied when the chain does not hold, usage for PEM that cannot be read.
[[nodiscard]] Result<VerificationKey> key_of_certificate(const CertificateRequest& request);

/// Signs with a PEM private key (PKCS #8 or the traditional forms); the passphrase of an encrypted one is asked for at
/// once. `hash` must be of the SHA-2 family. Errors as VerificationKey::from_pem().
[[nodiscard]] Result<Signer> dsse_signer(std::string_view pem, const std::string& name,
                                         const PassphraseSource& passphrase = {}, HashKind hash = HashKind::sha256);

}  // namespace berth::sif
