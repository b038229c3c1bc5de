// How filters travel between Berth's processes: compiled by one, installed by another.
#pragma once

#include <optional>

#include "runtime/base/wire.hpp"
#include "runtime/exec/seccomp_filter.hpp"

namespace berth {

/// Program and flags, which is what gets installed; the names that were skipped stay behind.
void pack(Packer& packer, const SeccompFilter& filter);

/// Nothing where that is no program of a length that the kernel takes. What the program does is not looked at: the kernel
/// checks that it is safe to run, and it holds only for the command of whoever asked for it.
[[nodiscard]] std::optional<SeccompFilter> unpack_filter(Unpacker& unpacker);

void pack(Packer& packer, const SeccompTarget& target);
[[nodiscard]] SeccompTarget unpack_target(Unpacker& unpacker);

}  // namespace berth
