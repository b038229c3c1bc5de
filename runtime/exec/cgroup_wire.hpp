// Limits of control groups in messages between Berth's own processes (base/wire.hpp).
#pragma once

#include <optional>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/wire.hpp"

namespace berth {

void pack(Packer& packer, const CgroupLimits& limits);

/// Nothing where the message does not hold such limits. Its lists are bounded and its texts have no control characters; whether a
/// value can be meant is not looked at: what writes it to the kernel must.
[[nodiscard]] std::optional<CgroupLimits> unpack_limits(Unpacker& unpacker);

}  // namespace berth
