// Limits of control groups.
#include "runtime/policy/judge.hpp"

#include <fmt/format.h>

namespace berth {

void judge_limits(Judge& judge, Decision& decision, const config::SiteConfig& site, const LimitInputs& limits) {
    auto decided = reconcile(limits, site.enable_cgroup_controllers);
    if (!decided) return judge.refuse("limits", "the node's control groups", decided.error().message, decided.error().category);
    decision.limits = std::move(*decided);
    for (const DecidedLimit& limit : decision.limits)
        judge.grant("limit " + limit.setting.key, limit.above.empty() ? limit.effective : fmt::format("{}, Slurm's {}", limit.effective, limit.above), limit.setting.from);
}

}  // namespace berth
