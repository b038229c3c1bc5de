// Decided limits in messages between Berth's own processes (base/wire.hpp).
#pragma once

#include <optional>
#include <vector>

#include "runtime/base/wire.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

void pack(Packer& packer, const std::vector<DecidedLimit>& limits);

/// Nothing where the message does not hold any.
[[nodiscard]] std::optional<std::vector<DecidedLimit>> unpack_decided_limits(Unpacker& unpacker);

}  // namespace berth
