// Amounts as people write them for options: "512M" of memory, "0.5" CPUs.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth {

/// A size in bytes: a number, then nothing or "b", or one of k, m, g, t in either case, with "b" or "ib" after it if
/// you like. As for Docker's options each letter is a power of 1024 ("kB" too), and a number may have a fraction
/// ("1.5g"; here of at most 6 digits), rounded down to whole bytes. No sign, no blanks. Anything else, and what is
/// above the largest std::int64_t, is Category::usage.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

/// The period that quotas of CPU time are given for, in microseconds: the kernel's own default.
inline constexpr std::uint64_t kCpuPeriod = 100000;

/// A number of CPUs as the microseconds of a kCpuPeriod: "0.5" is 50000, "2" is 200000. From 0.01 (the kernel takes no
/// less than 1000 µs) to 8192, with a fraction of at most 6 digits, rounded down to whole microseconds. Otherwise
/// Category::usage.
[[nodiscard]] Result<std::int64_t> parse_cpus(std::string_view text);

}  // namespace berth
