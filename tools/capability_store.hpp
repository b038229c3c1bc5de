// Changing the site's capability.json.
#pragma once

#include <functional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/config/capability_file.hpp"

namespace berth::tools {

/// Reads the capability.json beside a berth.conf (which must be there, and an absolute path), lets `change` change it
/// and puts the result in its place: whole, on the disk, mode 0644. Where `change` fails, or changes nothing, the file
/// stays. One at a time: whoever comes meanwhile waits for a lock that only root can take (.capability.lock, beside it).
/// Needs to be root. Category::config for a file that Berth would not read, for a symbolic link, and for one that would
/// become too large; Category::system where it cannot be written.
[[nodiscard]] Result<config::CapabilityGrants> change_capabilities(
    const std::string& berth_conf, const std::function<Status(config::CapabilityGrants&)>& change);

}  // namespace berth::tools
