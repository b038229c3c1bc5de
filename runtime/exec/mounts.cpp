#include "runtime/exec/mounts.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

/// Whose rights open_beneath() uses; nothing: the process's own.
std::optional<std::pair<uid_t, gid_t>> looks_as;

Result<UniqueFd> resolve(int root, const std::string& path, std::uint64_t flags) {
    const AsLooker looker;
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something was renamed meanwhile and the kernel cannot vouch for the walk.
    for (int tries = 0; tries < 128; ++tries) {
        UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
        if (fd) return fd;
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return errno_error(printable(path) + " in the container");
}

/// What the kernel wrote into a file system context about its refusal ("e …" lines).
std::string kernel_words(int context) {
    std::string words;
    std::array<char, 512> line{};
    for (int i = 0; i < 8; ++i) {
        const ssize_t n = ::read(context, line.data(), line.size());
        if (n <= 0) break;
        words += (words.empty() ? " (" : "; ") + printable(trim(std::string_view(line.data(), static_cast<std::size_t>(n))));
    }
    return words.empty() ? words : words + ")";
}

/// For a mount and all that is mounted beneath it.
Status set_attributes(int mount, std::uint64_t set, const std::string& what) {
    mount_attr attributes{};
    attributes.attr_set = set;
    if (::mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
        return errno_error("cannot restrict the mount of " + printable(what));
    return {};
}

}  // namespace

AsLooker::AsLooker() {
    if (!looks_as) return;
    ::setfsgid(looks_as->second);
    ::setfsuid(looks_as->first);
}

AsLooker::~AsLooker() {
    if (!looks_as) return;
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
}

Status look_beneath_as(const Identity& identity) {
    if (::setgroups(identity.groups.size(), identity.groups.data()) != 0) return errno_error("setgroups");
    looks_as = {identity.uid, identity.gid};
    // setfsuid(2) tells of no failure: asked for an id that is none, it names the one in force.
    const AsLooker looker;
    if (::setfsuid(static_cast<uid_t>(-1)) != static_cast<int>(identity.uid) ||
        ::setfsgid(static_cast<gid_t>(-1)) != static_cast<int>(identity.gid))
        return Error{Category::internal, EPERM, "the user's file system ids did not take hold"};
    return {};
}

Result<UniqueFd> open_beneath(int root, const std::string& path, Beneath kind) {
    return resolve(root, path, O_PATH | (kind == Beneath::directory ? O_DIRECTORY : 0U));
}

Result<UniqueFd> open_without_magic(const std::string& path, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.resolve = RESOLVE_NO_MAGICLINKS;
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    if (!fd) return errno_error(printable(path, 512));
    return fd;
}

Result<UniqueFd> open_file_beneath(int root, const std::string& path) {
    // O_NONBLOCK: a fifo of that name must not stop us; the caller checks what it got.
    return resolve(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

Result<UniqueFd> clone_mount(int fd, const std::string& what) {
    UniqueFd mount(::open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
    if (!mount) return errno_error("cannot copy the mount of " + printable(what));
    mount_attr attributes{};
    attributes.propagation = MS_SLAVE;
    if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
        return errno_error("cannot take the mount of " + printable(what) + " out of its peer group");
    return mount;
}

Status refuse_programs(int mount, const std::string& what) { return set_attributes(mount, MOUNT_ATTR_NOEXEC, what); }

Status refuse_links(int mount, const std::string& what) { return set_attributes(mount, MOUNT_ATTR_NOSYMFOLLOW, what); }

Status restrict_mount(int mount, Access access, DeviceNodes devices, const std::string& what) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_NOSUID;
    if (devices == DeviceNodes::refused) attributes.attr_set |= MOUNT_ATTR_NODEV;
    if (access == Access::read_only) {
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
        attributes.propagation = MS_PRIVATE;
    }
    if (::mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
        return errno_error("cannot restrict the mount of " + printable(what));
    return {};
}

Status make_private(int mount, const std::string& what) {
    mount_attr attributes{};
    attributes.propagation = MS_PRIVATE;
    if (::mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0)
        return errno_error("cannot make the mounts of " + printable(what) + " private");
    return {};
}

Status make_read_only(int mount, const std::string& what) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
        return errno_error("cannot make " + printable(what) + " read-only");
    return {};
}

Status attach_mount(int mount, int destination, const std::string& what) {
    if (::move_mount(mount, "", destination, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        return errno_error("cannot mount " + printable(what));
    return {};
}

Result<UniqueFd> new_filesystem(const std::string& type,
                                const std::vector<std::pair<std::string, std::string>>& parameters, Access access,
                                DeviceNodes devices) {
    const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
    if (!context) {
        const Category category = errno == ENODEV || errno == ENOSYS ? Category::unsupported : Category::system;
        return errno_error("this kernel offers no " + type + " file system", errno, category);
    }
    for (const auto& [key, value] : parameters) {
        const int rc = value.empty() ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                                     : ::fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
        if (rc != 0) {
            const int number = errno;
            return errno_error("cannot set " + type + " option " + key + kernel_words(context.get()), number);
        }
    }
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
        const int number = errno;
        return errno_error("cannot make a " + type + " file system" + kernel_words(context.get()), number);
    }
    const unsigned attributes = MOUNT_ATTR_NOSUID | (devices == DeviceNodes::refused ? MOUNT_ATTR_NODEV : 0U) | (access == Access::read_only ? MOUNT_ATTR_RDONLY : 0U);
    UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
    if (!mount) {
        const int number = errno;
        return errno_error("cannot mount a " + type + " file system" + kernel_words(context.get()), number);
    }
    return mount;
}

}  // namespace berth
