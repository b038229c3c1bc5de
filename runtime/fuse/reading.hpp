// The answer to read.
#pragma once

#include "runtime/fuse/operations.hpp"

namespace berth::fuse {

/// fuse_lowlevel_ops::read: a file's bytes straight from the unpacked blocks. Replies once: EIO where the image is
/// damaged; may throw std::bad_alloc before that, never behind it.
void read_file(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info* file);

}  // namespace berth::fuse
