#pragma once

#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/environment/environment.hpp"
#include "runtime/environment/image_scripts.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// The command's environment. Called inside the container, as the user, with nothing left to lose: scripts that are
/// not plain are run by the container's /bin/sh (bounded in time and output). An image that needs a shell and has
/// none is warned of, and keeps its variables unset.
[[nodiscard]] Result<Variables> command_environment(const std::vector<ImageScript>& scripts, const Variables& caller,
                                                    const Request& request, const ContainerFacts& facts);

/// "NAME=VALUE" entries.
[[nodiscard]] std::vector<std::string> environment_entries(const Variables& variables);

}  // namespace berth
