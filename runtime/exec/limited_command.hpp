// A command with limits outside of Slurm: this process stays, to say why the command ended and to remove its control group.
#pragma once

#include <functional>
#include <vector>

#include "runtime/exec/own_cgroup.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

/// Forks. The child runs `body`, which becomes the command or fails with an exit status, and tells by `report_cgroup()` on the
/// descriptor that it is given what it made. This process passes on signals, waits, says on stderr when the command ran
/// out of memory, removes the cgroup and \return the command's exit status; where a signal ended the command, the same
/// one ends this process. For callers of one thread.
[[nodiscard]] int run_limited(const std::function<int(int reports)>& body);

/// In the child, once.
Status report_cgroup(int reports, const OwnCgroup& cgroup, const std::vector<DecidedLimit>& limits);

/// In the child, last before the command: it dies with its keeper. Fails when that is gone already.
Status die_with_keeper(pid_t keeper);

}  // namespace berth
