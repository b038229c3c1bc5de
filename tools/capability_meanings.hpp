// What each capability lets a process do, in one line. After capabilities(7).
#pragma once

#include <string_view>

namespace berth::tools {

/// For people who decide on it; "" for a number that has no name here.
[[nodiscard]] std::string_view capability_meaning(int number) noexcept;

}  // namespace berth::tools
