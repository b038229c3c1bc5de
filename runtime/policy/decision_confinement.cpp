// What confines the command.
#include "runtime/policy/judge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/policy/capability_decision.hpp"

namespace berth {
namespace {

using config::SiteConfig;
using config::SitePolicy;

constexpr int kAdministerSystem = 21;  // CAP_SYS_ADMIN

/// What the command may have, and as whom it runs.
void judge_powers(Judge& judge, Decision& decision, const Request& request, const SitePolicy& policy, const JobContext& job) {
    CapabilityVerdict verdict = judge_capabilities(request, policy, job);
    for (auto& ruling : verdict.rulings) judge.grant("capabilities", std::move(ruling.outcome), std::move(ruling.rule));
    if (verdict.refusal) return judge.refuse(*verdict.refusal);
    decision.warnings.insert(decision.warnings.end(), verdict.warnings.begin(), verdict.warnings.end());
    // Machines and containers lack some that root usually has: all is all that there are.
    const CapabilitySet lacking = verdict.granted & request.add_capabilities & ~job.available_capabilities;
    if (lacking != 0)
        decision.warnings.push_back(fmt::format("--add-caps: {} not given: Berth itself lacks it on this node", to_string(lacking)));
    decision.capabilities = verdict.granted & job.available_capabilities;
    decision.no_new_privileges = verdict.no_new_privileges;
    decision.uid = request.security.uid;
    decision.gids = request.security.gids;
    if (decision.uid || !decision.gids.empty()) judge.grant("identity", "another than the caller's", "--security");
}

/// Both modules take their label in the same place when one of them is the kernel's first: one label a command.
void judge_label(Judge& judge, Decision& decision, const SecurityRequest& request, const JobContext& job) {
    if (!request.apparmor && !request.selinux) return;
    if (request.apparmor && request.selinux)
        return judge.refuse("label", "--security", "--security: apparmor and selinux exclude each other: name one", Category::usage);
    const DecidedLabel label = request.apparmor ? DecidedLabel{SecurityModule::apparmor, *request.apparmor}
                                                : DecidedLabel{SecurityModule::selinux, *request.selinux};
    const std::string module = to_string(label.module);
    if (std::find(job.security_modules.begin(), job.security_modules.end(), label.module) == job.security_modules.end())
        return judge.refuse("label", "the node's kernel",
                            fmt::format("--security: {} is not active on this node: leave the label out, or run where it is", module),
                            Category::unsupported);
    judge.grant("label", module + " " + label.text, "--security");
    decision.label = label;
}

void judge_profiles(Judge& judge, Decision& decision, const SecurityRequest& request, const SiteConfig& site) {
    if (const auto& profile = site.seccomp_profile; !profile.value.empty()) {
        decision.site_profile = profile.value;
        judge.grant("seccomp", profile.value, rule_text(profile.origin, "seccomp profile", profile.value));
    }
    if (request.seccomp) {
        decision.user_profile = *request.seccomp;
        judge.grant("seccomp", decision.site_profile.empty() ? *request.seccomp : *request.seccomp + ", beside the site's", "--security");
    }
    // The kernel takes filters from who can gain no privileges, or administers the machine anyway.
    if (decision.site_profile.empty() && decision.user_profile.empty()) return;
    if ((decision.capabilities & capability_bit(kAdministerSystem)) == 0) decision.no_new_privileges = true;
}

}  // namespace

void judge_confinement(Judge& judge, Decision& decision, const Request& request, const SitePolicy& policy, const JobContext& job) {
    judge_powers(judge, decision, request, policy, job);
    judge_label(judge, decision, request.security, job);
    judge_profiles(judge, decision, request.security, policy.conf);
}

}  // namespace berth
