#include "runtime/exec/security_label.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxLabel = 4096;
constexpr ino_t kProcRoot = 1;

/// The root of a procfs, not a folder within one.
Result<UniqueFd> open_procfs() {
    BERTH_TRY(UniqueFd proc, open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
    struct statfs fs {};
    struct stat st {};
    if (::fstatfs(proc.get(), &fs) != 0 || ::fstat(proc.get(), &st) != 0) return errno_error("/proc");
    if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != kProcRoot)
        return Error{Category::unsupported, 0, "/proc is not a proc file system: labels of security modules cannot be set"};
    return proc;
}

Result<UniqueFd> open_own(int proc, const std::string& path) {
    open_how how{};
    how.flags = O_RDWR | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
    const long fd = ::syscall(SYS_openat2, proc, path.c_str(), &how, sizeof how);
    if (fd < 0 && errno == EXDEV)
        return Error{Category::usage, EXDEV, "/proc/" + path + ": something is mounted over it, and no label is set through that: leave that bind out"};
    if (fd < 0) return errno_error("/proc/" + path, errno, Category::unsupported);
    return UniqueFd(static_cast<int>(fd));
}

}  // namespace

std::vector<SecurityModule> active_security_modules() {
    std::vector<SecurityModule> active;
    const auto enabled = read_file("/sys/module/apparmor/parameters/enabled", kMaxLabel);
    if (enabled && enabled->starts_with('Y')) active.push_back(SecurityModule::apparmor);
    if (::access("/sys/fs/selinux/enforce", F_OK) == 0) active.push_back(SecurityModule::selinux);
    return active;
}

Result<UniqueFd> open_label(SecurityModule module) {
    BERTH_TRY(const UniqueFd proc, open_procfs());
    if (module == SecurityModule::selinux) return open_own(proc.get(), "self/attr/exec");
    // Of AppArmor's own (5.8); the other belongs to the first module that wants it.
    auto own = open_own(proc.get(), "self/attr/apparmor/exec");
    return own || own.error().number != ENOENT ? std::move(own) : open_own(proc.get(), "self/attr/exec");
}

Status set_label(int fd, SecurityModule module, const std::string& label) {
    const std::string what = std::string(to_string(module)) + " label '" + printable(label) + "'";
    const std::string written = (module == SecurityModule::apparmor ? "exec " : "") + label;
    if (const ssize_t n = ::pwrite(fd, written.data(), written.size(), 0); n != static_cast<ssize_t>(written.size())) {
        const int failed = n < 0 ? errno : EIO;
        const bool unknown = failed == ENOENT || failed == EINVAL;
        return errno_error(what + (unknown ? " is not known on this node" : " cannot be set"), failed,
                           unknown ? Category::usage : Category::system);
    }
    std::string now(kMaxLabel, '\0');
    const ssize_t n = ::pread(fd, now.data(), now.size(), 0);
    if (n < 0) return errno_error(what + " cannot be read back");
    now.resize(static_cast<std::size_t>(n));
    // "PROFILE (MODE)" of AppArmor, "CONTEXT\0" of SELinux.
    while (!now.empty() && (now.back() == '\0' || now.back() == '\n')) now.pop_back();
    const bool taken = now == label || (module == SecurityModule::apparmor && now.starts_with(label + " ("));
    if (!taken) return Error{Category::system, EPERM, what + " was not taken: the kernel names '" + printable(now) + "'"};
    return {};
}

}  // namespace berth
