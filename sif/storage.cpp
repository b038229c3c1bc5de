#include "sif/storage.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "runtime/base/io.hpp"

namespace berth::sif {
namespace {

constexpr std::uint64_t kCopyPart = 64U << 20;  // often enough to stop, rarely enough to cost nothing
constexpr std::size_t kBuffer = 1U << 20;

/// Copies a part through memory, for file systems between which copy_file_range(2) does not work.
Status copy_by_hand(int from, std::uint64_t position, int to, std::uint64_t offset, std::uint64_t size,
                    const std::string& name) {
    std::vector<std::byte> buffer(kBuffer);
    while (size > 0) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size));
        BERTH_CHECK(pread_exact(from, part, position, name + ": reading an object"));
        BERTH_CHECK(pwrite_all(to, part, offset, name));
        position += part.size();
        offset += part.size();
        size -= part.size();
    }
    return {};
}

}  // namespace

void (*storage_observer)(const StorageStep&) = nullptr;

void observe(const StorageStep& step) {
    if (storage_observer != nullptr) storage_observer(step);
}

Status write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset, const std::string& name) {
    observe({StorageStep::Kind::write, fd, bytes, offset, bytes.size()});
    return pwrite_all(fd, bytes, offset, name);
}

Status write_content(int fd, const Content& content, std::uint64_t offset, bool (*stop)(), const std::string& name) {
    if (content.fd < 0) return write_at(fd, std::as_bytes(std::span(content.bytes)), offset, name);
    for (std::uint64_t done = 0; done < content.size;) {
        if (stop != nullptr && stop()) return Error{Category::system, EINTR, name + ": interrupted"};
        const std::uint64_t part = std::min(kCopyPart, content.size - done);
        observe({StorageStep::Kind::copy, fd, {}, offset + done, part});
        auto from = static_cast<off_t>(content.offset + done);
        auto target = static_cast<off_t>(offset + done);
        const ssize_t n = ::copy_file_range(content.fd, &from, fd, &target, part, 0);
        if (n > 0) {
            done += static_cast<std::uint64_t>(n);
            continue;
        }
        BERTH_CHECK(copy_by_hand(content.fd, content.offset + done, fd, offset + done, part, name));
        done += part;
    }
    return {};
}

Status write_zeros(int fd, std::uint64_t offset, std::uint64_t size, const std::string& name) {
    observe({StorageStep::Kind::copy, fd, {}, offset, size});
    if (size == 0) return {};
    if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(size)) == 0)
        return {};
    const std::vector<std::byte> zeros(std::min<std::uint64_t>(kBuffer, size));
    for (std::uint64_t done = 0; done < size;) {
        const auto part = std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), size - done));
        BERTH_CHECK(pwrite_all(fd, part, offset + done, name));
        done += part.size();
    }
    return {};
}

Status sync(int fd, const std::string& name) {
    observe({StorageStep::Kind::sync, fd, {}, 0, 0});
    return ::fsync(fd) == 0 ? Status{} : Status{errno_error(name)};
}

Status resize(int fd, std::uint64_t size, const std::string& name) {
    observe({StorageStep::Kind::resize, fd, {}, size, 0});
    return ::ftruncate(fd, static_cast<off_t>(size)) == 0 ? Status{} : Status{errno_error(name)};
}

}  // namespace berth::sif
