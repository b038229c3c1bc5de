// A file that is written under another name and appears under its own only when it is whole.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::sif {

enum class Existing { refuse, replace };

/// A new file of mode 0600 in a folder, open for reading and writing; gone with this object unless published.
/// It has no name until then, so that not even SIGKILL leaves it behind, or a random one where the file system knows no
/// O_TMPFILE (NFS). The folder is the one that create_in() opened: whoever may write to a folder above it could lead a
/// path elsewhere meanwhile.
class [[nodiscard]] TemporaryFile {
public:
    /// open(2) with O_TMPFILE, else with O_EXCL; close-on-exec. Category::system names the folder.
    static Result<TemporaryFile> create_in(const std::string& folder);
    /// The same in an open folder (O_PATH will do), which stays the caller's; `name` is for errors.
    static Result<TemporaryFile> create_at(int folder, const std::string& name);

    TemporaryFile(TemporaryFile&& other) noexcept
        : fd_(std::move(other.fd_)), name_(std::exchange(other.name_, {})), folder_(std::move(other.folder_)) {}
    TemporaryFile& operator=(TemporaryFile&&) = delete;
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Sets the mode, writes the bytes to the disk and gives the file the last name of `path` in its folder, in one
    /// step; the rest of `path` is for errors only. With Existing::refuse a file that has the name by then stays, and
    /// the error is Category::usage with EEXIST.
    [[nodiscard]] Status publish(const std::string& path, mode_t mode, Existing existing);
    /// The same in the place of the open file `old`. EBUSY where the name is that of another file by then.
    [[nodiscard]] Status replace(int old, const std::string& path, mode_t mode);

    /// The descriptor of a file that was published.
    [[nodiscard]] UniqueFd release() && { return std::move(fd_); }

private:
    TemporaryFile(UniqueFd fd, std::string name, UniqueFd folder)
        : fd_(std::move(fd)), name_(std::move(name)), folder_(std::move(folder)) {}
    [[nodiscard]] Status finish(const std::string& path, mode_t mode) const;
    [[nodiscard]] Status link_to(const std::string& name, const std::string& path) const;
    [[nodiscard]] Status give_name(const std::string& path);
    [[nodiscard]] Status rename_to(const std::string& path, Existing existing);
    void sync_folder() const;

    UniqueFd fd_;
    std::string name_;  // empty while the file has no name of ours
    UniqueFd folder_;
};

}  // namespace berth::sif
