// A container as an OCI bundle, for one hook to look at.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/exec/hook.hpp"

namespace berth {

/// Where the bundle is, for the hook alone: a folder of this installation's, empty for everybody else.
[[nodiscard]] std::string hook_bundle_path();

/// What the hook reads from stdin.
[[nodiscard]] std::string hook_state(const effect::RunHook& hook, const HookCaller& caller);

/// Mounts config.json and, at rootfs, the detached mount `root`. In a mount namespace that goes with the hook. CAP_SYS_ADMIN.
[[nodiscard]] Status mount_hook_bundle(const HookCaller& caller, int root);

/// Takes away what the container's namespace, before its pivot_root(2), has mounted over the host's "/": no path from the root
/// leads there, but every ".." that reaches it does. Category::internal when "/.." still is another place than "/".
[[nodiscard]] Status uncover_host_root();

}  // namespace berth
