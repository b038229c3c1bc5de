// DSSE envelopes (https://github.com/secure-systems-lab/dsse, version 1.0) around signed metadata: JSON and base64, and
// the bytes that are signed. Says nothing about who signed; dsse_key.hpp does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::sif {

/// How many signatures one envelope may hold. Each costs a public-key operation for each key that is tried.
inline constexpr std::size_t kMaxEnvelopeSignatures = 16;

struct EnvelopeSignature {
    std::string key_id;  ///< a hint that anyone can write; may be empty
    std::string bytes;
};

struct Envelope {
    std::string payload;  ///< signed metadata, when one of the signatures is good
    std::vector<EnvelopeSignature> signatures;
};

/// True when the bytes can only be meant as an envelope: they begin as a JSON object.
[[nodiscard]] bool looks_like_envelope(std::string_view bytes) noexcept;

/// Strict: known members only, canonical base64 (so that no two texts are one envelope), kMetadataType as the payload's
/// type, at most kMaxSignatureSize bytes. Category::image; `what` begins the message.
[[nodiscard]] Result<Envelope> parse_envelope(std::string_view text, const std::string& what);

/// One line of JSON with a newline, as Go's encoder writes it.
[[nodiscard]] std::string encode(const Envelope& envelope);

/// What a signature of an envelope signs: "DSSEv1 LENGTH TYPE LENGTH PAYLOAD".
[[nodiscard]] std::string signed_bytes(std::string_view payload);

/// Standard base64 with padding; what decodes to the same bytes but is written otherwise is refused (nothing).
[[nodiscard]] std::string encode_base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace berth::sif
