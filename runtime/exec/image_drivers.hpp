// The image drivers: from an open image to a detached, read-only, nosuid, nodev mount.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "runtime/base/child.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// A squashfs inside an open file.
struct ImageBytes {
    int fd = -1;  ///< borrowed
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::optional<HashTreeInfo> tree;  ///< in the same file; FUSE only
};

/// The kernel's squashfs on a read-only loop device that frees itself with its mount.
/// Only devices below `loop_devices` are used. CAP_SYS_ADMIN in the initial user namespace. Category::unsupported where
/// there are no loop devices.
[[nodiscard]] Result<UniqueFd> mount_kernel_squashfs(const ImageBytes& image, std::uint64_t loop_devices);

/// Who serves a FUSE mount, and how its files appear.
struct FuseServer {
    /// Root starts the server as this user and opens the mount to everybody (allow_other). Without: the caller
    /// serves himself, inside his user namespace, and every file appears as his.
    std::optional<std::pair<uid_t, gid_t>> run_as;
    uid_t owner = 0;  ///< without run_as
    gid_t owner_group = 0;
};

/// A berth-fuse that has been started for an image and waits for its mount. It ends when this ends without one, and with
/// its mount otherwise.
class [[nodiscard]] ImageServer {
public:
    /// Starts it; it comes up while the caller goes on. Called in a mount namespace that will not hold the mount: the
    /// server would keep it alive.
    static Result<ImageServer> start(const ImageBytes& image, const FuseServer& server);

    /// A detached FUSE mount, given to the server. /dev/fuse must be openable by the caller. Once.
    Result<UniqueFd> mount(const std::string& image_path);

    /// Waits until the image is served. The server's complaint about it is the error (Category::image).
    Status wait_until_served(const std::string& image_path);

    /// The process, from wait_until_served() on.
    [[nodiscard]] DetachedProcess& process() noexcept { return process_; }

private:
    ImageServer(DetachedStart starting, UniqueFd socket, FuseServer server)
        : starting_(std::move(starting)), socket_(std::move(socket)), server_(std::move(server)) {}

    DetachedStart starting_;
    UniqueFd socket_;  ///< runtime/fuse/parent.hpp
    FuseServer server_;
    DetachedProcess process_;
};

}  // namespace berth
