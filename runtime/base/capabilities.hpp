// Names of the kernel's capabilities. Source: capabilities(7), linux/capability.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth {

/// Bit N stands for capability number N.
using CapabilitySet = std::uint64_t;

inline constexpr int kCapabilityCount = 41;
inline constexpr CapabilitySet kAllCapabilities = (CapabilitySet{1} << kCapabilityCount) - 1;

[[nodiscard]] constexpr CapabilitySet capability_bit(int number) noexcept { return CapabilitySet{1} << number; }

/// "CAP_NET_RAW"; "" for a number that has no name here.
[[nodiscard]] std::string_view capability_name(int number) noexcept;

/// The number of "CAP_NET_RAW", in either case, with or without "CAP_".
[[nodiscard]] std::optional<int> capability_number(std::string_view name);

/// A list with commas, or "all". Category::usage names the entry that is none.
[[nodiscard]] Result<CapabilitySet> parse_capabilities(std::string_view list);

/// "CAP_CHOWN,CAP_NET_RAW", "all" or "none".
[[nodiscard]] std::string to_string(CapabilitySet set);

}  // namespace berth
