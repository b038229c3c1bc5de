// From a request to a container that stands: gathers, decides, plans, prepares. Both the command and the step's
// helper go through here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/environment/environment.hpp"
#include "runtime/exec/runner.hpp"
#include "runtime/plan/plan.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// The account and node facts of a job that runs as `identity`. Looks names up (NSS): before any fork.
/// Launch, ids and directories of the job are the caller's to fill in.
[[nodiscard]] JobContext job_context(const Identity& identity);

/// The site's files as they hold for this job: sections are chosen by its partition and account, and by its gids. A step
/// whose partition or account is not known, and a section about a group that this node does not know, are
/// Category::config, as every failure is. Looks names up (NSS): before any fork.
[[nodiscard]] Result<config::SitePolicy> site_policy(const std::string& berth_conf, const JobContext& job);

/// True when this process may make mounts as root of the host: uid 0 with CAP_SYS_ADMIN.
[[nodiscard]] bool has_host_privilege();

/// The account of the image server, as berth.conf names it. Category::config when this node has no such user.
[[nodiscard]] Result<std::pair<uid_t, gid_t>> image_server_account(const config::SiteConfig& site);

/// A request with all that was decided about it.
struct Considered {
    OpenedImage image;
    Decision decision;
    Plan plan;
    std::vector<SeccompFilter> filters;  ///< the site's, then the user's, where the decision names them
};

/// Opens and inspects the image, checks its signatures where that was asked for, decides and plans. A refusal is in the
/// decision, not an error. Changes nothing but the node's image cache, and writes the audit line.
[[nodiscard]] Result<Considered> consider(const Request& request, const config::SitePolicy& policy, const JobContext& job,
                                          UserSide& side);

struct Prepared {
    std::vector<ImageScript> scripts;
    std::optional<DetachedProcess> server;  ///< the image server, where there is one
    std::vector<std::string> warnings;      ///< for the user: what will not work
};

/// What only one of the two launchers has: the command line, or a step's helper.
struct LauncherParts {
    OwnCgroup* cgroup = nullptr;           ///< the command line's: takes the control group that limits need; the caller's to remove, also after a failure
    int prepared_namespace = -1;           ///< a step's: is filled; borrowed
    const StepDevices* devices = nullptr;  ///< a step's
};

/// Carries out the prepare phase in this process, which is inside the container's mount namespace afterwards. On failure
/// nothing is left but what ends with this process.
[[nodiscard]] Result<Prepared> prepare(const Considered& considered, const config::SiteConfig& site, const JobContext& job,
                                       UserSide& side, const LauncherParts& launcher);

/// The file name in a container's informational variables, and the home that HOME gets.
[[nodiscard]] ContainerFacts container_facts(const Considered& considered, const JobContext& job);

}  // namespace berth
