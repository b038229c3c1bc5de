// Node ids and attributes of an image's inodes, as FUSE reports them.
#pragma once

#include "runtime/fuse/operations.hpp"

namespace berth::fuse {

/// Seconds for which the kernel may keep names and attributes: some thirty years.
inline constexpr double kForEver = 1e9;

/// Node, attributes and timeouts of an inode. False where the image is damaged. `server.owner` replaces the ids.
[[nodiscard]] bool fill_entry(const Server& server, Context& context, sqfs_inode_id id, fuse_entry_param& entry);

}  // namespace berth::fuse
