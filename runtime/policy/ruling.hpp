// One line of a decision.
#pragma once

#include <string>

namespace berth {

/// The outcome of a ruling that refuses.
inline constexpr const char* kRefused = "refused";

/// What was looked at, what came out, and the rule that made it.
struct Ruling {
    std::string subject;
    std::string outcome;
    std::string rule;  ///< "berth.conf:12: mount home = yes", or the design's own rule
};

}  // namespace berth
