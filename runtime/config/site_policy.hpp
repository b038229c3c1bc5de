// What the site's files say together: berth.conf and those that lie beside it.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/capability_file.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/config/seccomp_profile.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {

struct SitePolicy {
    SiteConfig conf;
    Ecl ecl;
    CapabilityGrants capabilities{};
    CgroupLimits cgroups{};                   ///< those of cgroups.toml, where there is one
    std::string berth_conf{};                 ///< where it was read from; the other files lie beside it
    std::optional<SeccompProfile> seccomp{};  ///< that of `seccomp profile`, where there is one
};

/// The profile that `seccomp profile` names; opened as every site file is. Category::config.
[[nodiscard]] Result<SeccompProfile> load_seccomp_profile(const Setting<std::string>& setting);

/// load_file() of the berth.conf, as it holds for this job, load_ecl() of the ecl.toml, load_capabilities() of the
/// capability.json and load_cgroups() of the cgroups.toml beside it, and the seccomp profile that berth.conf names, held to the same rules. Without facts: where no
/// section holds. Every failure is Category::config, also where a fact is missing: see check_facts().
[[nodiscard]] Result<SitePolicy> load_policy(const std::string& berth_conf, const JobFacts& facts = {});

/// The same with the berth.conf already read, for those who look its names up first.
[[nodiscard]] Result<SitePolicy> load_policy(const std::string& berth_conf, const SiteFile& file, const JobFacts& facts);

}  // namespace berth::config
