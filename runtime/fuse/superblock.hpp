// The squashfs superblock, checked before libsquashfuse sees it.
// Format: Linux Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h.
#pragma once

#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/fuse/squashfuse.hpp"

namespace berth::fuse {

/// Reads the superblock at `offset` through the image's window and checks every field that names a place or a size: magic, version,
/// compressor, block size, bytes_used within `size`, tables within bytes_used and in their order. Fields come back in
/// host order. Category::image (or unsupported, for a compressor or version), the message naming the field and its
/// value.
[[nodiscard]] Result<squashfs_super_block> read_superblock(std::uint64_t offset, std::uint64_t size);

}  // namespace berth::fuse
