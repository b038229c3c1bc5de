// Reads an object in a thread of its own, so that what is done with its bytes need not wait for them. For digests.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "sif/image.hpp"

namespace berth::sif {

class ReadAhead {
public:
    /// Begins at once, `part` bytes at a time, at most kParts of them ahead. Throws std::system_error where there are no
    /// more threads. Image and object must outlive it.
    ReadAhead(const Image& image, const Descriptor& object, std::size_t part);
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;
    ~ReadAhead();

    /// The next bytes, valid until the next call; none at the end. Errors as those of Image::read(); none after them.
    [[nodiscard]] Result<std::span<const std::byte>> next();

private:
    static constexpr std::size_t kParts = 4;
    struct Part {
        std::vector<std::byte> bytes;
        std::size_t size = 0;
        Status status;
    };
    void read(const Image& image, const Descriptor& object);
    [[nodiscard]] bool wait_for_room();

    std::array<Part, kParts> parts_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t filled_ = 0;  ///< parts that were read, ever
    std::size_t taken_ = 0;   ///< parts that were handed out, ever; the last of them is in use
    bool ended_ = false;      ///< nothing more will be read
    bool unwanted_ = false;   ///< nobody will take it
    std::thread reader_;
};

}  // namespace berth::sif
