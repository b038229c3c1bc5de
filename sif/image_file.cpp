#include "sif/image_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

namespace berth::sif {
namespace {

constexpr const char* kAcl = "system.posix_acl_access";  // acl(5), as the kernel stores it
constexpr std::size_t kMaxAcl = 65536;                   // XATTR_SIZE_MAX

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

bool has_name(int fd, int folder, const std::string& name) {
    struct stat file {};
    struct stat named {};
    return ::fstat(fd, &file) == 0 && ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           same_file(file, named);
}

Result<UniqueFd> open_locked(int folder, const std::string& name, const std::string& path,
                             std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        // O_NONBLOCK: a FIFO must be refused, not waited for.
        UniqueFd fd(::openat(folder, name.c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
        if (!fd) return errno_error(path);
        const bool locked = ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
        if (!locked && errno != EWOULDBLOCK && errno != EINTR) return errno_error(path + ": cannot lock it");
        if (locked && has_name(fd.get(), folder, name)) return fd;
        if (std::chrono::steady_clock::now() >= deadline)
            return Error{Category::system, EWOULDBLOCK,
                         fmt::format("{}: another program holds a lock on it for more than {} s; try again when it has "
                                     "ended",
                                     path, limit.count())};
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

Status keep_access(int from, int to, const struct stat& before, const std::string& name) {
    struct stat now {};
    if (::fstat(to, &now) != 0) return errno_error(name);
    const bool owner_differs = now.st_uid != before.st_uid || now.st_gid != before.st_gid;
    if (owner_differs && ::fchown(to, before.st_uid, before.st_gid) != 0)
        return errno_error(name + ": the image must be written anew, and only its owner can do that");
    std::string acl(kMaxAcl, '\0');
    const ssize_t size = ::fgetxattr(from, kAcl, acl.data(), acl.size());
    if (size < 0) return errno == ENODATA || errno == ENOTSUP ? Status{} : Status{errno_error(name)};
    if (::fsetxattr(to, kAcl, acl.data(), static_cast<std::size_t>(size), 0) != 0)
        return errno_error(name + ": cannot keep its ACL");
    return {};
}

}  // namespace berth::sif
