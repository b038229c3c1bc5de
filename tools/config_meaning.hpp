// What well-formed site files say that cannot be meant: contradictions, and names of what this node does not have.
#pragma once

#include <string>
#include <vector>

#include "runtime/config/ecl.hpp"
#include "runtime/config/problem.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::tools {

struct Meaning {
    std::vector<config::Problem> problems;  ///< images do not run, or other ones than it seems
    std::vector<config::Problem> notes;     ///< worth knowing; the files do what they say
};

/// Looks at what holds without sections, and at what each section makes of it; and at the node: users, groups, folders
/// and, by libexec/berth/berth-trust, the keys of the site's keyring. Changes nothing; needs no privilege. `berth_conf`
/// names the file where a default is at fault.
[[nodiscard]] Meaning examine_meaning(const config::SiteFile& file, const config::Ecl& ecl, const std::string& berth_conf);

}  // namespace berth::tools
