#include "runtime/exec/node_features.hpp"

#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "runtime/base/child.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/namespaces.hpp"
#include "runtime/exec/privilege.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kTime{10};
constexpr int kNothing = -1;  // a descriptor that cannot be

}  // namespace

std::vector<std::string> missing_system_calls() {
    // Each is called in a way that fails; only how it fails is of interest.
    constexpr std::array<std::pair<const char*, long>, 9> kCalls = {{{"open_tree", SYS_open_tree},
                                                                     {"move_mount", SYS_move_mount},
                                                                     {"fsopen", SYS_fsopen},
                                                                     {"fsconfig", SYS_fsconfig},
                                                                     {"fsmount", SYS_fsmount},
                                                                     {"mount_setattr", SYS_mount_setattr},
                                                                     {"openat2", SYS_openat2},
                                                                     {"pidfd_open", SYS_pidfd_open},
                                                                     {"close_range", SYS_close_range}}};
    std::vector<std::string> missing;
    for (const auto& [name, number] : kCalls)
        if (::syscall(number, kNothing, nullptr, kNothing, nullptr, 0) < 0 && errno == ENOSYS) missing.emplace_back(name);
    return missing;
}

std::string libseccomp_version() {
    const scmp_version* const version = ::seccomp_version();
    if (version == nullptr) return "unknown";
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->micro) + ", API level " +
           std::to_string(::seccomp_api_get());
}

Status try_user_namespace(uid_t uid, gid_t gid) {
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(auto child, Child::fork([&] {
                  Status made = ::geteuid() == 0 ? become({uid, gid, {}}) : Status();
                  // Who became another user may not write to his own /proc files until he says that he is no secret.
                  ::prctl(PR_SET_DUMPABLE, 1);
                  if (made) made = make_namespaces({true, uid, gid, true});
                  static_cast<void>(send_message(sockets.second.get(), made ? "ok" : made.error().message));
                  return 0;
              }));
    sockets.second.reset();
    BERTH_TRY(const auto answer, receive_message(sockets.first.get(), kTime));
    static_cast<void>(child.wait(kTime));
    if (answer.data == "ok") return {};
    return Error{Category::unsupported, 0, answer.data};
}

}  // namespace berth
