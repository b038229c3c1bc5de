// A squashfs as a tar archive, for mksquashfs to pack anew.
#pragma once

#include "runtime/base/result.hpp"
#include "tools/squash_tree.hpp"

namespace berth::tools {

/// Folders deeper than this, and folders that are met twice, are damage: a folder may name itself.
inline constexpr std::size_t kMaxDepth = 512;

/// Writes every file but the root folder with its owner, mode, time, links and device number, in the POSIX pax format
/// (pax(1)). Sockets are left out: the format has none. Extended attributes are not carried over, which a warning on
/// stderr says.
[[nodiscard]] Status write_tar(SquashTree& tree, int fd);

}  // namespace berth::tools
