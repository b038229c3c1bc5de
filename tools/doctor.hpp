// What `berth doctor` finds out: plain data, gathered by one table of checks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::tools {

enum class Health { ok, warn, fail };

/// One line of the report.
struct Finding {
    Health health = Health::ok;
    std::string subject;    ///< "file system overlay"
    std::string detail;     ///< what was found
    std::string remedy;     ///< what to do about it; empty when nothing is needed
    std::string check{};    ///< Check::name of the check that found it; filled in by examine()
};

/// Which node, and which of its configurations, is looked at.
struct Surroundings {
    std::string berth_conf;
    std::string slurm_folder{};  ///< of slurm.conf and plugstack.conf; empty: $SLURM_CONF's, or /etc/slurm
    std::string root{};          ///< stands before the paths in /proc, /sys, /dev and of settings that are only read; for tests
};

/// One thing that is looked at. Changes nothing; needs no privilege, though root sees more.
struct Check {
    std::string_view name;      ///< "file systems"
    std::string_view looks_at;  ///< one or two sentences, for berth-doctor(1)
    std::vector<Finding> (*examine)(const Surroundings&);
};

/// Every check, in the order of the report.
[[nodiscard]] std::span<const Check> doctor_checks() noexcept;

/// Carries out all of them. Bounded in time: no check waits longer than ten seconds for a program.
[[nodiscard]] std::vector<Finding> examine(const Surroundings& node);

}  // namespace berth::tools
