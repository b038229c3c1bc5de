#pragma once

#include <string>

#include "runtime/plan/plan.hpp"

namespace berth {

/// What --explain prints: the decision with the rule behind each part, then the plan's steps.
[[nodiscard]] std::string explain_text(const Decision& decision, const Plan& plan);

/// The same as one JSON object: {"allowed", "refusal"?, "driver", "decision": [{"subject", "outcome", "rule"}],
/// "plan": [{"phase", "effect", "description"}]}.
[[nodiscard]] std::string explain_json(const Decision& decision, const Plan& plan);

}  // namespace berth
