#include "runtime/config/origin.hpp"

#include "runtime/base/text.hpp"

namespace berth::config {

std::string Origin::to_string() const {
    if (file.empty()) return "default";
    constexpr std::size_t kLongestPath = 4096;
    const std::string shown = printable(file, kLongestPath);
    return line == 0 ? shown : shown + ":" + std::to_string(line);
}

}  // namespace berth::config
