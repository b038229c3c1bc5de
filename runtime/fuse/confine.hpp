// What berth-fuse shuts itself into before it reads a byte of an image.
#pragma once

#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/fuse/options.hpp"

namespace berth::fuse {

/// Leaves the caller's session, folder and descriptors: a session of its own, "/", descriptors 0 to 2 on /dev/null, and
/// of the others only those that `options` name. All signals but those of a crash are blocked (the server lives as long
/// as its mount; SIGTERM to a step's processes must not take the root file system from under them). What protects the
/// caller when memory runs out does not protect this process. Checks that the image is a file or block device opened
/// read-only that holds [offset, offset + size); Category::usage where it is not.
[[nodiscard]] Status detach_from_caller(const Options& options);

/// Resource limits: no core, no file growth, few descriptors, `max_memory` bytes of address space more than there are now. Not RLIMIT_NPROC: it
/// counts every process of the user on the node, hence other steps' servers. The filter forbids new processes anyway.
[[nodiscard]] Status limit_resources(std::uint64_t max_memory);

}  // namespace berth::fuse
