// Copying a file whose owner may change it, serve it himself, or let it hang, for root.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "runtime/base/result.hpp"

namespace berth {

/// Copies the first `bytes` bytes of `from` to the beginning of `to`, in a process that runs as `account`, confined, and
/// has only these two descriptors; it has ended when this returns. \return the SHA-256 of what was written, in hex.
/// Errors name `what`: Category::image when the file is shorter by now, system (ETIMEDOUT; ENOSPC). Needs root.
[[nodiscard]] Result<std::string> copy_image(int from, int to, std::uint64_t bytes, const std::pair<uid_t, gid_t>& account,
                                             std::chrono::milliseconds limit, const std::string& what);

}  // namespace berth
