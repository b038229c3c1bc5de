// JSON that a stranger wrote, read within bounds: for the signed metadata and for DSSE envelopes.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth::sif {

/// How deep arrays and objects may be nested. Metadata and envelopes need three levels; a deeper text is neither.
inline constexpr int kMaxJsonDepth = 8;

/// Parses one JSON value with nothing but blanks around it. Refused besides what is no JSON: more than kMaxJsonDepth
/// levels, and two members of one name, which two readers could understand differently.
/// Category::image; `what` begins the message. The caller bounds the text's size.
[[nodiscard]] Result<nlohmann::json> parse_strict_json(std::string_view text, const std::string& what);

}  // namespace berth::sif
