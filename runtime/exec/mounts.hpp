// The kernel's mount calls, by descriptor: nothing here takes a path inside a tree that a user controls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/exec/privilege.hpp"

namespace berth {

/// How paths beneath a container's root are resolved. openat2(2), Linux 5.6.
enum class Beneath {
    any,        ///< whatever is there
    directory,  ///< a directory, or ENOTDIR
};

/// Opens (O_PATH) `path` as if `root` were "/": links are followed inside it, never out of it, and magic links never.
/// The error's number is openat2's (ENOENT for a missing path).
[[nodiscard]] Result<UniqueFd> open_beneath(int root, const std::string& path, Beneath kind = Beneath::any);
/// The same, opened for reading. Does not wait for a fifo's writer: the caller checks what it got.
[[nodiscard]] Result<UniqueFd> open_file_beneath(int root, const std::string& path);

/// From now on open_beneath() and AsLooker look with the rights of this user (fsuid, fsgid and these supplementary
/// groups, which stay the process's), so that root's answers tell nobody what a private folder holds. For processes of
/// one thread that make one container. CAP_SETUID and CAP_SETGID; Category::internal when the ids do not take hold.
[[nodiscard]] Status look_beneath_as(const Identity& identity);

/// Has the file system ids of look_beneath_as() for its lifetime; without that call, nothing changes. The capabilities
/// over files go and come back with them, those over mounts stay. setfsuid(2).
class AsLooker {
public:
    AsLooker();
    AsLooker(const AsLooker&) = delete;
    AsLooker& operator=(const AsLooker&) = delete;
    ~AsLooker();
};

/// Opens an absolute path as this process sees it, through no magic link of /proc: what it leads to lies in this
/// mount namespace, under the name that the kernel will give for it.
[[nodiscard]] Result<UniqueFd> open_without_magic(const std::string& path, int flags);

/// A detached copy of the mount (and all beneath it) that the descriptor lies on, rooted at it. The copy is a slave
/// of the original: nothing that is mounted in it ever reaches the host.
/// CAP_SYS_ADMIN over the mount namespace, which must be the caller's own. open_tree(2).
[[nodiscard]] Result<UniqueFd> clone_mount(int fd, const std::string& what);

enum class Access { read_write, read_only };
enum class DeviceNodes { refused, working };

/// Adds nosuid, and as asked nodev and read-only, to a detached mount and all beneath it. mount_setattr(2). A read-only
/// one also stops taking in what the host mounts beneath it later, which would come with flags of its own.
[[nodiscard]] Status restrict_mount(int mount, Access access, DeviceNodes devices, const std::string& what);
/// noexec, for it and what is mounted beneath.
[[nodiscard]] Status refuse_programs(int mount, const std::string& what);
/// Symbolic links in it, and in what is mounted beneath, are not followed (ELOOP). Linux 5.14.
[[nodiscard]] Status refuse_links(int mount, const std::string& what);
/// What is mounted elsewhere from now on appears neither in it nor beneath.
[[nodiscard]] Status make_private(int mount, const std::string& what);
/// Read-only for this one mount.
[[nodiscard]] Status make_read_only(int mount, const std::string& what);

/// Attaches a detached mount onto an opened place. move_mount(2).
[[nodiscard]] Status attach_mount(int mount, int destination, const std::string& what);

/// A new file system instance: fsopen(2), one fsconfig(2) a parameter ("" value: a flag), fsmount(2).
/// The mount is detached, nosuid and, unless device nodes are its purpose, nodev; read-only when asked. The kernel's own words on failure are in the error.
[[nodiscard]] Result<UniqueFd> new_filesystem(const std::string& type,
                                              const std::vector<std::pair<std::string, std::string>>& parameters,
                                              Access access, DeviceNodes devices = DeviceNodes::refused);

}  // namespace berth
