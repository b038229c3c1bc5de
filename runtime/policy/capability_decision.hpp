// Which capabilities the command gets (capabilities(7)): a pure function. Singularity's rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/policy/inputs.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// One step of the verdict, in the order in which they were taken.
struct CapabilityRuling {
    std::string outcome;  ///< "none", "all", "added: CAP_NET_RAW", "not given: …", "dropped: …", "refused"
    std::string rule;     ///< "/etc/berth/capability.json:3: user ann", or the option or directive
};

struct CapabilityVerdict {
    CapabilitySet granted = 0;            ///< all that the command and what it executes may have: the bounding set, too
    bool no_new_privileges = true;        ///< prctl(PR_SET_NO_NEW_PRIVS)
    std::optional<Error> refusal;         ///< set: nothing may be run, and nothing is granted. Category usage or denied
    std::vector<std::string> warnings;    ///< for the user: what he asked for and does not get
    std::vector<CapabilityRuling> rulings;
};

/// Decides on --add-caps, --drop-caps, --keep-privs, --no-privs and on who may say --security uid and gid.
/// A user has what --add-caps names and the site's capability.json lets him or one of his groups have, and always
/// no_new_privs. Root has what `root default capabilities` says, or none where --security uid or gid make the command
/// somebody else's; --no-privs and --keep-privs replace that, --add-caps adds to it. --drop-caps takes away from either.
/// Where Berth has no privilege (a user namespace), nothing can be given.
[[nodiscard]] CapabilityVerdict judge_capabilities(const Request& request, const config::SitePolicy& policy,
                                                   const JobContext& job);

}  // namespace berth
