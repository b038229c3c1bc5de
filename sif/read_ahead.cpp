#include "sif/read_ahead.hpp"

#include <algorithm>

namespace berth::sif {

ReadAhead::ReadAhead(const Image& image, const Descriptor& object, std::size_t part) {
    for (Part& each : parts_) each.bytes.resize(part);
    reader_ = std::thread([this, &image, &object] { read(image, object); });
}

ReadAhead::~ReadAhead() {
    {
        const std::lock_guard lock(mutex_);
        unwanted_ = true;
    }
    changed_.notify_all();
    reader_.join();
}

/// False when nobody wants more. The part that is in use is not read over.
bool ReadAhead::wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return unwanted_ || filled_ - (taken_ > 0 ? taken_ - 1 : 0) < kParts; });
    return !unwanted_;
}

void ReadAhead::read(const Image& image, const Descriptor& object) {
    bool good = true;
    for (std::uint64_t done = 0; good && done < object.size && wait_for_room();) {
        Part& part = parts_[filled_ % kParts];
        part.size = static_cast<std::size_t>(std::min<std::uint64_t>(part.bytes.size(), object.size - done));
        part.status = image.read(object, done, std::span(part.bytes).first(part.size));
        good = part.status.ok();
        done += part.size;
        {
            const std::lock_guard lock(mutex_);
            ++filled_;
        }
        changed_.notify_all();
    }
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
}

Result<std::span<const std::byte>> ReadAhead::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return filled_ > taken_ || ended_; });
    if (filled_ == taken_) return std::span<const std::byte>();
    const Part& part = parts_[taken_++ % kParts];
    lock.unlock();
    changed_.notify_all();
    BERTH_CHECK(part.status);
    return std::span<const std::byte>(part.bytes).first(part.size);
}

}  // namespace berth::sif
