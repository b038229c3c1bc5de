// The UUID of a new image, as RFC 9562 has it. It tells images apart and protects nothing.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/result.hpp"

namespace berth::tools {

using Uuid = std::array<std::uint8_t, 16>;

/// Version 4: getrandom(2).
[[nodiscard]] Result<Uuid> random_uuid();

/// Version 8: the same bytes and time always give the same (FNV-1a of the first `size` bytes of `fd`, then the time).
[[nodiscard]] Result<Uuid> derived_uuid(int fd, std::uint64_t size, std::uint32_t time);

}  // namespace berth::tools
