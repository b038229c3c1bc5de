// As much of a shared library as tells whether it can be loaded in a container.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/glibc_version.hpp"
#include "runtime/base/result.hpp"

namespace berth {

struct ElfLibrary {
    std::optional<GlibcVersion> needs;     ///< the newest that it wants of others (.gnu.version_r)
    std::optional<GlibcVersion> provides;  ///< the newest that it is itself (.gnu.version_d): for libc.so.6
};

/// Reads a shared object of this machine's class, byte order and architecture; any other file is Category::image with errno
/// ENOEXEC. Trusts no byte: bounded reads (pread), bounded loops. `what` begins the messages. A library without tables of
/// versions has neither.
[[nodiscard]] Result<ElfLibrary> read_elf_library(int fd, const std::string& what);

}  // namespace berth
