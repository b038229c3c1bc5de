// What the host has mounted, for `mount hostfs`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// The mount points in the text of a mountinfo (proc(5)) whose file systems hold files, not the kernel's state: absolute,
/// normal, each once. Names that the kernel shows as deleted are left out.
[[nodiscard]] std::vector<std::string> file_system_mounts(std::string_view mountinfo);

/// The same of this process's mount namespace.
[[nodiscard]] Result<std::vector<std::string>> file_system_mounts();

}  // namespace berth
