#include "sif/dsse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/base/strict_json.hpp"
#include "runtime/base/text.hpp"
#include "sif/metadata.hpp"
#include "sif/signature.hpp"

namespace berth::sif {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Error fault(const std::string& what, const std::string& problem) {
    return Error{Category::image, 0, what + ": DSSE envelope: " + problem};
}

Status check_members(const Json& value, std::initializer_list<std::string_view> known, const std::string& what) {
    if (!value.is_object()) return fault(what, "expected a JSON object");
    for (const auto& [name, member] : value.items())
        if (std::ranges::find(known, name) == known.end())
            return fault(what, fmt::format("unknown member \"{}\"", printable(name, 64)));
    return {};
}

Result<std::string> text_member(const Json& value, const char* name, const std::string& what) {
    if (!value.contains(name) || !value[name].is_string()) return fault(what, fmt::format("\"{}\" is no text", name));
    return value[name].get<std::string>();
}

Result<std::string> base64_member(const Json& value, const char* name, const std::string& what) {
    BERTH_TRY(const std::string text, text_member(value, name, what));
    auto bytes = decode_base64(text);
    if (!bytes) return fault(what, fmt::format("\"{}\" is no base64", name));
    return *std::move(bytes);
}

Result<EnvelopeSignature> parse_signature(const Json& value, const std::string& what) {
    // Others put the signer's certificate beside the signature; it is not looked at: nobody vouches for it.
    BERTH_CHECK(check_members(value, {"keyid", "sig", "cert"}, what));
    EnvelopeSignature signature;
    if (value.contains("keyid")) {
        BERTH_TRY(signature.key_id, text_member(value, "keyid", what));
    }
    BERTH_TRY(signature.bytes, base64_member(value, "sig", what));
    return signature;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::string_view part = bytes.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k)
            bits = (bits << 8) | (k < part.size() ? static_cast<std::uint8_t>(part[k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k) text += k <= part.size() ? kDigits[(bits >> (18 - 6 * k)) & 63] : '=';
    }
    return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::string_view part = text.substr(i, 4);
        if (i + 4 == text.size())
            while (part.size() > 2 && part.ends_with('=')) part.remove_suffix(1);
        std::uint32_t bits = 0;
        for (const char c : part) {
            const std::size_t digit = kDigits.find(c);
            if (digit == std::string_view::npos) return std::nullopt;
            bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        }
        bits <<= 6 * (4 - part.size());
        for (std::size_t k = 0; k + 1 < part.size(); ++k) bytes += static_cast<char>((bits >> (16 - 8 * k)) & 255);
    }
    if (encode_base64(bytes) != text) return std::nullopt;
    return bytes;
}

bool looks_like_envelope(std::string_view bytes) noexcept {
    return bytes.starts_with('{');
}

Result<Envelope> parse_envelope(std::string_view text, const std::string& what) {
    if (text.size() > kMaxSignatureSize)
        return Error{Category::image, EFBIG,
                     fmt::format("{}: {} bytes, at most {} are read", what, text.size(), kMaxSignatureSize)};
    BERTH_TRY(const Json value, parse_strict_json(text, what + ": DSSE envelope", Category::image));
    BERTH_CHECK(check_members(value, {"payloadType", "payload", "signatures"}, what));
    BERTH_TRY(const std::string type, text_member(value, "payloadType", what));
    if (type != kMetadataType)
        return fault(what, fmt::format("its payload is {}, not {}", printable(type, 64), kMetadataType));
    Envelope envelope;
    BERTH_TRY(envelope.payload, base64_member(value, "payload", what));
    if (!value.contains("signatures") || !value["signatures"].is_array()) return fault(what, "it has no signatures");
    const Json& signatures = value["signatures"];
    if (signatures.empty() || signatures.size() > kMaxEnvelopeSignatures)
        return fault(what, fmt::format("expected 1 to {} signatures", kMaxEnvelopeSignatures));
    for (const Json& signature : signatures) {
        BERTH_TRY(EnvelopeSignature parsed, parse_signature(signature, what));
        envelope.signatures.push_back(std::move(parsed));
    }
    return envelope;
}

std::string encode(const Envelope& envelope) {
    nlohmann::ordered_json signatures = nlohmann::ordered_json::array();
    for (const EnvelopeSignature& signature : envelope.signatures)
        signatures.push_back({{"keyid", signature.key_id}, {"sig", encode_base64(signature.bytes)}});
    const nlohmann::ordered_json value{
        {"payloadType", kMetadataType}, {"payload", encode_base64(envelope.payload)}, {"signatures", signatures}};
    return value.dump() + "\n";
}

std::string signed_bytes(std::string_view payload) {
    return fmt::format("DSSEv1 {} {} {} {}", kMetadataType.size(), kMetadataType, payload.size(), payload);
}

}  // namespace berth::sif
