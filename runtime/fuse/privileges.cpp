#include "runtime/fuse/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "runtime/base/io.hpp"

namespace berth::fuse {
namespace {

struct CapabilitySets {
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> word{};
};

Result<CapabilitySets> read_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    CapabilitySets sets;
    if (::syscall(SYS_capget, &header, sets.word.data()) != 0) return errno_error("capget");
    return sets;
}

Error not_dropped(const char* what) {
    return Error{Category::internal, EPERM, std::string("the drop of privileges did not take hold: ") + what};
}

// Without CAP_SETPCAP the set stays as it is; no_new_privs makes it worthless then.
Status empty_bounding_set() {
    BERTH_TRY(const auto sets, read_capabilities());
    if ((sets.word[CAP_SETPCAP / 32].effective & (1U << (CAP_SETPCAP % 32))) == 0) return {};
    for (unsigned long capability = 0;; ++capability) {
        const int present = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (present < 0) return {};  // EINVAL: beyond the kernel's last capability
        if (present == 0) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno_error("PR_CAPBSET_DROP");
        if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) return not_dropped("bounding set");
    }
}

Status become(const Identity& user) {
    if (::setgroups(0, nullptr) != 0) return errno_error("setgroups");
    if (::setresgid(user.gid, user.gid, user.gid) != 0) return errno_error("setresgid");
    if (::setresuid(user.uid, user.uid, user.uid) != 0) return errno_error("setresuid");

    uid_t uid = 0, euid = 0, suid = 0;
    gid_t gid = 0, egid = 0, sgid = 0;
    if (::getresuid(&uid, &euid, &suid) != 0 || uid != user.uid || euid != user.uid || suid != user.uid)
        return not_dropped("user ids");
    if (::getresgid(&gid, &egid, &sgid) != 0 || gid != user.gid || egid != user.gid || sgid != user.gid)
        return not_dropped("group ids");
    if (::getgroups(0, nullptr) != 0) return not_dropped("supplementary groups");
    return {};
}

Status empty_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const CapabilitySets none;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno_error("PR_CAP_AMBIENT");
    if (::syscall(SYS_capset, &header, none.word.data()) != 0) return errno_error("capset");

    BERTH_TRY(const auto sets, read_capabilities());
    for (const auto& word : sets.word)
        if (word.effective != 0 || word.permitted != 0 || word.inheritable != 0) return not_dropped("capabilities");
    for (unsigned long capability = 0;; ++capability) {
        const int present = ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0);
        if (present < 0) return {};
        if (present > 0) return not_dropped("ambient set");
    }
}

// In a user namespace uid 0 is nobody special; in the first one it owns the machine's files, capabilities or not.
Result<bool> is_machine_root() {
    if (::geteuid() != 0 && ::getuid() != 0) return false;
    BERTH_TRY(const auto map, read_file("/proc/self/uid_map", 4096));
    char* rest = nullptr;
    const unsigned long inside = std::strtoul(map.c_str(), &rest, 10);
    const unsigned long outside = std::strtoul(rest, &rest, 10);
    const unsigned long count = std::strtoul(rest, &rest, 10);  // 0 where the line is none
    return count == 0 || (inside == 0 && outside == 0 && count == UINT_MAX);
}

}  // namespace

Status give_up_privileges(const std::optional<Identity>& user) {
    if (!user) {
        BERTH_TRY(const bool root, is_machine_root());
        if (root) return Error{Category::denied, EPERM, "started as root: --user UID:GID is needed"};
    }
    BERTH_CHECK(empty_bounding_set());
    if (user) BERTH_CHECK(become(*user));
    BERTH_CHECK(empty_capabilities());

    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("PR_SET_NO_NEW_PRIVS");
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return not_dropped("no_new_privs");
    // After the ids: setresuid sets the flag anew.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_error("PR_SET_DUMPABLE");
    if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return not_dropped("dumpable");
    return {};
}

}  // namespace berth::fuse
