#include "sif/hash_tree.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime/base/checked.hpp"
#include "runtime/base/io.hpp"

namespace berth::sif {
namespace {

constexpr std::uint64_t kFanOut = kHashBlock / sizeof(Sha256);
constexpr std::size_t kReadAtOnce = 256 * kHashBlock;
/// Digest blocks kept after their check: each stands for 512 KiB of data, and the upper ones for much more.
constexpr std::size_t kSlots = 32;

std::uint64_t blocks_for(std::uint64_t size, std::uint64_t unit) { return size / unit + (size % unit != 0 ? 1 : 0); }

/// Blocks a level, from the digests of the data up to the single block at the top.
std::vector<std::uint64_t> level_blocks(std::uint64_t data_size) {
    std::vector<std::uint64_t> counts;
    std::uint64_t count = blocks_for(data_size, kHashBlock);
    do {
        count = blocks_for(count, kFanOut);
        counts.push_back(count);
    } while (count > 1);
    return counts;
}

/// verity.rst, "verity on-disk format": little-endian numbers at fixed places.
std::array<std::byte, kHashBlock> superblock(std::uint64_t data_size, const std::array<std::uint8_t, 16>& uuid) {
    std::array<std::byte, kHashBlock> block{};
    const auto put = [&block](std::size_t place, std::uint64_t value, std::size_t width) {
        for (std::size_t i = 0; i < width; ++i) block[place + i] = static_cast<std::byte>(value >> (8 * i));
    };
    constexpr std::string_view kSignature = "verity";
    constexpr std::string_view kAlgorithm = "sha256";
    std::memcpy(block.data(), kSignature.data(), kSignature.size());
    put(8, 1, 4);   // version
    put(12, 1, 4);  // hash type
    std::memcpy(block.data() + 16, uuid.data(), uuid.size());
    std::memcpy(block.data() + 32, kAlgorithm.data(), kAlgorithm.size());
    put(64, kHashBlock, 4);
    put(68, kHashBlock, 4);
    put(72, blocks_for(data_size, kHashBlock), 8);
    return block;
}

/// Reads whole blocks; beyond the data's end there are zeros.
Status read_blocks(int fd, const ByteRange& data, std::uint64_t first, std::span<std::byte> blocks) {
    const std::uint64_t position = first * kHashBlock;
    const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(blocks.size(), data.size - position));
    BERTH_CHECK(pread_exact(fd, blocks.first(there), data.offset + position, "image"));
    std::fill(blocks.begin() + static_cast<std::ptrdiff_t>(there), blocks.end(), std::byte{0});
    return {};
}

/// Hashes blocks that come in order, and hands on the digests of a level in blocks.
class LevelWriter {
public:
    LevelWriter(int fd, std::uint64_t offset) : fd_(fd), offset_(offset) {}

    Status add(std::span<const std::byte> block) {
        const Sha256 digest = sha256(block);
        std::memcpy(block_.data() + filled_, digest.data(), digest.size());
        filled_ += digest.size();
        return filled_ == kHashBlock ? flush() : Status{};
    }
    Status flush() {
        if (filled_ == 0) return {};
        std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::byte{0});
        filled_ = 0;
        BERTH_CHECK(pwrite_all(fd_, block_, offset_, "hash tree"));
        offset_ += kHashBlock;
        return {};
    }

private:
    int fd_;
    std::uint64_t offset_;
    std::size_t filled_ = 0;
    std::array<std::byte, kHashBlock> block_{};
};

Status write_level(int from_fd, const ByteRange& from, int tree_fd, std::uint64_t offset, bool (*stop)()) {
    LevelWriter writer(tree_fd, offset);
    std::vector<std::byte> buffer(kReadAtOnce);
    const std::uint64_t count = blocks_for(from.size, kHashBlock);
    for (std::uint64_t done = 0; done < count;) {
        if (stop != nullptr && stop()) return Error{Category::system, EINTR, "interrupted"};
        const auto now = std::min<std::uint64_t>(count - done, kReadAtOnce / kHashBlock);
        const std::span part(buffer.data(), static_cast<std::size_t>(now) * kHashBlock);
        BERTH_CHECK(read_blocks(from_fd, from, done, part));
        for (std::size_t i = 0; i < now; ++i) BERTH_CHECK(writer.add(part.subspan(i * kHashBlock, kHashBlock)));
        done += now;
    }
    return writer.flush();
}

/// Where each level begins, from the digests of the data upwards; the top one follows the superblock.
std::vector<ByteRange> level_places(std::uint64_t data_size, std::uint64_t tree_offset) {
    const auto counts = level_blocks(data_size);
    std::vector<ByteRange> places(counts.size());
    std::uint64_t offset = tree_offset + kHashBlock;
    for (std::size_t level = counts.size(); level-- > 0; offset += counts[level] * kHashBlock)
        places[level] = {offset, counts[level] * kHashBlock};
    return places;
}

}  // namespace

std::optional<std::uint64_t> hash_tree_size(std::uint64_t data_size) noexcept {
    if (data_size == 0 || data_size > INT64_MAX) return std::nullopt;
    std::uint64_t count = blocks_for(data_size, kHashBlock);
    std::uint64_t blocks = 1;
    do {
        count = blocks_for(count, kFanOut);
        blocks += count;
    } while (count > 1);
    return blocks * kHashBlock;
}

Result<Sha256> write_hash_tree(int data_fd, const ByteRange& data, int tree_fd, std::uint64_t tree_offset,
                               const std::array<std::uint8_t, 16>& uuid, bool (*stop)()) {
    if (!hash_tree_size(data.size)) return Error{Category::usage, EINVAL, "a hash tree needs data"};
    const auto places = level_places(data.size, tree_offset);
    BERTH_CHECK(write_level(data_fd, data, tree_fd, places[0].offset, stop));
    for (std::size_t level = 1; level < places.size(); ++level)
        BERTH_CHECK(write_level(tree_fd, places[level - 1], tree_fd, places[level].offset, stop));
    BERTH_CHECK(pwrite_all(tree_fd, superblock(data.size, uuid), tree_offset, "hash tree"));
    std::array<std::byte, kHashBlock> top{};
    BERTH_CHECK(pread_exact(tree_fd, top, places.back().offset, "hash tree"));
    return sha256(top);
}

HashTree::HashTree(int fd, const ByteRange& data, const Sha256& root, std::vector<Level> levels)
    : fd_(fd), data_(data), root_(root), levels_(std::move(levels)), slots_(kSlots) {}

HashTree::HashTree(HashTree&& other) noexcept
    : fd_(other.fd_), data_(other.data_), root_(other.root_), levels_(std::move(other.levels_)), slots_(kSlots) {}

Result<HashTree> HashTree::open(int fd, const ByteRange& data, const ByteRange& tree, const Sha256& root) {
    const auto size = hash_tree_size(data.size);
    const auto data_end = checked_add(data.offset, data.size);
    const auto tree_end = checked_add(tree.offset, tree.size);
    if (!size || *size != tree.size || !data_end || *data_end > INT64_MAX || !tree_end || *tree_end > INT64_MAX)
        return Error{Category::image, 0,
                     "the hash tree of " + std::to_string(tree.size) + " bytes does not fit a partition of " +
                         std::to_string(data.size) + " bytes"};
    std::vector<Level> levels;
    for (const auto& place : level_places(data.size, tree.offset)) levels.push_back({place.offset, place.size / kHashBlock});
    return HashTree(fd, data, root, std::move(levels));
}

bool HashTree::cached(std::size_t level, std::uint64_t index, std::size_t entry, Sha256& digest) const {
    const std::lock_guard lock(mutex_);
    for (auto& slot : slots_) {
        if (slot.used == 0 || slot.level != level || slot.index != index) continue;
        slot.used = ++clock_;
        std::memcpy(digest.data(), slot.block.data() + entry * digest.size(), digest.size());
        return true;
    }
    return false;
}

void HashTree::keep(std::size_t level, std::uint64_t index, const Block& block) const {
    const std::lock_guard lock(mutex_);
    auto& oldest = *std::min_element(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) { return a.used < b.used; });
    oldest = Slot{level, index, ++clock_, block};
}

/// Reads a block of digests and checks it against the level above, and so up to the root.
Status HashTree::load(std::size_t level, std::uint64_t index, Block& block) const {
    BERTH_CHECK(pread_exact(fd_, block, levels_[level].offset + index * kHashBlock, "hash tree"));
    Sha256 wanted = root_;
    if (level + 1 < levels_.size()) { BERTH_TRY(wanted, digest_of(level + 1, index)); }
    if (sha256(block) != wanted)
        return Error{Category::image, EIO,
                     "block " + std::to_string(index) + " of level " + std::to_string(level) +
                         " of the hash tree is not what was signed"};
    keep(level, index, block);
    return {};
}

/// The digest that a level holds for the block `index` of what lies below it.
Result<Sha256> HashTree::digest_of(std::size_t level, std::uint64_t index) const {
    const std::uint64_t holder = index / kFanOut;
    const auto entry = static_cast<std::size_t>(index % kFanOut);
    Sha256 digest;
    if (cached(level, holder, entry, digest)) return digest;
    Block block;
    BERTH_CHECK(load(level, holder, block));
    std::memcpy(digest.data(), block.data() + entry * digest.size(), digest.size());
    return digest;
}

Status HashTree::check_blocks(std::uint64_t first, std::span<const std::byte> blocks) const {
    for (std::size_t i = 0; i < blocks.size() / kHashBlock; ++i) {
        BERTH_TRY(const auto wanted, digest_of(0, first + i));
        if (sha256(blocks.subspan(i * kHashBlock, kHashBlock)) != wanted)
            return Error{Category::image, EIO, "block " + std::to_string(first + i) + " of the partition is not what was signed"};
    }
    return {};
}

Status HashTree::read(std::uint64_t position, std::span<std::byte> buffer) const {
    if (position > data_.size || buffer.size() > data_.size - position)
        return Error{Category::image, EIO, "a read beyond the partition's end"};
    if (buffer.empty()) return {};
    thread_local std::vector<std::byte> blocks;
    const std::uint64_t first = position / kHashBlock;
    const std::uint64_t last = (position + buffer.size() - 1) / kHashBlock;
    blocks.resize(static_cast<std::size_t>(last - first + 1) * kHashBlock);
    BERTH_CHECK(read_blocks(fd_, data_, first, blocks));
    BERTH_CHECK(check_blocks(first, blocks));
    std::memcpy(buffer.data(), blocks.data() + position % kHashBlock, buffer.size());
    return {};
}

}  // namespace berth::sif
