// The one place through which libsquashfuse reads: pread(2) that cannot leave the partition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/result.hpp"
#include "sif/hash_tree.hpp"

namespace berth::fuse {

/// Lets libsquashfuse read [begin, end) of `fd` and nothing else; every other read of its fails as an I/O error.
/// With `tree`, which is over the bytes from `begin` on and must outlive its use: what is not as it was signed fails, too,
/// and its block is named to `complain`.
/// One window a process: a later call replaces it. Not to be called while another thread reads.
void set_image_window(int fd, std::uint64_t begin, std::uint64_t end, const sif::HashTree* tree = nullptr,
                      void (*complain)(const Error&) = nullptr);

/// Fills `buffer` from `position` of the window's descriptor.
[[nodiscard]] Status read_image(std::span<std::byte> buffer, std::uint64_t position);

/// Whether a read has come through the window since it was set. False after an image was opened: libsquashfuse reads
/// past it (linked in a way that our sqfs_pread does not override): the caller must refuse to go on.
[[nodiscard]] bool image_window_used();

}  // namespace berth::fuse
