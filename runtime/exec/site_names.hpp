// What the site's files and a request name, as this node knows it: policy touches no system.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/user_side.hpp"
#include "runtime/policy/inputs.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// A user's or group's id where the site wrote a number in the place of a name.
[[nodiscard]] std::optional<unsigned> numeric_id(const std::string& text);

/// The users, groups and paths of `limit container` and ecl.toml; GPUs and CDI devices where they are asked for; the host's
/// mounts for `mount hostfs`. Names that the node does not know are left out. What is the step's to see, `side` is asked.
/// Looks names up (NSS).
[[nodiscard]] Result<SiteNames> site_names(const Request& request, const config::SitePolicy& policy, UserSide& side);

}  // namespace berth
