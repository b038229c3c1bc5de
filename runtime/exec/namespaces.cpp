#include "runtime/exec/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "runtime/base/io.hpp"

namespace berth {
namespace {

Status set_propagation(bool slave) {
    if (::mount(nullptr, "/", nullptr, MS_REC | (slave ? MS_SLAVE : MS_PRIVATE), nullptr) != 0)
        return errno_error("cannot set the mounts' propagation");
    return {};
}

Status write_proc(const char* path, const std::string& text) {
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_WRONLY));
    return write_all(fd.get(), text, path);
}

Error no_user_namespace(int number) {
    return errno_error("cannot make a user namespace, which containers without privilege need: an administrator can allow it "
                       "(user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's userns restriction), or run the "
                       "step under Slurm",
                       number, Category::unsupported);
}

}  // namespace

Status make_namespaces(const effect::NewNamespaces& wanted) {
    if (::unshare(CLONE_NEWNS | (wanted.user ? CLONE_NEWUSER : 0)) != 0) {
        if (wanted.user) return no_user_namespace(errno);
        return errno_error("cannot make a mount namespace");
    }
    if (wanted.user) {
        const auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
        BERTH_CHECK(write_proc("/proc/self/setgroups", "deny"));
        BERTH_CHECK(write_proc("/proc/self/uid_map", map(wanted.uid)));
        BERTH_CHECK(write_proc("/proc/self/gid_map", map(wanted.gid)));
    }
    return set_propagation(wanted.slave);
}

Status make_checkers_namespaces() {
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID) != 0) return errno_error("cannot make namespaces");
    BERTH_CHECK(set_propagation(false));
    if (::mount("berth", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=1777") != 0) return errno_error("/tmp");
    return {};
}

Result<UniqueFd> make_mount_namespace() {
    BERTH_TRY(const UniqueFd host, open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY));
    if (::unshare(CLONE_NEWNS) != 0) return errno_error("cannot make a mount namespace");
    auto ours = open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY);
    if (::setns(host.get(), CLONE_NEWNS) != 0) return errno_error("cannot return to the host's mount namespace");
    return ours;
}

Status join_mount_namespace(int ns, bool slave) {
    if (::setns(ns, CLONE_NEWNS) != 0) return errno_error("cannot join the mount namespace");
    return set_propagation(slave);
}

}  // namespace berth
