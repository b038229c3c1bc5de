// The devices that Slurm gave a step: whoever asks the kernel "may I open this node?" hears the answer of the cgroup that he
// is in, and berth-step is not in the step's.
#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// A place in the step's device cgroup for one process of ours, which is to end before this object does.
///
/// v1: the devices hierarchy's cgroup of slurmstepd, which has put itself into the step's by the time of user_init (Slurm
/// 22.05). v2: slurmstepd is in `step_S/slurm`, beside the tasks' `step_S/user`, whose device program it made; no process
/// may be in `user` itself, so a cgroup of our own is made in it, and removed again by the destructor.
/// Where Slurm constrains no devices (no ConstrainDevices, no cgroups) there is no such place, and nothing happens.
/// Everything is root's: paths come from the kernel and are opened once.
class StepDevices {
public:
    /// \param daemon the step's slurmstepd. Needs root.
    static Result<StepDevices> of(pid_t daemon);
    StepDevices(StepDevices&&) noexcept = default;
    StepDevices& operator=(StepDevices&&) = delete;
    ~StepDevices();

    /// Puts the calling process there. For a child of ours that still is root.
    [[nodiscard]] Status join() const;

    /// Removes what an object whose process was killed left behind. For the daemon, when that process is gone. Needs root.
    static void remove_remains(pid_t daemon) noexcept;

private:
    StepDevices() = default;
    UniqueFd processes_;  ///< cgroup.procs, for writing; none: no such place
    UniqueFd user_;       ///< v2: the step's `user`, which holds ours; none: v1
};

}  // namespace berth
