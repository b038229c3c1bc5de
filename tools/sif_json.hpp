// The JSON that `berth sif … --json` prints; docs/sif-format.md describes it. Fields are only ever added.
#pragma once

#include <string>

#include "sif/image.hpp"

namespace berth::tools {

/// Each is a whole document that ends in a newline.
[[nodiscard]] std::string header_json(const sif::Image& image);
[[nodiscard]] std::string list_json(const sif::Image& image);
[[nodiscard]] std::string object_json(const sif::Descriptor& object);

}  // namespace berth::tools
