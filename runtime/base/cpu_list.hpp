// Lists of CPUs and of NUMA nodes as the kernel writes them, cpuset(7) "List format": "0-3,7".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// Highest number that a list may hold: the most CPUs that Linux can be built for are 8192.
inline constexpr unsigned kHighestCpu = 8191;

/// The numbers, ascending and each once; those that stand twice are one. "" (and what is only a line's end, as the
/// kernel's files are) is an empty list. Anything else that is no list, a range that runs down, and a number above
/// kHighestCpu are Category::usage with one line that says which part.
[[nodiscard]] Result<std::vector<unsigned>> parse_cpu_list(std::string_view text);

/// The shortest text of ascending numbers: {0, 1, 2, 3, 7} is "0-3,7".
[[nodiscard]] std::string format_cpu_list(const std::vector<unsigned>& numbers);

}  // namespace berth
