// Giving every privilege up, for good, and proving it.
#pragma once

#include <optional>

#include "runtime/base/result.hpp"
#include "runtime/fuse/options.hpp"

namespace berth::fuse {

/// Drops to `user` where one is given (no supplementary groups; real, effective, saved and filesystem ids), empties
/// the bounding set (where CAP_SETPCAP is held), ambient, inheritable, permitted and effective sets, sets no_new_privs
/// and clears the dumpable flag, so that no process of the same user can trace it. Reads every one of these back. To be
/// called while the process has one thread: capabilities belong to threads. Category::denied where the start is
/// refused: as the machine's root without a user. capabilities(7), prctl(2).
[[nodiscard]] Status give_up_privileges(const std::optional<Identity>& user);

}  // namespace berth::fuse
