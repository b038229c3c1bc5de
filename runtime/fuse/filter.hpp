// The system call filter of a running server.
#pragma once

#include "runtime/base/result.hpp"
#include "runtime/fuse/options.hpp"

namespace berth::fuse {

/// The system calls of a running server, on the descriptors they are for; anything else kills the process. Applies to
/// every thread that exists (TSYNC); none can be made afterwards. `log_fd` may be -1. Needs no_new_privs. seccomp(2).
[[nodiscard]] Status install_filter(const Options& options, int fuse_fd, int log_fd);

}  // namespace berth::fuse
