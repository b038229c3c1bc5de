// The node itself, for berth doctor.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/node_features.hpp"
#include "tools/doctor.hpp"

namespace berth::tools {
namespace {

constexpr uid_t kNobody = 65534;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string first_line(const std::string& path) {
    const auto text = read_file(path, 1U << 16);
    return text ? std::string(trim(split(*text, '\n').front())) : "";
}

Finding kernel() {
    utsname name{};
    ::uname(&name);
    const auto missing = missing_system_calls();
    if (missing.empty()) return {Health::ok, "kernel", name.release, ""};
    return {Health::fail, "kernel", fmt::format("{} has no {}", name.release, fmt::join(missing, ", ")),
            "use Linux 5.12 or later; in a container, allow these system calls"};
}

/// Modules are loaded when they are first asked for, by root.
bool may_be_loaded(const std::string& file_system) {
    utsname name{};
    ::uname(&name);
    const auto modules = read_file(std::string("/lib/modules/") + name.release + "/modules.dep", 16U << 20);
    return modules && modules->find("/" + file_system + ".ko") != std::string::npos;
}

Finding file_system(const std::string& name, Health without, const std::string& remedy) {
    const auto known = read_file("/proc/filesystems", 1U << 16);
    const std::string subject = "file system " + name;
    if (known && known->find("\t" + name + "\n") != std::string::npos) return {Health::ok, subject, "in the kernel", ""};
    if (may_be_loaded(name)) return {Health::ok, subject, "a module that is loaded when it is needed", ""};
    return {without, subject, "the kernel does not have it", remedy};
}

Finding user_namespaces() {
    const uid_t uid = ::geteuid() == 0 ? kNobody : ::geteuid();
    const gid_t gid = ::geteuid() == 0 ? kNobody : ::getegid();
    if (const auto made = try_user_namespace(uid, gid); !made)
        return {Health::warn, "user namespaces", "a user cannot make them: `berth exec` without privilege does not work; steps under Slurm do",
                "sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns"};
    return {Health::ok, "user namespaces", "users can make them", ""};
}

Finding fuse_device() {
    struct stat st {};
    if (::stat("/dev/fuse", &st) != 0)
        return {Health::fail, "/dev/fuse", "is not there: images that root does not control cannot be mounted", "modprobe fuse"};
    const unsigned mode = st.st_mode & 0777U;
    if ((mode & 0006U) != 0006U)
        return {Health::warn, "/dev/fuse", fmt::format("mode {:04o}: only root can mount images by FUSE", mode), "chmod 0666 /dev/fuse (its usual mode), for `berth exec` without privilege"};
    return {Health::ok, "/dev/fuse", "users can open it", ""};
}

Finding loop_devices() {
    if (!exists("/dev/loop-control"))
        return {Health::warn, "loop devices", "none: the kernel's squashfs is not used, FUSE is", "modprobe loop"};
    return {Health::ok, "loop devices", "/dev/loop-control is there", ""};
}

Finding cgroups() {
    struct statfs fs {};
    if (::statfs("/sys/fs/cgroup", &fs) != 0) return {Health::warn, "cgroups", "/sys/fs/cgroup is not mounted", "mount it, for Slurm's limits"};
    const bool unified = fs.f_type == CGROUP2_SUPER_MAGIC;
    const std::string controllers = unified ? first_line("/sys/fs/cgroup/cgroup.controllers") : "";
    return {Health::ok, "cgroups", unified ? "version 2: " + controllers : "version 1", ""};
}

Finding security_modules() {
    const std::string list = first_line("/sys/kernel/security/lsm");
    return {Health::ok, "security modules", list.empty() ? "not shown (securityfs is not mounted)" : list, ""};
}

Finding gpus() {
    std::vector<std::string> found;
    if (exists("/proc/driver/nvidia/version")) found.push_back("NVIDIA: " + printable(first_line("/proc/driver/nvidia/version")));
    if (exists("/dev/kfd")) found.emplace_back("AMD (/dev/kfd)");
    if (found.empty()) return {Health::ok, "GPUs", "none", ""};
    return {Health::ok, "GPUs", fmt::format("{}", fmt::join(found, "; ")), ""};
}

Finding program(const std::string& path, Health without, const std::string& meaning, const std::string& remedy) {
    if (::access(path.c_str(), X_OK) == 0) return {Health::ok, path, meaning, ""};
    return {without, path, "is not there: " + meaning, remedy};
}

/// Root starts these: whoever can write to them or above them is root.
Finding own_program(const std::string& name) {
    const std::string path = install_paths().libexec + "/" + name;
    if (!exists(path)) return {Health::fail, path, "is not there", "install Berth again: cmake --install"};
    if (const auto trusted = config::open_trusted(path); !trusted) return {Health::fail, path, trusted.error().message, "see the message"};
    return {Health::ok, path, "root's alone", ""};
}

Finding account(const config::SiteConfig& site) {
    const auto found = image_server_account(site);
    if (!found) return {Health::fail, "image server user", found.error().message, "see the message"};
    return {Health::ok, "image server user", fmt::format("{}, uid {}", site.image_server_user.value, found->first), ""};
}

Finding keyring(const config::SiteConfig& site) {
    const auto keys = config::read_site_keyring();
    const std::string path = config::site_keyring_path();
    if (!keys) return {Health::fail, "site keyring", keys.error().message, "see the message"};
    if (!keys->empty()) return {Health::ok, "site keyring", fmt::format("{}, {} bytes", path, keys->size()), ""};
    if (!site.require_signature.value) return {Health::ok, "site keyring", "none, and signatures are not required", ""};
    return {Health::fail, "site keyring", path + " is empty or not there, and signatures are required: no image runs",
            "berth key import --global FILE, as root"};
}

Finding image_cache(const config::SiteConfig& site) {
    const std::string& folder = site.image_cache.value;
    const std::string above = std::filesystem::path(folder).parent_path().string();
    if (exists(folder) || exists(above)) return {Health::ok, "image cache", folder + (exists(folder) ? "" : ", made when it is needed"), ""};
    return {Health::warn, "image cache", above + " does not exist: signed images without a hash tree cannot be run", "mkdir " + above + ", or set `image cache`"};
}

}  // namespace

std::vector<Finding> examine_node(const std::string& berth_conf) {
    std::vector<Finding> findings = {
        kernel(), file_system("overlay", Health::fail, "modprobe overlay: mount points are made with it"),
        file_system("squashfs", Health::warn, "modprobe squashfs; without it every image is served by FUSE"),
        file_system("fuse", Health::fail, "modprobe fuse"), user_namespaces(), fuse_device(), loop_devices(), cgroups(), security_modules(), gpus()};
    for (const char* name : {"berth-step", "berth-fuse", "berth-verify", "berth-trust", "berth-image"}) findings.push_back(own_program(name));
    findings.push_back(program("/usr/bin/gpg", Health::warn, "OpenPGP signatures are checked with it", "install the package gnupg or gpg"));
    findings.push_back(program("/usr/bin/mksquashfs", Health::warn, "berth build packs with it", "install the package squashfs-tools"));
    const auto site = config::load(berth_conf);
    if (!site) {
        findings.push_back({Health::fail, "berth.conf", site.error().message, "berth config check lists all that is wrong with it"});
        return findings;
    }
    findings.push_back({Health::ok, "berth.conf", berth_conf, ""});
    findings.push_back(account(*site));
    findings.push_back(keyring(*site));
    findings.push_back(image_cache(*site));
    return findings;
}

}  // namespace berth::tools
