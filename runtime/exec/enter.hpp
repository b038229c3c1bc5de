// The task's own steps: few system calls, no locks, no allocation unless one fails. They run between fork and exec
// in a process that a threaded slurmstepd forked, or in the command itself just before it becomes the user's program.
#pragma once

#include <vector>

#include "runtime/exec/runner.hpp"

namespace berth {

class EntryRunner final : public StepRunner {
public:
    /// `ns`: the prepared mount namespace (borrowed), or -1 when this process is in it already.
    /// `keep`: descriptors above 2 that the launcher gave to the task on purpose (PMI's).
    EntryRunner(int ns, std::vector<int> keep) : ns_(ns), keep_(std::move(keep)) {}
    Status run(const Effect& effect, const Plan& plan) override;

private:
    int ns_;
    std::vector<int> keep_;
};

}  // namespace berth
