// A hash tree over a partition, so that a reader can check each block when it reads it instead of the whole before it
// begins. The layout is dm-verity's (the kernel's Documentation/admin-guide/device-mapper/verity.rst, version 1, hash
// type 1), so that veritysetup(8) can check it: SHA-256 without salt, blocks of 4096 bytes for data and hashes, a
// superblock in the tree's first block, then the levels from the one block at the top down to the digests of the data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::sif {

inline constexpr std::size_t kHashBlock = 4096;
using Sha256 = std::array<std::byte, 32>;

[[nodiscard]] Sha256 sha256(std::span<const std::byte> bytes) noexcept;

/// Bytes of a file. A partition's last block is taken as filled up with zeros.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// How many bytes the tree over so many bytes takes, its superblock included; nothing where that is beyond 2^63.
[[nodiscard]] std::optional<std::uint64_t> hash_tree_size(std::uint64_t data_size) noexcept;

/// Hashes `data` of `data_fd` and writes the tree to `tree_fd` at `tree_offset`. \return the digest at the root.
/// `uuid` goes into the superblock, which nothing is decided on. Both descriptors stay the caller's. `stop`, where set,
/// is asked between parts; true ends it with Category::system, EINTR.
[[nodiscard]] Result<Sha256> write_hash_tree(int data_fd, const ByteRange& data, int tree_fd, std::uint64_t tree_offset,
                                             const std::array<std::uint8_t, 16>& uuid, bool (*stop)() = nullptr);

/// Reads data that is what it was when the tree was made, or nothing. Both lie in one file, which may change at any time:
/// what is checked is what is handed out. Threads may read at once.
class HashTree {
public:
    /// Reads nothing yet. `fd` stays the caller's and must outlive the object. Category::image when the tree's size is
    /// not that of a tree over `data`.
    static Result<HashTree> open(int fd, const ByteRange& data, const ByteRange& tree, const Sha256& root);

    HashTree(HashTree&& other) noexcept;
    HashTree& operator=(HashTree&&) = delete;

    /// Fills `buffer` from `position` of the data. Category::image, naming the block, when it is not what the root
    /// stands for; Category::system when it cannot be read.
    [[nodiscard]] Status read(std::uint64_t position, std::span<std::byte> buffer) const;

private:
    using Block = std::array<std::byte, kHashBlock>;
    struct Level {
        std::uint64_t offset = 0;  ///< in the file
        std::uint64_t blocks = 0;
    };
    struct Slot {
        std::size_t level = 0;
        std::uint64_t index = 0;
        std::uint64_t used = 0;  ///< 0: empty
        Block block{};
    };

    HashTree(int fd, const ByteRange& data, const Sha256& root, std::vector<Level> levels);
    [[nodiscard]] Result<Sha256> digest_of(std::size_t level, std::uint64_t index) const;
    [[nodiscard]] Status load(std::size_t level, std::uint64_t index, Block& block) const;
    [[nodiscard]] bool cached(std::size_t level, std::uint64_t index, std::size_t entry, Sha256& digest) const;
    void keep(std::size_t level, std::uint64_t index, const Block& block) const;
    [[nodiscard]] Status check_blocks(std::uint64_t first, std::span<const std::byte> blocks) const;

    int fd_;
    ByteRange data_;
    Sha256 root_;
    std::vector<Level> levels_;  ///< from the digests of the data upwards
    mutable std::mutex mutex_;
    mutable std::vector<Slot> slots_;
    mutable std::uint64_t clock_ = 0;
};

}  // namespace berth::sif
