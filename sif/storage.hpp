// The one place through which sif/ changes files. Not installed: the library's own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth::sif {

/// One change to a file, as the tests that kill the writer see it.
struct StorageStep {
    enum class Kind { write, copy, sync, resize, publish };
    Kind kind{};
    int fd = -1;
    std::span<const std::byte> bytes;  ///< of a write; a copy from a file shows none
    std::uint64_t offset = 0;          ///< of a write or copy; the new size of a resize
    std::uint64_t size = 0;            ///< of a write or copy
};
/// Called before each change. Null outside of tests.
extern void (*storage_observer)(const StorageStep& step);
void observe(const StorageStep& step);

/// Bytes to write: `bytes`, or where `fd` is set the `size` bytes of that file from `offset` on.
struct Content {
    std::string_view bytes;
    int fd = -1;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// pwrite(2), whole.
[[nodiscard]] Status write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset, const std::string& name);
/// The same from a file, shared where the file system can (copy_file_range(2)). `stop`, where set, is asked between
/// parts; true ends the copying with EINTR.
[[nodiscard]] Status write_content(int fd, const Content& content, std::uint64_t offset, bool (*stop)(),
                                   const std::string& name);
/// Zeros, as a hole where the file system can (fallocate(2)).
[[nodiscard]] Status write_zeros(int fd, std::uint64_t offset, std::uint64_t size, const std::string& name);
/// fsync(2): what was written before is on the disk before anything that is written after.
[[nodiscard]] Status sync(int fd, const std::string& name);
/// ftruncate(2).
[[nodiscard]] Status resize(int fd, std::uint64_t size, const std::string& name);

}  // namespace berth::sif
