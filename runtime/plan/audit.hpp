// What a site keeps of each decision: one line of JSON.
#pragma once

#include <optional>
#include <string>

#include "runtime/policy/decision.hpp"

namespace berth {

/// What came of a request. What was not reached is not there.
struct AuditEvent {
    std::string time;   ///< RFC 3339
    std::string node;
    std::string asked;  ///< the image as the user named it
    std::optional<ImageInfo> image;
    std::optional<Decision> decision;
    std::optional<Error> failure;  ///< of whatever kind; a refusal stands in the decision
};

/// One JSON object without a newline: time, node, job and step (Slurm only), uid, user, image (path, device, inode,
/// bytes; digest where one was checked), signers, rule (the one that refused, or else those of the execution control or
/// the signature), outcome ("allowed", "refused" or "failed") and message. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string audit_line(const AuditEvent& event, const JobContext& job);

}  // namespace berth
