// What another program prints.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// Runs a program with an empty environment, as this process's user, and gives what it printed to stdout (at most 16 MiB).
/// Category::system, with what it printed to stderr, when it cannot be started, ends with another status than 0, or runs
/// longer than `limit`.
[[nodiscard]] Result<std::string> program_output(const std::string& program, const std::vector<std::string>& arguments,
                                                 std::chrono::milliseconds limit);

}  // namespace berth
