// JSON that a stranger wrote, read within bounds.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/base/json_tree.hpp"
#include "runtime/base/result.hpp"

namespace berth {

/// Parses one JSON value with nothing but blanks around it. Refused besides what is no JSON: more than kMaxJsonDepth
/// levels, and two members of one name, which two readers could understand differently.
/// The error is of `category`; `what` begins the message. The caller bounds the text's size. Needs nothing but memory.
[[nodiscard]] Result<nlohmann::json> parse_strict_json(std::string_view text, const std::string& what,
                                                       Category category);

}  // namespace berth
