// What a node's kernel can do of what containers need, found out by trying. Changes nothing.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// The system calls that Berth needs and this kernel lacks, or a filter around this process forbids; by name.
[[nodiscard]] std::vector<std::string> missing_system_calls();

/// "2.5.4, API level 6": the libseccomp that this program was linked with, and what it can use of this kernel's filters.
[[nodiscard]] std::string libseccomp_version();

/// Makes a user namespace and a mount namespace in a child process, as `identity`'s user when this process is root.
/// The error is why an unprivileged user cannot.
[[nodiscard]] Status try_user_namespace(uid_t uid, gid_t gid);

}  // namespace berth
