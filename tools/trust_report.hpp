// What `berth verify` prints.
#pragma once

#include <set>
#include <string>

#include "sif/verify.hpp"

namespace berth::tools {

/// Each good signature: its object, signers and what it confirms; then whether all is verified. Ends with a newline.
/// `fetched`: the primary fingerprints of keys that came from a keyserver for this one verification, here as below.
[[nodiscard]] std::string report_text(const sif::VerifyReport& report, const std::string& image,
                                      const std::set<std::string>& fetched);

/// The whole report (docs/sif-format.md, "berth verify --json").
[[nodiscard]] std::string report_json(const sif::VerifyReport& report, const std::string& image,
                                      const std::set<std::string>& fetched);

/// Every failure, one a line, for stderr; empty when there is none.
[[nodiscard]] std::string report_failures(const sif::VerifyReport& report);

}  // namespace berth::tools
