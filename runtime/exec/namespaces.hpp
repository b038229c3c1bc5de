#pragma once

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {

/// Moves this process (of one thread) into new namespaces as the effect says: a mount namespace whose mounts pass
/// nothing back to the host, and for callers without privilege a user namespace that maps their own ids alone.
[[nodiscard]] Status make_namespaces(const effect::NewNamespaces& wanted);

/// A fresh mount namespace, a copy of this process's, without entering it for good: the descriptor keeps it.
/// CAP_SYS_ADMIN and CAP_SYS_CHROOT.
[[nodiscard]] Result<UniqueFd> make_mount_namespace();

/// Joins a prepared mount namespace (its root becomes "/") and sets its propagation.
[[nodiscard]] Status join_mount_namespace(int ns, bool slave);

/// For a process that reads what a stranger signed: mounts of its own, where /tmp is an empty memory file system that goes
/// with them, no network, no IPC with others, and, for the children that it has from now on, process ids of their own, so
/// that none outlives the first. CAP_SYS_ADMIN.
[[nodiscard]] Status make_checkers_namespaces();

}  // namespace berth
