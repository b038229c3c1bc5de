// Opening files that only root can have written.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::config {

/// Opens a regular file for reading and gives the descriptor (close-on-exec) to the caller, if nobody but root could
/// have put it there or changed it: the file and every folder walked through to reach it belong to uid 0 and are not
/// writable by group or others. The sticky bit does not excuse a folder. Symbolic links are followed, and the folders
/// they lead through are held to the same rule. `path` must be absolute.
/// Works descriptor by descriptor (openat(2), O_NOFOLLOW), so what was checked is what is opened.
/// Needs no privilege. Every failure is Category::config (ENOENT where there is no such file); its message names
/// the culprit and the remedy.
[[nodiscard]] Result<UniqueFd> open_trusted(const std::string& path);

/// The same for a folder; the descriptor is O_PATH.
[[nodiscard]] Result<UniqueFd> open_trusted_folder(const std::string& path);

/// Whether there is something of that name, were it a symbolic link that leads nowhere: only a file that is not there at
/// all is one that the site does not have. Category::config where that cannot be told.
[[nodiscard]] Result<bool> site_file_exists(const std::string& path);

/// Holds a lock on the site's files of one kind until the descriptor is closed: flock(2) on the file `lock_name` of the
/// folder, which is made with mode 0600. A lock on the folder, or on the files, could be held for ever by anybody who may
/// read them. `folder_name` ("…/") is for messages.
[[nodiscard]] Result<UniqueFd> lock_site_file(int folder, const std::string& folder_name, const std::string& lock_name);

}  // namespace berth::config
