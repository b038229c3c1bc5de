// From names of CDI devices to what a container gets for them: a pure function of the names and the site's specifications.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/cdi_name.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/cdi_folder.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/policy/cdi_hooks.hpp"
#include "runtime/policy/ruling.hpp"

namespace berth {

/// A file or folder of the host's, as a specification wants it mounted.
struct CdiBind {
    std::string source;
    std::string destination;
    bool read_only = false;
    bool no_exec = false;

    bool operator==(const CdiBind&) const = default;
};

struct CdiEdits {
    std::vector<std::pair<std::string, std::string>> env;  ///< no name twice
    std::vector<config::CdiDeviceNode> nodes;              ///< beneath /dev; no path twice
    std::vector<CdiBind> mounts;                           ///< none covers an earlier one; no destination twice
    std::vector<CdiLink> links;                            ///< no path twice
    std::vector<std::string> library_folders;              ///< in the container: for LD_LIBRARY_PATH
    std::vector<gid_t> additional_gids;
    /// Programs that the site allows, in the order in which they run. Whoever runs one opens it by open_trusted() first: here
    /// only its path was looked at.
    std::vector<config::CdiHook> hooks;
    std::vector<Ruling> rulings;         ///< each names the file
    std::vector<std::string> warnings;   ///< files that could not be read, and were not needed
};

/// What these devices bring, in their order; the edits of a specification as a whole once, before those of the first of its
/// devices. What comes later replaces what has the same name, path or destination.
/// `allowed_hooks`: absolute paths (`allow cdi hook`).
/// Category::usage: no specification has the device. Category::config: two files of one folder have it, or a file that
/// cannot be read may have it. Category::denied: a hook that the site does not allow. Category::unsupported: what Berth
/// cannot carry out. Each message names the device and the file.
/// Source: the CDI specification 1.1.0, and the order in which its reference implementation applies the edits.
[[nodiscard]] Result<CdiEdits> resolve_cdi(std::span<const CdiName> names, const config::CdiSpecs& specs,
                                           std::span<const config::Setting<std::string>> allowed_hooks);

}  // namespace berth
