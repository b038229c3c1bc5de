#pragma once

#include <string>

namespace berth {

/// Where this installation lives. Found from the place of the running program or plugin, so that an installation
/// works under any prefix, and a build tree works like an installation.
struct InstallPaths {
    std::string libexec;  ///< folder of berth-fuse and berth-step
    std::string sysconf;  ///< folder of berth.conf
};

/// Absolute paths; no ownership is checked here.
[[nodiscard]] const InstallPaths& install_paths();

}  // namespace berth
