#include "tools/temporary_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "runtime/base/io.hpp"

namespace berth::tools {

Result<TemporaryFile> TemporaryFile::create_in(const std::string& folder) {
    UniqueFd unnamed(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (unnamed) return TemporaryFile(std::move(unnamed), {}, folder);
    std::string path = folder + "/.berth-XXXXXX";
    UniqueFd named(::mkostemp(path.data(), O_CLOEXEC));
    if (!named) return errno_error(folder + ": cannot create a temporary file");
    return TemporaryFile(std::move(named), std::move(path), folder);
}

TemporaryFile::~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Status TemporaryFile::publish(const std::string& path, mode_t mode, Existing existing) {
    if (::fchmod(fd(), mode) != 0 || ::fsync(fd()) != 0) return errno_error(path);
    if (path_.empty() && existing == Existing::refuse) {
        BERTH_CHECK(link_to(path));
    } else {
        if (path_.empty()) BERTH_CHECK(give_name());
        BERTH_CHECK(rename_to(path, existing));
        path_.clear();
    }
    // The name itself must survive a crash too. Some file systems cannot sync a folder: the file is whole all the same.
    if (const auto folder = open_at(AT_FDCWD, folder_, O_RDONLY | O_DIRECTORY)) ::fsync(folder->get());
    return {};
}

Status TemporaryFile::link_to(const std::string& path) const {
    if (::linkat(AT_FDCWD, proc_fd_path(fd()).c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    return errno_error(path, errno, errno == EEXIST ? Category::usage : Category::system);
}

/// linkat(2) replaces nothing, so that a file to be replaced needs a second name first.
Status TemporaryFile::give_name() {
    std::string path = folder_ + "/.berth-" + std::to_string(::getpid());
    BERTH_CHECK(link_to(path));
    path_ = std::move(path);
    return {};
}

Status TemporaryFile::rename_to(const std::string& path, Existing existing) {
    if (existing == Existing::replace)
        return ::rename(path_.c_str(), path.c_str()) == 0 ? Status{} : Status{errno_error(path)};
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return {};
    // NFS, for one, knows no RENAME_NOREPLACE; link(2) refuses an existing name just as well.
    if (errno == EINVAL && ::link(path_.c_str(), path.c_str()) == 0) {
        ::unlink(path_.c_str());
        return {};
    }
    return errno_error(path, errno, errno == EEXIST ? Category::usage : Category::system);
}

}  // namespace berth::tools
