// From a seccomp profile to the filter that the kernel takes, and its installation.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/seccomp_profile.hpp"

namespace berth {

/// What a profile's conditions ask for.
struct SeccompTarget {
    CapabilitySet capabilities = 0;  ///< that the command will have
    std::string architecture;        ///< Go's name: "amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64"
    config::KernelVersion kernel{};
};

/// This machine, and its kernel by uname(2). Category::unsupported where profiles are not.
[[nodiscard]] Result<SeccompTarget> current_seccomp_target(CapabilitySet capabilities);

struct SeccompFilter {
    std::vector<sock_filter> program;  ///< at most BPF_MAXINSNS (4096)
    unsigned flags = 0;                ///< SECCOMP_FILTER_FLAG_… for install_seccomp()
    std::vector<std::string> skipped;  ///< names that libseccomp does not know; the default action holds for them
};

/// Makes the filter of those rules whose conditions hold. libseccomp gives the numbers of the calls, for each
/// architecture of the profile that this machine runs, its own always.
/// - Several rules for one call: of those that match, the strictest decides; among equals, the first.
/// - A call of another architecture ends the process.
/// - With SCMP_ACT_ERRNO as default, calls newer than every one that the profile names fail with ENOSYS, so that the C
///   library falls back as on an older kernel.
/// - Calls that 32-bit x86 and s390 can make through socketcall(2) and ipc(2), too: arguments cannot be seen there. The
///   stricter of the rule's action and the default one holds.
/// - A name that libseccomp does not know (of a newer kernel, say) is skipped where the default action denies. Where it
///   does not, and the rule is stricter, skipping would allow what the profile forbids: Category::unsupported.
///
/// Needs nothing but memory: no system call, no descriptor, no privilege. A process under confine_reader() may call it.
/// Category::config for a program that is too long for the kernel; unsupported for a machine that is not known here.
[[nodiscard]] Result<SeccompFilter> compile_seccomp(const config::SeccompProfile& profile, const SeccompTarget& target);

/// seccomp(2), SECCOMP_SET_MODE_FILTER, for the calling thread and what it executes. Needs no_new_privs (or
/// CAP_SYS_ADMIN in its user namespace). Filters add up: the strictest answer of all counts, and one that denies
/// seccomp(2) keeps out the next. To be called last: a filter may take away any later call, and could make a step that
/// gives up power seem to succeed. No allocation: may run between fork and exec. \return 0 or an errno value.
[[nodiscard]] int install_seccomp(const sock_filter* program, std::size_t count, unsigned flags) noexcept;

}  // namespace berth
