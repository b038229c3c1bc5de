// Where the bytes of a regular file lie, and fetching them.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/fuse/block_cache.hpp"
#include "runtime/fuse/squash_image.hpp"

namespace berth::fuse {

/// A run of a file's bytes within one data block or fragment, or a hole of zeros.
struct Piece {
    enum class Kind { block, fragment, hole };
    Kind kind = Kind::hole;
    std::uint64_t position = 0;  ///< of the block, in bytes from the superblock
    std::uint32_t header = 0;    ///< its size as the format packs it
    std::uint64_t skip = 0;      ///< bytes of the unpacked block before the run
    std::uint64_t length = 0;    ///< bytes of the run
    bool whole = false;          ///< the run is all that the block holds
};

/// The pieces of [offset, offset + size) of the file, cut at its end, in order. Reads metadata only.
/// `inode` must be a regular file from read_inode. Nothing where the image is damaged.
[[nodiscard]] std::optional<std::vector<Piece>> locate(Context& context, sqfs_inode& inode, std::uint64_t offset,
                                                       std::size_t size);

/// Bytes of a file as vectors into blocks that it keeps alive: nothing is copied.
struct Content {
    std::vector<iovec> vectors;
    std::vector<Block> blocks;
};

/// Unpacks the pieces. Nothing where a block is damaged or shorter than a piece of it needs.
[[nodiscard]] std::optional<Content> fetch(const SquashImage& image, BlockCache& cache,
                                           const std::vector<Piece>& pieces);

}  // namespace berth::fuse
