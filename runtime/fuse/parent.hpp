// What berth-fuse and the process that started it say to each other, over one socket (runtime/base/wire.hpp):
// the parent sends /dev/fuse, once it has made a fuse superblock of it, and the image's name; the server answers "ok" when it serves, or why
// it cannot. So the server starts while the parent prepares.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::fuse {

/// The parent's message.
struct Mounted {
    UniqueFd device;         ///< /dev/fuse of the superblock
    std::string image_name;  ///< for messages
};

/// Waits for it. Category::usage unless it holds just one descriptor, of /dev/fuse; Category::system when the parent is
/// gone.
[[nodiscard]] Result<Mounted> receive_mounted(int parent_fd);

/// Sends the answer. A parent that has gone is no reason to stop: the mount says when to.
void answer_parent(int parent_fd, const std::string& answer) noexcept;

}  // namespace berth::fuse
