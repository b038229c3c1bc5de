#include "runtime/policy/capability_decision.hpp"

#include <fmt/format.h>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using config::CapabilityAccounts;
using config::CapabilityGrants;
using config::RootCapabilities;
using config::SitePolicy;

/// Collects the steps of one verdict.
class Judge {
public:
    explicit Judge(CapabilityVerdict& verdict) : verdict_(verdict) {}

    void start_with(CapabilitySet set, std::string rule) {
        verdict_.granted = set;
        note(to_string(set), std::move(rule));
    }
    void add(CapabilitySet set, std::string rule) {
        if (set == 0) return;
        verdict_.granted |= set;
        note("added: " + to_string(set), std::move(rule));
    }
    void withhold(CapabilitySet set, std::string rule, std::string warning) {
        if (set == 0) return;
        note("not given: " + to_string(set), std::move(rule));
        verdict_.warnings.push_back(std::move(warning));
    }
    void drop(CapabilitySet set, std::string rule) {
        if ((verdict_.granted & set) == 0) return;
        note("dropped: " + to_string(verdict_.granted & set), std::move(rule));
        verdict_.granted &= ~set;
    }
    /// The account's entry, where it has one: what of `wanted` it lets him have.
    void add_from(const CapabilityAccounts& accounts, const char* kind, const std::string& name, CapabilitySet wanted) {
        const auto entry = accounts.find(name);
        if (entry != accounts.end())
            add(entry->second.value & wanted,
                fmt::format("{}: {} {}", entry->second.origin.to_string(), kind, printable(name)));
    }
    void add_from(const CapabilityGrants& grants, const std::string& user, const JobContext& job, CapabilitySet wanted) {
        add_from(grants.users, "user", user, wanted);
        for (const auto& [gid, group] : job.group_names) add_from(grants.groups, "group", group, wanted);
    }
    void refuse(Category category, std::string rule, std::string message) {
        verdict_.refusal = Error{category, 0, std::move(message)};
        note("refused", std::move(rule));
    }

private:
    void note(std::string outcome, std::string rule) {
        verdict_.rulings.push_back({std::move(outcome), std::move(rule)});
    }
    CapabilityVerdict& verdict_;
};

bool may_act_as_root(const JobContext& job) noexcept { return job.uid == 0 && job.privileged; }

void judge_options(Judge& judge, const Request& request, const JobContext& job) {
    const SecurityRequest& security = request.security;
    if (request.keep_privileges && request.no_privileges)
        return judge.refuse(Category::usage, "--keep-privs, --no-privs",
                            "--keep-privs and --no-privs contradict each other; leave one of them out");
    if (request.keep_privileges && job.uid != 0)
        return judge.refuse(Category::denied, "--keep-privs",
                            "--keep-privs: only root has privileges to keep; --add-caps asks for single capabilities");
    if (request.keep_privileges && !job.privileged)
        return judge.refuse(Category::denied, "--keep-privs",
                            "--keep-privs: there are none to keep, this root is one of a user namespace only");
    if ((security.uid || !security.gids.empty()) && !may_act_as_root(job)) {
        const std::string option = security.uid ? "--security uid" : "--security gid";
        judge.refuse(Category::denied, option, option + ": only root may choose whom the command runs as");
    }
}

void judge_without_privilege(Judge& judge, const Request& request) {
    judge.start_with(0, "without privilege");
    judge.withhold(request.add_capabilities, "without privilege",
                   fmt::format("--add-caps: {} not given: without privilege, in a user namespace, Berth has none to "
                               "give; under Slurm (--container-add-caps) it follows the site's capability.json",
                               to_string(request.add_capabilities)));
}

std::string remedy(const JobContext& job, CapabilitySet missing) {
    if (job.user.empty()) return fmt::format("uid {} has no name by which the site could", job.uid);
    return fmt::format("ask the site for: berth capability add --user {} {}", printable(job.user), to_string(missing));
}

void judge_user(Judge& judge, const CapabilityVerdict& verdict, const Request& request, const CapabilityGrants& grants,
                const JobContext& job) {
    const CapabilitySet wanted = request.add_capabilities;
    if (request.no_privileges) {
        judge.start_with(0, "--no-privs");
        return judge.withhold(wanted, "--no-privs",
                              fmt::format("--add-caps: {} not given: --no-privs outweighs it", to_string(wanted)));
    }
    judge.start_with(0, "a user has what --add-caps names and the site allows");
    judge.add_from(grants, job.user, job, wanted);
    const CapabilitySet missing = wanted & ~verdict.granted;
    judge.withhold(missing, grants.file.empty() ? "the site has no capability.json" : config::Origin{grants.file, 0}.to_string(),
                   fmt::format("--add-caps: {} not given: this site does not authorise it; {}", to_string(missing),
                               remedy(job, missing)));
}

const char* to_string(RootCapabilities choice) noexcept {
    switch (choice) {
        case RootCapabilities::full: return "full";
        case RootCapabilities::file: return "file";
        case RootCapabilities::no: return "no";
    }
    return "?";
}

void judge_root_default(Judge& judge, const SitePolicy& policy, const JobContext& job) {
    const auto& setting = policy.conf.root_default_capabilities;
    judge.start_with(setting.value == RootCapabilities::full ? kAllCapabilities : 0,
                     fmt::format("{}: root default capabilities = {}", setting.origin.to_string(), to_string(setting.value)));
    if (setting.value == RootCapabilities::file) judge.add_from(policy.capabilities, "root", job, kAllCapabilities);
}

/// \return whether the command starts with root's own identity and powers, so that it may gain what it is allowed to.
bool judge_root(Judge& judge, const Request& request, const SitePolicy& policy, const JobContext& job) {
    const SecurityRequest& security = request.security;
    const bool is_other = security.uid.value_or(0) != 0 || !security.gids.empty();
    bool may_gain = !is_other;
    if (request.no_privileges) {
        judge.start_with(0, "--no-privs");
        may_gain = false;
    } else if (request.keep_privileges) {
        judge.start_with(kAllCapabilities, "--keep-privs");
    } else if (is_other) {
        judge.start_with(0, security.gids.empty() ? "--security uid" : "--security gid");
    } else {
        judge_root_default(judge, policy, job);
        may_gain = policy.conf.root_default_capabilities.value != RootCapabilities::no;
    }
    judge.add(request.add_capabilities, "--add-caps");
    return may_gain;
}

}  // namespace

CapabilityVerdict judge_capabilities(const Request& request, const SitePolicy& policy, const JobContext& job) {
    CapabilityVerdict verdict;
    Judge judge(verdict);
    judge_options(judge, request, job);
    if (verdict.refusal) return verdict;
    if (!job.privileged)
        judge_without_privilege(judge, request);
    else if (job.uid != 0)
        judge_user(judge, verdict, request, policy.capabilities, job);
    else
        verdict.no_new_privileges = !judge_root(judge, request, policy, job);
    judge.drop(request.drop_capabilities, "--drop-caps");
    return verdict;
}

}  // namespace berth
