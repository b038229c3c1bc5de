// A file that is written under another name and appears under its own only when it is whole.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::tools {

enum class Existing { refuse, replace };

/// A new file of mode 0600 in a folder, open for reading and writing; gone with this object unless published.
/// It has no name until then, so that not even SIGKILL leaves it behind, or a random one where the file system knows no
/// O_TMPFILE (NFS).
class [[nodiscard]] TemporaryFile {
public:
    /// open(2) with O_TMPFILE, else mkostemp(3); close-on-exec. Category::system names the folder.
    static Result<TemporaryFile> create_in(const std::string& folder);

    TemporaryFile(TemporaryFile&& other) noexcept
        : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})), folder_(std::move(other.folder_)) {}
    TemporaryFile& operator=(TemporaryFile&&) = delete;
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Sets the mode, writes the bytes to the disk and gives the file the name `path`, in the same folder, in one step.
    /// With Existing::refuse a file that has the name by then stays, and the error is Category::usage with EEXIST.
    [[nodiscard]] Status publish(const std::string& path, mode_t mode, Existing existing);

private:
    TemporaryFile(UniqueFd fd, std::string path, std::string folder)
        : fd_(std::move(fd)), path_(std::move(path)), folder_(std::move(folder)) {}
    [[nodiscard]] Status link_to(const std::string& path) const;
    [[nodiscard]] Status give_name();
    [[nodiscard]] Status rename_to(const std::string& path, Existing existing);

    UniqueFd fd_;
    std::string path_;  // empty while the file has no name of ours
    std::string folder_;
};

}  // namespace berth::tools
