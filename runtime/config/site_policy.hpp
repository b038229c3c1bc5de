// What the site's files say together: berth.conf and those that lie beside it.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/config/capability_file.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {

struct SitePolicy {
    SiteConfig conf;
    Ecl ecl;
    CapabilityGrants capabilities{};
};

/// load() of the berth.conf, load_ecl() of the ecl.toml and load_capabilities() of the capability.json beside it. Every
/// failure is Category::config.
[[nodiscard]] Result<SitePolicy> load_policy(const std::string& berth_conf);

}  // namespace berth::config
