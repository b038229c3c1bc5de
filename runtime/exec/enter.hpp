// The task's own steps: few system calls, no locks, no allocation unless one fails. They run between fork and exec
// in a process that a threaded slurmstepd forked, or in the command itself just before it becomes the user's program.
#pragma once

#include <vector>

#include "runtime/exec/runner.hpp"
#include "runtime/exec/seccomp_filter.hpp"

namespace berth {

class EntryRunner final : public StepRunner {
public:
    /// `ns`: the prepared mount namespace (borrowed), or -1 when this process is in it already.
    /// `filters`: what InstallFilters installs, in this order; borrowed.
    EntryRunner(int ns, const std::vector<SeccompFilter>& filters) : ns_(ns), filters_(filters) {}

    /// Descriptors above 2 that the launcher gave to the task on purpose (PMI's).
    void keep(std::vector<int> descriptors) { keep_ = std::move(descriptors); }
    Status run(const Effect& effect, const Plan& plan) override;

private:
    Status install_filters(const effect::InstallFilters& e);

    int ns_;
    std::vector<int> keep_;
    const std::vector<SeccompFilter>& filters_;
    UniqueFd label_;  ///< open between OpenLabel and SetLabel
};

}  // namespace berth
