// Reading and writing descriptors whole, with bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// openat(2) with O_CLOEXEC; the error names `path`.
[[nodiscard]] Result<UniqueFd> open_at(int directory, const std::string& path, int flags, unsigned mode = 0);

/// Reads exactly buffer.size() bytes at `offset`. A short file is Category::image with errno 0;
/// `what` (a path, say) begins the message.
[[nodiscard]] Status pread_exact(int fd, std::span<std::byte> buffer, std::uint64_t offset, const std::string& what);

/// Reads from the descriptor's position to its end; more than `limit` bytes is an error (Category::usage, EFBIG).
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit, const std::string& what);

/// Opens, reads (at most `limit` bytes) and closes the file.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Writes every byte, resuming after signals and short writes.
[[nodiscard]] Status write_all(int fd, std::string_view data, const std::string& what);

/// The same at `offset`, with pwrite(2).
[[nodiscard]] Status pwrite_all(int fd, std::span<const std::byte> data, std::uint64_t offset, const std::string& what);

/// A file in memory: unlike a pipe, it takes whatever is written before anybody reads. memfd_create(2).
[[nodiscard]] Result<UniqueFd> memory_file(const std::string& what);

/// "/proc/self/fd/N".
[[nodiscard]] std::string proc_fd_path(int fd);

/// The path that the kernel gives for an open descriptor, as this process sees it.
/// Never decides anything for a path that is not absolute or ends in " (deleted)".
[[nodiscard]] Result<std::string> path_of_fd(int fd);

}  // namespace berth
