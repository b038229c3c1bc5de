// The answers to the kernel's requests: fuse_lowlevel operations on a SquashImage.
#pragma once

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>

#include <memory>
#include <optional>

#include "runtime/fuse/block_cache.hpp"
#include "runtime/fuse/options.hpp"
#include "runtime/fuse/squash_image.hpp"

namespace berth::fuse {

/// What the operations work on: the session's user data. The image is set before the first request is taken.
struct Server {
    /// Unpacked bytes kept: two of the largest blocks, or sixteen of the usual ones.
    static constexpr std::size_t kCacheBytes = 2 * kMiB;

    std::unique_ptr<SquashImage> image;
    std::optional<Identity> owner;
    BlockCache cache{kCacheBytes};
    bool skip_open = false;     ///< the kernel needs no answer to open
    bool skip_opendir = false;  ///< nor to opendir
};

/// Read-only operations. Names and attributes are good for ever, since nothing changes; extended attributes are not
/// supported (ENOSYS once, then the kernel answers EOPNOTSUPP by itself). A damaged part of an image gives EIO.
[[nodiscard]] const fuse_lowlevel_ops& operations();

/// An inode's place in the image as a FUSE node id and back: 1 is the root, others are moved up by 2. No table, so
/// nothing to forget.
[[nodiscard]] fuse_ino_t to_node(const squashfs_super_block& super, sqfs_inode_id id);
[[nodiscard]] sqfs_inode_id to_inode(const squashfs_super_block& super, fuse_ino_t node);

}  // namespace berth::fuse
