// What `berth doctor` finds out: plain data, gathered by the two files beside the command's own.
#pragma once

#include <string>
#include <vector>

namespace berth::tools {

enum class Health { ok, warn, fail };

/// One line of the report.
struct Finding {
    Health health = Health::ok;
    std::string subject;  ///< "user namespaces"
    std::string detail;   ///< what was found
    std::string remedy;   ///< what to do about it; empty when nothing is needed
};

/// Kernel, devices, file systems, cgroups, security modules, GPUs, and this installation with its configuration.
[[nodiscard]] std::vector<Finding> examine_node(const std::string& berth_conf);

/// Slurm, munge and the plugin. `folder`: of slurm.conf and plugstack.conf; empty: $SLURM_CONF's, or /etc/slurm.
[[nodiscard]] std::vector<Finding> examine_slurm(const std::string& folder);

}  // namespace berth::tools
