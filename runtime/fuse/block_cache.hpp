// Unpacked data blocks that more than one read will want, shared by all threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/fuse/squashfuse.hpp"

namespace berth::fuse {

using Block = std::shared_ptr<const sqfs_block>;

/// A small cache by position, least recently used out first. A block wanted by several threads is unpacked once, the
/// others wait for it. Thread-safe.
class BlockCache {
public:
    using Load = std::function<Block()>;

    /// Whether the block is likely to be read again soon.
    enum class Keep { yes, no };

    /// Keeps at most `capacity` bytes (and always the newest block).
    explicit BlockCache(std::size_t capacity) : capacity_(capacity) {}

    /// The block at `position`, from `load` where it is not here. Null where `load` gives null; that is not remembered.
    /// Keep::no: what was not here before is not kept either. `load` may throw std::bad_alloc, which counts as null.
    [[nodiscard]] Block get(std::uint64_t position, Keep keep, const Load& load);

private:
    struct Slot {
        std::uint64_t position;
        Block block;  // null while some thread loads it
        std::uint64_t used;
    };

    static constexpr std::size_t kMaxSlots = 64;

    [[nodiscard]] std::size_t index_of(std::uint64_t position) const;
    void erase(std::size_t index);
    void evict(std::uint64_t spared);
    Block load_into(std::unique_lock<std::mutex>& lock, std::uint64_t position, Keep keep, const Load& load);

    std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable loaded_;
    std::vector<Slot> slots_;
    std::size_t bytes_ = 0;
    std::uint64_t clock_ = 0;
};

}  // namespace berth::fuse
