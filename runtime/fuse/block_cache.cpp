#include "runtime/fuse/block_cache.hpp"

#include <algorithm>
#include <new>

namespace berth::fuse {

std::size_t BlockCache::index_of(std::uint64_t position) const {
    const auto found =
        std::find_if(slots_.begin(), slots_.end(), [position](const Slot& slot) { return slot.position == position; });
    return static_cast<std::size_t>(found - slots_.begin());
}

void BlockCache::erase(std::size_t index) {
    if (slots_[index].block) bytes_ -= slots_[index].block->size;
    std::swap(slots_[index], slots_.back());
    slots_.pop_back();
}

void BlockCache::evict(std::uint64_t spared) {
    while (bytes_ > capacity_ || slots_.size() > kMaxSlots) {
        std::size_t oldest = slots_.size();
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            const bool candidate = slots_[i].block && slots_[i].position != spared;
            if (candidate && (oldest == slots_.size() || slots_[i].used < slots_[oldest].used)) oldest = i;
        }
        if (oldest == slots_.size()) return;
        erase(oldest);
    }
}

Block BlockCache::load_into(std::unique_lock<std::mutex>& lock, std::uint64_t position, Keep keep, const Load& load) {
    slots_.push_back(Slot{position, nullptr, ++clock_});
    lock.unlock();
    Block block;
    try {
        block = load();
    } catch (const std::bad_alloc&) {
        block = nullptr;  // the slot must not stay behind, or those who wait for it wait for ever
    }
    lock.lock();

    const auto index = index_of(position);
    if (block && keep == Keep::yes) {
        slots_[index].block = block;
        slots_[index].used = ++clock_;
        bytes_ += block->size;
        evict(position);
    } else {
        erase(index);
    }
    loaded_.notify_all();
    return block;
}

Block BlockCache::get(std::uint64_t position, Keep keep, const Load& load) {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto index = index_of(position);
        if (index == slots_.size()) return load_into(lock, position, keep, load);
        if (slots_[index].block) {
            Block block = slots_[index].block;
            slots_[index].used = ++clock_;
            return block;
        }
        loaded_.wait(lock);
    }
}

}  // namespace berth::fuse
