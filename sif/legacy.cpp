#include "sif/legacy.hpp"

#include <string>

namespace berth::sif {
namespace {

constexpr std::string_view kPrefix = "SIFHASH:\n";

}  // namespace

bool is_legacy_text(std::string_view text) noexcept {
    return text.starts_with(kPrefix);
}

Result<Digest> parse_legacy_text(std::string_view text, HashKind hash) {
    if (!is_legacy_text(text)) return Error{Category::image, 0, "no legacy signature"};
    return parse_digest(std::string(digest_name(hash)) + ":" + std::string(text.substr(kPrefix.size())));
}

}  // namespace berth::sif
