// Labels of AppArmor and SELinux for the command: written through the kernel's own procfs, and read back.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// The modules that are active in this kernel and take labels from processes. Reads /sys. No privilege needed.
[[nodiscard]] std::vector<SecurityModule> active_security_modules();

/// Opens the file in which this process names the label of its next exec (proc(5), /proc/PID/attr), beneath the procfs
/// that is mounted at /proc here (the host's, or the container's bind of it), crossing no mount and no magic link: whatever a user has bound over it is refused.
/// Category::unsupported where the kernel has no such file or /proc is not procfs.
[[nodiscard]] Result<UniqueFd> open_label(SecurityModule module);

/// Writes the label to what open_label() gave to this process, and reads it back. Category::usage for a label that the
/// module does not know; Category::system when it was not taken.
[[nodiscard]] Status set_label(int fd, SecurityModule module, const std::string& label);

}  // namespace berth
