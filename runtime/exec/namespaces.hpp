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

/// A mount namespace of this process' own, in which /tmp is an empty memory file system that goes with it.
/// CAP_SYS_ADMIN.
[[nodiscard]] Status make_private_tmp();

}  // namespace berth
