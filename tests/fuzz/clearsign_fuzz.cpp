// Clear-signed text from hostile bytes: the frame, and what may be signed in it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sif/legacy.hpp"
#include "sif/metadata.hpp"
#include "sif/openpgp_cleartext.hpp"

using namespace berth::sif;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_text(const std::string& text) {
    if (is_legacy_text(text)) {
        const auto digest = parse_legacy_text(text, HashKind::sha384);
        require(!digest.ok() || text.size() == 8 + 1 + 96);
        return;
    }
    const auto metadata = parse_metadata(text, "fuzz");
    if (!metadata) return;
    const auto again = parse_metadata(encode(*metadata), "fuzz");
    require(again.ok() && encode(*again) == encode(*metadata));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    check_text(bytes);
    const auto parsed = parse_cleartext(bytes, "fuzz");
    if (!parsed) {
        require(parsed.error().category == berth::Category::image);
        return 0;
    }
    require(parsed->text.size() < size);
    require(std::ranges::all_of(parsed->text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    require(!parse_cleartext(bytes + bytes, "fuzz").ok());
    require(!parse_cleartext("x" + bytes, "fuzz").ok());
    check_text(parsed->text);
    return 0;
}
