// Limits outside of Slurm: a control group that Berth makes for one container, and removes again.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

/// What a cgroup of this process's own could have. As root: every controller. As a user: those of a folder that is his
/// already (a delegated subtree), or those that the user's systemd hands out. Makes nothing.
[[nodiscard]] CgroupFacts own_cgroup_facts();

/// What was made: for whoever removes it.
struct OwnCgroup {
    std::vector<std::string> folders;  ///< innermost first
    std::string memory;                ///< the one that counts memory; "": none was made
    bool operator==(const OwnCgroup&) const = default;
};

/// Makes a cgroup with these limits and puts this process into it, beneath the one that it is in (v1, or a delegated
/// subtree: nothing that limited it before is lost), or beneath "berth" (v2, as root), and `others` with it. `keeper` is the
/// process that removes it later; where it must leave this process's cgroup first, it is moved, too. What was made is removed again
/// where not all can be had. Needs root, a folder of the caller's, or a systemd of the caller's and libexec/berth/berth-scope.
[[nodiscard]] Result<OwnCgroup> make_own_cgroup(const std::vector<DecidedLimit>& limits, pid_t keeper, const std::vector<pid_t>& others);

/// Removes it, and what earlier ones left behind. Where processes are left in it, it stays until a later one is removed.
void remove_own_cgroup(const OwnCgroup& cgroup) noexcept;

}  // namespace berth
