// Programs that the site lets CDI specifications have run before a container begins.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/step_devices.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {

struct HookCaller {
    std::optional<Identity> identity;      ///< whom root becomes; nothing: this process is the caller already
    const StepDevices* devices = nullptr;  ///< a step's: where its devices are; borrowed
    pid_t daemon = 0;                      ///< a step's slurmstepd, in whose control groups the program runs; 0: no step
    std::string container;                 ///< the container's id, for the program to hear
};

/// Runs the program and waits for it, at most its limit: as the caller, without capabilities and with no_new_privs, with
/// process ids of its own, so that what it starts ends with it (but for what waits in the kernel for a file system), and with
/// the host's files: what this namespace has mounted over "/" is taken away for it. The container, whose root is `root`
/// (O_PATH, with what is mounted in it), is an OCI bundle to it, with a short config.json; the container's state is its
/// stdin. Its environment is what the specification says and no more.
/// The caller may trace and stop it, and decide its answer: it is his process, no guard of the site's.
/// That only root can have written the program is looked at again where root runs it; else the caller must have: see
/// open_trusted().
/// \return Category::system, with the last of what it printed, when it fails, is too slow or cannot be run.
/// Needs CAP_SYS_ADMIN over this mount namespace, and with an identity root's. Only for processes of one thread.
/// Source: OCI runtime specification 1.2, config.md "POSIX-platform Hooks", runtime.md "State".
[[nodiscard]] Status run_hook(const effect::RunHook& hook, const HookCaller& caller, int root);

}  // namespace berth
