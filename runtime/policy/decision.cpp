#include "runtime/policy/decision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/policy/judge.hpp"
#include "runtime/policy/site_options.hpp"

namespace berth {
namespace {

using config::SiteConfig;
using config::SitePolicy;

void judge_options(Judge& judge, const Request& request, const SiteConfig& site) {
    for (const auto& entry : site.option_deny.value) {
        const std::string rule = rule_text(entry.origin, "option deny", printable(entry.value));
        if (const auto unknown = unusable_options({entry.value}))
            judge.refuse("options", rule, fmt::format("{} ({})", *unknown, rule), Category::config);
        else if (std::ranges::count(request.given, entry.value) > 0)
            judge.refuse("option " + entry.value, rule, fmt::format("--{}: this site does not allow this option ({})", entry.value, rule));
    }
}

void judge_user_namespace(Judge& judge, const SiteConfig& site, const JobContext& job) {
    if (job.privileged || site.allow_user_ns.value) return;
    const std::string rule = rule_text("allow user ns", site.allow_user_ns);
    judge.refuse("user namespace", rule,
                 fmt::format("without privilege a container needs a user namespace, which this site does not allow: start it "
                             "under Slurm (srun --container-image) ({})", rule));
}

/// A rule that is an option which the site, and not the user, gave is the site's line.
void cite_defaults(Decision& decision, const Request& request, const config::StringList& option_default) {
    for (const auto& entry : option_default.value) {
        const std::string name = entry.value.substr(0, entry.value.find('='));
        if (std::ranges::count(request.given, name) > 0) continue;
        for (Ruling& ruling : decision.rulings)
            if (ruling.rule == "--" + name) ruling.rule = rule_text(entry.origin, "option default", printable(entry.value));
    }
}

}  // namespace

std::string rule_text(const config::Origin& origin, std::string_view directive, std::string_view value) {
    return fmt::format("{}: {} = {}", origin.to_string(), directive, value);
}

std::string rule_text(std::string_view directive, const config::Setting<bool>& setting) {
    return rule_text(setting.origin, directive, setting.value ? "yes" : "no");
}

const char* to_string(SecurityModule module) noexcept {
    switch (module) {
        case SecurityModule::apparmor: return "AppArmor";
        case SecurityModule::selinux: return "SELinux";
    }
    return "?";
}

const char* to_string(Driver driver) noexcept {
    switch (driver) {
        case Driver::kernel_squashfs: return "kernel squashfs on a loop device";
        case Driver::fuse: return "FUSE, by a server of its own user";
        case Driver::fuse_as_user: return "FUSE in a user namespace";
        case Driver::directory: return "directory";
    }
    return "?";
}

bool site_wants_signature(const SitePolicy& policy) noexcept {
    return policy.conf.require_signature.value || policy.ecl.activated.value;
}

bool wants_signature(const Request& request, const SitePolicy& policy) noexcept {
    return request.verify || site_wants_signature(policy);
}

bool wants_limits(const Request& request, const SitePolicy& policy) {
    return request.limits_file || request.limits != CgroupLimits{} || policy.cgroups != CgroupLimits{};
}

Decision decide(const Request& request, const SitePolicy& policy, const SiteNames& names, const JobContext& job,
                const ImageInfo& image, const LimitInputs& limits) {
    const SiteConfig& site = policy.conf;
    Decision decision;
    Judge judge(decision);
    judge_image(judge, request, policy, names, job, image);
    judge_user_namespace(judge, site, job);
    judge_options(judge, request, site);
    decision.driver = choose_driver(judge, policy, job, image);
    decision.loop_devices = site.max_loop_devices.value;
    judge_mounts(judge, decision, request, site, names, job);
    judge_confinement(judge, decision, request, policy, job);
    judge_gpus(judge, decision, request, site, names, job);
    judge_cdi(judge, decision, request, site, names, job);
    judge_limits(judge, decision, site, limits);
    if (!job.batch_script.empty()) {
        // Slurm's own copy of the script, which must be where Slurm says it is.
        decision.binds.push_back({job.batch_script, job.batch_script, true, true});
        judge.grant("batch script", "mounted at " + job.batch_script, "the batch step runs it");
    }
    cite_defaults(decision, request, site.option_default);
    return decision;
}

}  // namespace berth
