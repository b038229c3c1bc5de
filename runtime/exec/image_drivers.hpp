// The image drivers: from an open image to a detached, read-only, nosuid, nodev mount.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/child.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// A squashfs inside an open file.
struct ImageBytes {
    int fd = -1;  ///< borrowed
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

/// The kernel's squashfs on a read-only loop device that frees itself with its mount.
/// CAP_SYS_ADMIN in the initial user namespace. Category::unsupported where there are no loop devices.
[[nodiscard]] Result<UniqueFd> mount_kernel_squashfs(const ImageBytes& image);

/// Who serves a FUSE mount, and how its files appear.
struct FuseServer {
    /// Root starts the server as this user and opens the mount to everybody (allow_other). Without: the caller
    /// serves himself, inside his user namespace, and every file appears as his.
    std::optional<std::pair<uid_t, gid_t>> run_as;
    uid_t owner = 0;  ///< without run_as
    gid_t owner_group = 0;
};

struct FuseMount {
    UniqueFd mount;          ///< detached; the server ends when the last of its clones is gone
    DetachedProcess server;  ///< lives as long as its mount
    UniqueFd ready;          ///< end of a pipe: "ok\n", or "error: …\n" when the image cannot be served
};

/// Attaches a FUSE mount and starts berth-fuse for it. /dev/fuse must be openable by the caller.
[[nodiscard]] Result<FuseMount> mount_fuse(const ImageBytes& image, const FuseServer& server);

/// Waits until the server serves; its complaint about the image is the error (Category::image).
[[nodiscard]] Status wait_until_served(int ready, const std::string& image_path);

}  // namespace berth
