#include "sif/temporary_file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "runtime/base/io.hpp"
#include "sif/image_file.hpp"
#include "sif/storage.hpp"

namespace berth::sif {
namespace {

std::string last_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);  // all of it, where there is no '/'
}

/// Random: one of a process that was killed here must not be in the way.
Result<std::string> random_name() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof(number), 0) != sizeof(number)) return errno_error("getrandom");
    return ".berth-" + std::to_string(number);
}

}  // namespace

Result<TemporaryFile> TemporaryFile::create_in(const std::string& folder) {
    BERTH_TRY(const UniqueFd opened, open_at(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
    return create_at(opened.get(), folder);
}

Result<TemporaryFile> TemporaryFile::create_at(int folder, const std::string& name) {
    UniqueFd own(::fcntl(folder, F_DUPFD_CLOEXEC, 0));
    if (!own) return errno_error(name);
    UniqueFd unnamed(::openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (unnamed) return TemporaryFile(std::move(unnamed), {}, std::move(own));
    BERTH_TRY(std::string random, random_name());
    UniqueFd named(::openat(folder, random.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!named) return errno_error(name + ": cannot create a temporary file");
    return TemporaryFile(std::move(named), std::move(random), std::move(own));
}

TemporaryFile::~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(folder_.get(), name_.c_str(), 0);
}

Status TemporaryFile::publish(const std::string& path, mode_t mode, Existing existing) {
    BERTH_CHECK(finish(path, mode));
    if (name_.empty() && existing == Existing::refuse) {
        BERTH_CHECK(link_to(last_name(path), path));
    } else {
        if (name_.empty()) BERTH_CHECK(give_name(path));
        BERTH_CHECK(rename_to(path, existing));
    }
    sync_folder();
    return {};
}

Status TemporaryFile::replace(int old, const std::string& path, mode_t mode) {
    BERTH_CHECK(finish(path, mode));
    if (name_.empty()) BERTH_CHECK(give_name(path));
    // Writing to the disk took its time. Who may change the folder can still do so, and harms no file but his own.
    if (!has_name(old, folder_.get(), last_name(path)))
        return Error{Category::system, EBUSY, path + ": another program replaced the file meanwhile; try again"};
    BERTH_CHECK(rename_to(path, Existing::replace));
    sync_folder();
    return {};
}

Status TemporaryFile::finish(const std::string& path, mode_t mode) const {
    if (::fchmod(fd(), mode) != 0) return errno_error(path);
    return sync(fd(), path);
}

/// The name itself must survive a crash too. Some file systems cannot sync a folder: the file is whole all the same.
void TemporaryFile::sync_folder() const {
    if (const auto folder = open_at(folder_.get(), ".", O_RDONLY | O_DIRECTORY)) ::fsync(folder->get());
}

Status TemporaryFile::link_to(const std::string& name, const std::string& path) const {
    observe({StorageStep::Kind::publish, fd(), {}, 0, 0});
    if (::linkat(AT_FDCWD, proc_fd_path(fd()).c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    return errno_error(path, errno, errno == EEXIST ? Category::usage : Category::system);
}

/// linkat(2) replaces nothing, so that a file to be replaced needs a second name first.
Status TemporaryFile::give_name(const std::string& path) {
    BERTH_TRY(std::string name, random_name());
    BERTH_CHECK(link_to(name, path));
    name_ = std::move(name);
    return {};
}

Status TemporaryFile::rename_to(const std::string& path, Existing existing) {
    observe({StorageStep::Kind::publish, fd(), {}, 0, 0});
    const int folder = folder_.get();
    const std::string name = last_name(path);
    const unsigned flags = existing == Existing::refuse ? RENAME_NOREPLACE : 0;
    if (::renameat2(folder, name_.c_str(), folder, name.c_str(), flags) == 0) {
        name_.clear();
        return {};
    }
    // NFS, for one, knows no RENAME_NOREPLACE; link(2) refuses an existing name just as well. The destructor takes the
    // other name away.
    if (flags != 0 && errno == EINVAL && ::linkat(folder, name_.c_str(), folder, name.c_str(), 0) == 0) return {};
    return errno_error(path, errno, errno == EEXIST ? Category::usage : Category::system);
}

}  // namespace berth::sif
