// What signing and verifying share: how a signature can fail, who signed, and what a signer hands out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"

namespace berth::sif {

/// The largest signature object that is read: metadata of kMaxDescriptors objects with SHA-512 digests, base64 around
/// it, and several signers.
inline constexpr std::size_t kMaxSignatureSize = 1U << 20;

/// Why something is not verified. A caller may branch on it; its name is what JSON prints.
enum class Failure {
    none,                  ///< it is verified
    not_checked,           ///< nobody looked
    no_signature,          ///< nothing of the kinds asked for signs this group or object
    malformed,             ///< the signature object is not what it must be
    bad_signature,         ///< the cryptographic check failed
    unknown_key,           ///< signed by a key that is not among those given
    expired_key,           ///< the key has expired
    expired_signature,     ///< the signature's own time is over
    revoked_key,           ///< the key was revoked
    weak_key,              ///< signed by an RSA, DSA or ElGamal key of fewer than 2048 bits
    weak_hash,             ///< signed over MD5, SHA-1, RIPEMD or another hash outside the allow-list
    fingerprint_mismatch,  ///< the descriptor claims another key than the one that signed
    header_changed,        ///< the image's header is not the one that was signed
    descriptor_changed,    ///< an object's descriptor is not the one that was signed
    object_changed,        ///< an object's bytes are not those that were signed
    object_not_signed,     ///< an object of the group is not in the signature
    object_missing,        ///< an object in the signature is not in the group
    outside_groups         ///< an object that is no signature belongs to no group
};

/// "none", "bad_signature", …
[[nodiscard]] std::string_view name_of(Failure failure) noexcept;

enum class SignatureForm { openpgp, dsse, legacy };

/// "openpgp", "dsse", "legacy".
[[nodiscard]] std::string_view name_of(SignatureForm form) noexcept;

/// Whom the cryptographic check names; never what a descriptor claims.
struct SignedBy {
    std::string key;   ///< OpenPGP: the primary key's fingerprint, upper-case hex. DSSE: the key id, "SHA256:…"
    std::string name;  ///< a user id or a certificate's subject. Anyone's bytes: show it through printable()
};

/// A signature, ready to be stored as an object.
struct SignatureContent {
    std::string bytes;
    HashKind hash = HashKind::sha256;                          ///< the one that the signature itself uses
    std::array<std::uint8_t, kFingerprintSize> fingerprint{};  ///< of the primary key; zeros for DSSE
};

/// Something that signs texts: openpgp_signer() or dsse_signer() make one.
using Signer = std::function<Result<SignatureContent>(const std::string& text)>;

}  // namespace berth::sif
