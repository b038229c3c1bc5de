#include "runtime/exec/privilege.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace berth {
namespace {

constexpr int kLastCapabilityNumber = 63;  // two 32-bit words; the kernel says EINVAL past its own last

Status read_back(const Identity& identity, uid_t real) {
    uid_t ruid = 0, euid = 0, suid = 0;
    gid_t rgid = 0, egid = 0, sgid = 0;
    if (::getresuid(&ruid, &euid, &suid) != 0 || ::getresgid(&rgid, &egid, &sgid) != 0) return errno_error("getresuid");
    const bool same = ruid == real && euid == identity.uid && suid == real && rgid == identity.gid &&
                      egid == identity.gid && sgid == identity.gid;
    if (!same) return Error{Category::internal, EPERM, "the process did not become the user"};
    std::vector<gid_t> now(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    if (::getgroups(static_cast<int>(now.size()), now.data()) != static_cast<int>(now.size())) return errno_error("getgroups");
    std::vector<gid_t> wanted = identity.groups;
    std::sort(now.begin(), now.end());
    std::sort(wanted.begin(), wanted.end());
    if (now != wanted) return Error{Category::internal, EPERM, "the process did not get the user's groups"};
    return {};
}

/// Leaves only `kept` (of the first 32 capabilities) effective and permitted, and reads that back.
int keep_capabilities(std::uint32_t kept) noexcept {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> wanted{};
    wanted[0].effective = wanted[0].permitted = kept;
    if (::syscall(SYS_capset, &header, wanted.data()) != 0) return errno;
    std::array<__user_cap_data_struct, 2> now{};
    header = {_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capget, &header, now.data()) != 0) return errno;
    const bool as_wanted = now[0].effective == kept && now[0].permitted == kept && now[0].inheritable == 0 &&
                           (now[1].effective | now[1].permitted | now[1].inheritable) == 0;
    return as_wanted ? 0 : EPERM;
}

}  // namespace

Status become(const Identity& identity, std::optional<uid_t> guard) {
    const uid_t real = guard.value_or(identity.uid);
    // Order: groups need the privilege that the uid change gives up.
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) return errno_error("setgroups");
    if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return errno_error("setresgid");
    if (::setresuid(real, identity.uid, real) != 0) return errno_error("setresuid");
    return read_back(identity, real);
}

int drop_bounding_set() noexcept {
    for (int capability = 0; capability <= kLastCapabilityNumber; ++capability) {
        const int has = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (has < 0) return 0;  // past the kernel's last capability: done
        if (has == 0) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
        if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) return EPERM;
    }
    return 0;
}

int drop_capabilities() noexcept { return keep_capabilities(0); }

int drop_to_reader_capabilities(bool reads_as_root) noexcept {
    if (const int failed = keep_capabilities(reads_as_root ? 1U << CAP_DAC_READ_SEARCH : 0); failed != EPERM || !reads_as_root) return failed;
    return keep_capabilities(0);  // a root that lacks it cannot keep it
}

bool may_administer_system() noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> now{};
    return ::syscall(SYS_capget, &header, now.data()) == 0 && (now[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

int set_no_new_privileges() noexcept {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

}  // namespace berth
