// Limits under Slurm: its own control groups, tightened in place. Nothing is loosened, no process moved, no cgroup made.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

/// What the control groups of the step that slurmstepd `daemon` serves have, once Slurm made them (from user_init on):
/// controllers, and the values of the files that `settings` are about. Reads only; needs no privilege.
[[nodiscard]] Result<CgroupFacts> slurm_cgroup_facts(pid_t daemon, const std::vector<CgroupSetting>& settings);

/// The version of this node's control groups: v1 as soon as a v1 hierarchy has controllers; nothing where it has none.
[[nodiscard]] std::optional<CgroupVersion> cgroup_version_of(pid_t pid);

/// In slurmstepd, as root: the limits of one step.
class SlurmLimits {
public:
    explicit SlurmLimits(std::vector<DecidedLimit> limits) : limits_(std::move(limits)) {}

    /// Tightens what `task`, which must be in its cgroups and not run yet, is in. What is shared by the step's tasks
    /// is written once. Refuses, with Category::unsupported or system, when a limit would not hold.
    Status tighten(pid_t task);

    /// After the end of a task that was tightened: one line when the kernel killed a process of it for a limit on
    /// memory: which, how much, whose.
    [[nodiscard]] std::optional<std::string> out_of_memory(pid_t task) const;

    /// Once the step is over: takes back the controllers that were enabled for it, where no other step uses them.
    void end() noexcept;

private:
    Status tighten(const DecidedLimit& limit, const std::string& folder, bool unified);
    Status enable_controllers(const std::string& task_folder);

    std::vector<DecidedLimit> limits_;
    std::map<pid_t, std::string> memory_folders_;  ///< of each task
    std::vector<std::pair<std::string, std::string>> enabled_;  ///< folder, controller: outermost first
    bool devices_done_ = false;
};

}  // namespace berth
