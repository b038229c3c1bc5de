// Directories of an image: listing from an offset, and looking a name up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "runtime/fuse/squash_image.hpp"

namespace berth::fuse {

struct DirectoryEntry {
    sqfs_inode_id inode_id = 0;
    std::uint32_t inode_number = 0;
    mode_t type = 0;         ///< the S_IFMT bits
    std::string_view name;   ///< in the context's buffer, zero-terminated; valid until the next entry is read
    std::uint64_t next = 0;  ///< where the entry after this one begins, in bytes of the uncompressed listing
};

enum class Walk { found, end, damaged };

/// Walks one directory. `inode` must be a directory from read_inode, and outlive this.
class DirectoryReader {
public:
    DirectoryReader(Context& context, sqfs_inode& inode);

    /// Goes on at `offset`: 0, or some entry's `next`. False where no entry begins there.
    [[nodiscard]] bool seek(std::uint64_t offset);
    /// The next entry. Names that no directory may hold (".", "..", with '/' or a zero byte, over 256 bytes)
    /// count as damage.
    [[nodiscard]] Walk next(DirectoryEntry& entry);
    /// The entry called `name`. Skips ahead with the directory's index, then relies on the format's order by name.
    [[nodiscard]] Walk find(std::string_view name, DirectoryEntry& entry);

private:
    [[nodiscard]] bool skip_by_index(std::string_view name);

    Context& context_;
    sqfs_inode& inode_;
    sqfs_dir dir_{};
    bool open_ = false;
};

}  // namespace berth::fuse
