// Programs that the site lets CDI specifications have run before a container begins.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/step_devices.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {

struct HookCaller {
    std::optional<Identity> identity;      ///< whom root becomes; nothing: this process is the caller already
    const StepDevices* devices = nullptr;  ///< where the step's devices are; borrowed
    std::string container;                 ///< the container's id, for the program to hear
};

/// Runs the program and waits for it, at most its limit: as the caller, without capabilities and with no_new_privs, in a
/// mount namespace and with process ids of its own, so that nothing of it is left. It sees the host's files, and the
/// container, whose root is `root` (O_PATH, with what is mounted in it), as an OCI bundle with a short config.json; the
/// container's state is its stdin. Its environment is what the specification says and no more.
/// Whether only root can have written the program is the caller's to look at before: see open_trusted().
/// \return Category::system, with the last of what it printed, when it fails, is too slow or cannot be run.
/// Needs CAP_SYS_ADMIN over this mount namespace, and with an identity root's. Only for processes of one thread.
/// Source: OCI runtime specification 1.2, config.md "POSIX-platform Hooks", runtime.md "State".
[[nodiscard]] Status run_hook(const effect::RunHook& hook, const HookCaller& caller, int root);

}  // namespace berth
