// The kernel and its devices, for berth doctor.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/node_features.hpp"
#include "tools/doctor_checks.hpp"

namespace berth::tools {
namespace {

constexpr uid_t kNobody = 65534;
constexpr const char* kRestriction = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// Modules are loaded when they are first asked for, by root.
bool may_be_loaded(const std::string& file_system) {
    utsname name{};
    ::uname(&name);
    const auto modules = read_file(std::string("/lib/modules/") + name.release + "/modules.dep", 16U << 20);
    return modules && modules->find("/" + file_system + ".ko") != std::string::npos;
}

Finding file_system(const Surroundings& node, const std::string& name, Health without, const std::string& remedy) {
    const std::string subject = "file system " + name;
    if (text_of(node, "/proc/filesystems").find("\t" + name + "\n") != std::string::npos) return {Health::ok, subject, "in the kernel", ""};
    if (may_be_loaded(name)) return {Health::ok, subject, "a module that is loaded when it is needed", ""};
    return {without, subject, "the kernel does not have it", remedy};
}

/// Which of the settings known to forbid user namespaces does.
std::string userns_remedy(const Surroundings& node) {
    if (first_line(node, "/proc/sys/user/max_user_namespaces") == "0") return "sysctl user.max_user_namespaces=15000 (it is 0)";
    if (first_line(node, "/proc/sys/kernel/unprivileged_userns_clone") == "0") return "sysctl kernel.unprivileged_userns_clone=1 (it is 0)";
    if (first_line(node, kRestriction) == "1")
        return "give bin/berth an AppArmor profile with the rule `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0 (it is 1)";
    return "no setting known here forbids them: look at what confines this process (a container's filter, a security module's policy)";
}

std::vector<Finding> apparmor(const Surroundings& node) {
    if (first_line(node, "/sys/module/apparmor/parameters/enabled") != "Y") return {};
    if (first_line(node, kRestriction) != "1") return {{Health::ok, "AppArmor", "enabled", ""}};
    return {{Health::warn, "AppArmor", "enabled, and restricts user namespaces of users: `berth exec` without privilege needs a profile; steps under Slurm do not",
             "give bin/berth a profile with the rule `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"}};
}

std::vector<Finding> selinux(const Surroundings& node) {
    const std::string mode = first_line(node, "/sys/fs/selinux/enforce");
    if (mode.empty()) return {};
    return {{Health::ok, "SELinux", mode == "1" ? "enforcing" : "permissive", ""}};
}

}  // namespace

std::vector<Finding> examine_kernel(const Surroundings&) {
    utsname name{};
    ::uname(&name);
    const auto missing = missing_system_calls();
    if (missing.empty()) return {{Health::ok, "kernel", name.release, ""}};
    return {{Health::fail, "kernel", fmt::format("{} has no {}", name.release, fmt::join(missing, ", ")),
             "use Linux 5.12 or later; in a container, allow these system calls"}};
}

std::vector<Finding> examine_file_systems(const Surroundings& node) {
    return {file_system(node, "overlay", Health::fail, "modprobe overlay: mount points are made with it"),
            file_system(node, "squashfs", Health::warn, "modprobe squashfs; without it every image is served by FUSE"),
            file_system(node, "fuse", Health::fail, "modprobe fuse")};
}

std::vector<Finding> examine_seccomp(const Surroundings& node) {
    const Finding library{Health::ok, "libseccomp", libseccomp_version(), ""};
    const auto actions = words_of(text_of(node, "/proc/sys/kernel/seccomp/actions_avail"));
    if (actions.empty())
        return {{Health::fail, "seccomp", "the kernel shows none: what reads users' images cannot be confined",
                 "use a kernel with CONFIG_SECCOMP_FILTER; in a container, mount a /proc with its sysctls"}, library};
    std::vector<std::string> missing;
    for (const char* needed : {"kill_process", "errno", "log", "allow"})
        if (std::ranges::count(actions, needed) == 0) missing.emplace_back(needed);
    if (missing.empty()) return {{Health::ok, "seccomp", fmt::format("{}", fmt::join(actions, " ")), ""}, library};
    return {{Health::fail, "seccomp", fmt::format("filters have no action {}", fmt::join(missing, ", ")), "use Linux 4.14 or later"}, library};
}

std::vector<Finding> examine_user_namespaces(const Surroundings& node) {
    const uid_t uid = ::geteuid() == 0 ? kNobody : ::geteuid();
    const gid_t gid = ::geteuid() == 0 ? kNobody : ::getegid();
    const auto made = try_user_namespace(uid, gid);
    if (made) return {{Health::ok, "user namespaces", "users can make them", ""}};
    return {{Health::warn, "user namespaces",
             "a user cannot make them (" + made.error().message + "): `berth exec` without privilege does not work; steps under Slurm do",
             userns_remedy(node)}};
}

std::vector<Finding> examine_fuse_device(const Surroundings& node) {
    struct stat st {};
    if (::stat((node.root + "/dev/fuse").c_str(), &st) != 0)
        return {{Health::fail, "/dev/fuse", "is not there: images that root does not control cannot be mounted", "modprobe fuse"}};
    const unsigned mode = st.st_mode & 0777U;
    if ((mode & 0006U) != 0006U)
        return {{Health::warn, "/dev/fuse", fmt::format("mode {:04o}: only root can mount images by FUSE", mode),
                 "chmod 0666 /dev/fuse (its usual mode), for `berth exec` without privilege"}};
    return {{Health::ok, "/dev/fuse", "users can open it", ""}};
}

std::vector<Finding> examine_loop_devices(const Surroundings& node) {
    if (!exists(node, "/dev/loop-control"))
        return {{Health::warn, "loop devices", "none: the kernel's squashfs is not used, FUSE is", "modprobe loop"}};
    return {{Health::ok, "loop devices", "/dev/loop-control is there", ""}};
}

std::vector<Finding> examine_security_modules(const Surroundings& node) {
    const std::string list = first_line(node, "/sys/kernel/security/lsm");
    std::vector<Finding> findings{{Health::ok, "security modules", list.empty() ? "not shown (securityfs is not mounted)" : list, ""}};
    for (auto& finding : apparmor(node)) findings.push_back(std::move(finding));
    for (auto& finding : selinux(node)) findings.push_back(std::move(finding));
    return findings;
}

}  // namespace berth::tools
