// Devices by CDI.
#include <algorithm>
#include <iterator>

#include "runtime/policy/cdi_edits.hpp"
#include "runtime/policy/judge.hpp"

namespace berth {

namespace {

/// Nobody gets a group by a device: who owns what it may write is not the specification's to say.
void judge_groups(Judge& judge, const CdiEdits& edits, const JobContext& job) {
    for (const gid_t gid : edits.additional_gids) {
        const std::string group = std::to_string(gid);
        if (gid == job.gid || std::ranges::count(job.groups, gid) > 0)
            judge.grant("group " + group + " of a CDI device", "the caller is in it", "CDI");
        else
            judge.refuse("group " + group + " of a CDI device", "CDI",
                         "--cdi: a device needs the group " + group + ", which you are not in: the site can make you a member");
    }
}

}  // namespace

void judge_cdi(Judge& judge, Decision& decision, const Request& request, const config::SiteConfig& site, const SiteNames& names,
               const JobContext& job) {
    if (request.cdi_devices.empty()) return;
    const CdiFacts facts = names.cdi.value_or(CdiFacts{});
    auto edits = resolve_cdi(request.cdi_devices, facts.specs, site.allow_cdi_hook.value);
    if (!edits) return judge.refuse("CDI devices", "--cdi", "--cdi: " + edits.error().message, edits.error().category);
    judge_groups(judge, *edits, job);
    decision.cdi = cdi_container(std::move(*edits), facts.host);
    for (const Ruling& ruling : decision.cdi.rulings) judge.grant(ruling.subject, ruling.outcome, ruling.rule);
    std::ranges::copy(decision.cdi.warnings, std::back_inserter(decision.warnings));
}

}  // namespace berth
