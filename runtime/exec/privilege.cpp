#include "runtime/exec/privilege.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/base/resource_limits.hpp"

namespace berth {
namespace {

constexpr int kLastCapabilityNumber = 63;  // two 32-bit words; the kernel says EINVAL past its own last

Status read_back(const Identity& identity, uid_t process) {
    uid_t ruid = 0, euid = 0, suid = 0;
    gid_t rgid = 0, egid = 0, sgid = 0;
    if (::getresuid(&ruid, &euid, &suid) != 0 || ::getresgid(&rgid, &egid, &sgid) != 0) return errno_error("getresuid");
    // setfsuid(2) tells of no failure: asked for an id that is none, it names the one in force.
    const bool same = ruid == process && euid == process && suid == process && ::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(identity.uid) &&
                      rgid == identity.gid && egid == identity.gid && sgid == identity.gid;
    if (!same) return Error{Category::internal, EPERM, "the process did not become the user"};
    std::vector<gid_t> now(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    if (::getgroups(static_cast<int>(now.size()), now.data()) != static_cast<int>(now.size())) return errno_error("getgroups");
    std::vector<gid_t> wanted = identity.groups;
    std::sort(now.begin(), now.end());
    std::sort(wanted.begin(), wanted.end());
    if (now != wanted) return Error{Category::internal, EPERM, "the process did not get the user's groups"};
    return {};
}

using CapabilityData = std::array<__user_cap_data_struct, 2>;

bool read_capabilities(CapabilityData& data) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capget, &header, data.data()) == 0;
}

/// The kernel's highest capability: it has none beyond.
CapabilitySet known_to_kernel() noexcept {
    CapabilitySet known = 0;
    for (int number = 0; number <= kLastCapabilityNumber && ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number)
        known |= capability_bit(number);
    return known;
}

/// Makes effective and permitted `kept`, inheritable `inheritable`, and reads that back.
int set_capabilities(CapabilitySet kept, CapabilitySet inheritable) noexcept {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
    const auto half = [](CapabilitySet set, unsigned word) { return static_cast<std::uint32_t>(set >> (32 * word)); };
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    CapabilityData wanted{};
    for (unsigned word = 0; word < 2; ++word) wanted[word] = {half(kept, word), half(kept, word), half(inheritable, word)};
    if (::syscall(SYS_capset, &header, wanted.data()) != 0) return errno;
    CapabilityData now{};
    if (!read_capabilities(now)) return errno;
    for (unsigned word = 0; word < 2; ++word)
        if (now[word].effective != wanted[word].effective || now[word].permitted != wanted[word].permitted ||
            now[word].inheritable != wanted[word].inheritable)
            return EPERM;
    return 0;
}

}  // namespace

Status become(const Identity& identity, std::optional<uid_t> guard) {
    const uid_t process = guard.value_or(identity.uid);
    // Order: groups need the privilege that the uid change gives up.
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) return errno_error("setgroups");
    if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return errno_error("setresgid");
    if (guard)
        if (const int failed = keep_permitted_capabilities(); failed != 0) return errno_error("PR_SET_KEEPCAPS", failed);
    if (::setresuid(process, process, process) != 0) return errno_error("setresuid");
    if (guard) {
        // setresuid has changed the file system id with the others; to set it alone needs CAP_SETUID once more.
        if (const int failed = set_capabilities(capability_bit(CAP_SETUID), 0); failed != 0) return errno_error("cannot keep CAP_SETUID", failed);
        ::setfsuid(identity.uid);
        if (const int failed = set_capabilities(0, 0); failed != 0) return errno_error("cannot drop capabilities", failed);
    }
    return read_back(identity, process);
}

Status become_other(std::optional<uid_t> uid, const std::vector<gid_t>& gids) {
    if (const int failed = keep_permitted_capabilities(); failed != 0) return errno_error("PR_SET_KEEPCAPS", failed);
    Identity wanted{uid.value_or(::geteuid()), ::getegid(), {}};
    if (!gids.empty()) {
        wanted.gid = gids.front();
        wanted.groups.assign(gids.begin() + 1, gids.end());
    } else {
        wanted.groups.resize(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
        if (::getgroups(static_cast<int>(wanted.groups.size()), wanted.groups.data()) < 0) return errno_error("getgroups");
    }
    return become(wanted);
}

int limit_bounding_set(CapabilitySet kept) noexcept {
    for (int capability = 0; capability <= kLastCapabilityNumber; ++capability) {
        const int has = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (has < 0) return 0;  // past the kernel's last capability: done
        if (has == 0 || (kept & capability_bit(capability)) != 0) continue;
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
        if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) return EPERM;
    }
    return 0;
}

int keep_permitted_capabilities() noexcept {
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
    return ::prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

int limit_capabilities(CapabilitySet kept) noexcept {
    if (kept != 0) kept &= known_to_kernel();
    // Root's exec takes what the bounding set leaves. Inheritable ones would stay with programs that root starts as others.
    if (::geteuid() == 0) return set_capabilities(kept, 0);
    if (const int failed = set_capabilities(kept, kept); failed != 0) return failed;
    for (int capability = 0; capability <= kLastCapabilityNumber; ++capability) {
        if ((kept & capability_bit(capability)) == 0) continue;
        if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return errno;
        if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) != 1) return EPERM;
    }
    return 0;
}

int drop_to_reader_capabilities(bool reads_as_root) noexcept {
    const CapabilitySet reader = reads_as_root ? capability_bit(CAP_DAC_READ_SEARCH) : 0;
    if (const int failed = set_capabilities(reader, 0); failed != EPERM || !reads_as_root) return failed;
    return set_capabilities(0, 0);  // a root that lacks it cannot keep it
}

Status limit_reader_resources() {
    BERTH_CHECK(limit_memory(std::uint64_t{256} << 20U));
    BERTH_CHECK(lower_limit(RLIMIT_CPU, 30, "RLIMIT_CPU"));
    BERTH_CHECK(lower_limit(RLIMIT_FSIZE, rlim_t{4} << 20U, "RLIMIT_FSIZE"));
    BERTH_CHECK(lower_limit(RLIMIT_NOFILE, 256, "RLIMIT_NOFILE"));
    BERTH_CHECK(lower_limit(RLIMIT_NPROC, 0, "RLIMIT_NPROC"));
    return lower_limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
}

CapabilitySet permitted_capabilities() noexcept {
    CapabilityData now{};
    if (!read_capabilities(now)) return 0;
    return now[0].permitted | CapabilitySet{now[1].permitted} << 32U;
}

bool may_administer_system() noexcept {
    CapabilityData now{};
    return read_capabilities(now) && (now[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

int set_no_new_privileges() noexcept {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

}  // namespace berth
