// From an opened image to bytes that are signed and stay so: what was verified is what is mounted.
#pragma once

#include "runtime/base/result.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/user_side.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// Checks the image's signatures and fills `image.info.signature`; what is wrong with them is there too, for decide().
/// When they are good, `image.info` names the partition that is signed, and either nobody can change the file any more,
/// or `signature.tree` is there, or `image.fd` is a copy of root's in the site's image cache.
/// What was found is used again on this node, for at most an hour, while file and keyring are the same.
/// Errors: what kept the check from being made (no room in the cache, no time, a broken keyring).
[[nodiscard]] Status verify_image(OpenedImage& image, const config::SitePolicy& policy, const JobContext& job);

}  // namespace berth
