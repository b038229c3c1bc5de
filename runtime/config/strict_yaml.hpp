// YAML, read as strictly as JSON and into the same values.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth::config {

/// Parses one YAML document by the core schema of YAML 1.2. Besides what is no YAML are refused: more than one document;
/// what parse_strict_json() refuses (depth, members of one name); anchors, aliases and tags; members whose names are no
/// scalars; and plain scalars that versions of YAML understand differently (yes, on, 0660), which need quotes.
/// Category::config, "WHAT: REASON (line N)". The caller bounds the text's size. Needs nothing but memory.
/// Source: yaml.org/spec/1.2.2, chapter 10.3.
[[nodiscard]] Result<nlohmann::json> parse_strict_yaml(std::string_view text, const std::string& what);

}  // namespace berth::config
