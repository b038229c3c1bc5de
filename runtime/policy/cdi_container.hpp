// CDI edits as what a container of Berth's is made of: nodes in /dev, binds and variables.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/policy/cdi_edits.hpp"

namespace berth {

/// What of the node the edits meet.
struct CdiHost {
    /// Names beneath /dev that the step may open, or folders of such: "nvidia0", "dri", "dri/renderD128".
    std::vector<std::string> usable_devices;
    /// Files of libraries and the names by which programs load them, as the host's linker knows them:
    /// "/usr/lib/libcuda.so.560.35.03" → "libcuda.so.1".
    std::map<std::string, std::string> library_names;
};

struct CdiNode {
    std::string name;    ///< beneath the container's /dev: "dri/card1"
    std::string source;  ///< on the host

    bool operator==(const CdiNode&) const = default;
};

struct CdiContainer {
    std::vector<CdiNode> nodes;
    std::vector<CdiBind> binds;  ///< in the order in which they are mounted; all must be there
    std::vector<std::pair<std::string, std::string>> variables;
    std::vector<std::string> library_folders;
    std::vector<config::CdiHook> hooks;  ///< as CdiEdits has them
    std::vector<Ruling> rulings;        ///< those of the edits, and what was left out
    std::vector<std::string> warnings;  ///< likewise
};

/// Touches nothing. Nodes that the step may not open are left out, each with a warning. In library folders a library is
/// also bound under the name that programs load it by, as ldconfig(8) would link it; a symbolic link to something that is
/// bound is a bind of the same file. A link to anything else is left out.
[[nodiscard]] CdiContainer cdi_container(CdiEdits edits, const CdiHost& host);

}  // namespace berth
