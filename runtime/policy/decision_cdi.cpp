// Devices by CDI.
#include <algorithm>
#include <iterator>

#include "runtime/policy/cdi_edits.hpp"
#include "runtime/policy/judge.hpp"

namespace berth {

void judge_cdi(Judge& judge, Decision& decision, const Request& request, const config::SiteConfig& site, const SiteNames& names) {
    if (request.cdi_devices.empty()) return;
    const CdiFacts facts = names.cdi.value_or(CdiFacts{});
    auto edits = resolve_cdi(request.cdi_devices, facts.specs, site.allow_cdi_hook.value);
    if (!edits) return judge.refuse("CDI devices", "--cdi", "--cdi: " + edits.error().message, edits.error().category);
    // Nothing of theirs is carried out: a device that needs them would seem to be there.
    if (!edits->hooks.empty())
        return judge.refuse("CDI devices", "--cdi", "--cdi: a device needs the hook " + edits->hooks.front().path + ", and hooks are not run in this release",
                            Category::unsupported);
    if (!edits->additional_gids.empty())
        return judge.refuse("CDI devices", "--cdi", "--cdi: a device needs additional groups, which are not given in this release", Category::unsupported);
    decision.cdi = cdi_container(std::move(*edits), facts.host);
    for (const Ruling& ruling : decision.cdi.rulings) judge.grant(ruling.subject, ruling.outcome, ruling.rule);
    std::ranges::copy(decision.cdi.warnings, std::back_inserter(decision.warnings));
}

}  // namespace berth
