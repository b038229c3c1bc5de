// What `berth inspect` prints: Singularity's text and its JSON.
#pragma once

#include <map>
#include <string>

#include "tools/inspect_image.hpp"

namespace berth::tools {

[[nodiscard]] std::string inspect_text(const Metadata& metadata, const Sections& sections);
/// `{"data": {"attributes": {…}}, "type": "container"}`; `apps` where it is not empty.
[[nodiscard]] std::string inspect_json(const Metadata& metadata, const Sections& sections,
                                       const std::map<std::string, Metadata>& apps);

}  // namespace berth::tools
