// What a new image is given besides its content.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "runtime/base/result.hpp"

namespace berth::tools {

/// SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), where it is set.
/// Category::usage when it is no number of seconds.
[[nodiscard]] Result<std::optional<std::uint32_t>> source_date_epoch();

/// That, or now: seconds since 1970. For what is added to an image, too.
[[nodiscard]] Result<std::int64_t> image_time();

/// 0755 less the umask: the launch line makes an image executable.
[[nodiscard]] mode_t image_mode() noexcept;

}  // namespace berth::tools
