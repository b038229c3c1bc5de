// What the execution control list (ecl.toml) says of an image: a pure function.
#pragma once

#include <optional>
#include <string>

#include "runtime/config/ecl.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

struct EclVerdict {
    bool allowed = false;
    std::string rule;  ///< "/etc/berth/ecl.toml:12: [[execgroup]] TAG", or the line that activates the list
    std::string text;  ///< the outcome, or why not, with the remedy, in one line; without the rule
    const config::EclGroup* group = nullptr;  ///< that allowed it, of the list that was given
};

/// Nothing while the list is not activated. Otherwise the group that names the image's own folder decides, else the
/// deepest recursive one above it, else the one without a folder; without any of these the image is refused. So is one
/// that is no SIF image, or was not verified: in every mode, the blacklist included. Holds for everybody, root too.
[[nodiscard]] std::optional<EclVerdict> judge_ecl(const config::Ecl& ecl, const SiteNames& names,
                                                  const ImageInfo& image);

/// Whether that is a refusal whoever has signed the image, for its format or its folder: then nothing of it need be
/// read.
[[nodiscard]] bool refuses_whoever_signed(const config::Ecl& ecl, const SiteNames& names, const ImageInfo& image);

}  // namespace berth
