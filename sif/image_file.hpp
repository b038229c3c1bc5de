// The file that an editor works on: its lock, its name, and who may use it. Not installed: the library's own.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::sif {

/// Opens the file `name` of an open folder for reading and writing, no link, and takes the exclusive lock (flock(2)),
/// within `limit`. The file that has the name once the lock is held may be another one than that which had it before:
/// it is the one that is returned. `path` is for errors.
[[nodiscard]] Result<UniqueFd> open_locked(int folder, const std::string& name, const std::string& path,
                                           std::chrono::seconds limit);

/// Whether the name in that folder is this file's; a link has its own.
[[nodiscard]] bool has_name(int fd, int folder, const std::string& name);

/// Gives `to` the owner and the ACL of `from`, which it replaces; the mode is set when it is published. An error where
/// the caller may not: somebody else would get or lose the file.
[[nodiscard]] Status keep_access(int from, int to, const struct stat& before, const std::string& name);

}  // namespace berth::sif
