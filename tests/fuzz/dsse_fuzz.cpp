// DSSE envelopes from hostile bytes: what is read is read one way, and written back it is the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sif/dsse.hpp"
#include "sif/metadata.hpp"
#include "sif/signature.hpp"

using namespace berth::sif;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto bytes = decode_base64(text)) require(encode_base64(*bytes) == text);
    const auto envelope = parse_envelope(text, "fuzz");
    if (!envelope) {
        require(envelope.error().category == berth::Category::image);
        return 0;
    }
    require(!envelope->signatures.empty() && envelope->signatures.size() <= kMaxEnvelopeSignatures);
    require(signed_bytes(envelope->payload).ends_with(envelope->payload));
    const auto metadata = parse_metadata(envelope->payload, "fuzz");
    if (metadata) require(parse_metadata(encode(*metadata), "fuzz").ok());
    const std::string written = encode(*envelope);
    if (written.size() > kMaxSignatureSize) return 0;
    const auto again = parse_envelope(written, "fuzz");
    require(again.ok() && again->payload == envelope->payload && encode(*again) == written);
    return 0;
}
