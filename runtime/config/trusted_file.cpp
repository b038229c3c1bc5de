#include "runtime/config/trusted_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/origin.hpp"

namespace berth::config {
namespace {

/// The kernel's own limit (path_resolution(7)).
constexpr int kMostLinks = 40;

Error refusal(const std::string& path, const std::string& reason, int number = 0) {
    return Error{Category::config, number, Origin{path}.to_string() + ": " + reason};
}

Error failure(const std::string& path, int number = errno) {
    return refusal(path, std::strerror(number), number);
}

/// Only root may own it, and nobody else write to it: who can change a folder can put another file in place of ours.
Status check_ownership(const struct stat& status, const std::string& path) {
    const std::string who = "site files and the folders above them must be root's alone";
    const std::string shown = Origin{path}.to_string();
    if (status.st_uid != 0)
        return refusal(path, "belongs to uid " + std::to_string(status.st_uid) + "; " + who + ": chown root " + shown);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
    const bool is_shared = (status.st_mode & S_ISVTX) != 0;
    return refusal(path, "others than root can write to it; " + who + ": " +
                             (is_shared ? "put the file somewhere else" : "chmod go-w " + shown));
}

Result<std::string> read_link(int link, const std::string& path) {
    std::string target(PATH_MAX, '\0');
    const ssize_t length = ::readlinkat(link, "", target.data(), target.size());
    if (length < 0) return failure(path);
    if (static_cast<std::size_t>(length) == target.size()) return failure(path, ENAMETOOLONG);
    target.resize(static_cast<std::size_t>(length));
    return target;
}

/// A walk along a path, one component at a time, that checks all it passes.
class Walk {
public:
    explicit Walk(const std::string& path) : path_(path) { push(path); }

    Result<UniqueFd> to_file() {
        BERTH_TRY(UniqueFd file, to_end());
        struct stat status {};
        if (::fstat(file.get(), &status) != 0) return failure(here_);
        if (S_ISDIR(status.st_mode)) return refusal(path_, "is a folder, not a file", EISDIR);
        return reopen(file.get(), status);
    }

    Result<UniqueFd> to_folder() {
        BERTH_TRY(UniqueFd folder, to_end());
        struct stat status {};
        if (::fstat(folder.get(), &status) != 0) return failure(here_);
        if (!S_ISDIR(status.st_mode)) return refusal(here_, "is not a folder", ENOTDIR);
        return folder;
    }

private:
    /// What the whole path leads to, O_PATH.
    Result<UniqueFd> to_end() {
        BERTH_CHECK(enter_root());
        while (!left_.empty()) {
            const std::string name = std::move(left_.front());
            left_.pop_front();
            BERTH_TRY(UniqueFd next, open_component(name));
            struct stat status {};
            if (::fstat(next.get(), &status) != 0) return failure(here_);
            if (S_ISLNK(status.st_mode)) {
                BERTH_CHECK(follow(next.get(), name));
                continue;
            }
            here_ = normal_path(here_ + "/" + name);
            BERTH_CHECK(check_ownership(status, here_));
            if (left_.empty()) return next;
            if (!S_ISDIR(status.st_mode)) return refusal(here_, "is not a folder", ENOTDIR);
            folder_ = std::move(next);
        }
        return std::move(folder_);
    }

    /// In front of what is left.
    void push(const std::string& path) {
        auto parts = split(path, '/');
        std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
        left_.insert(left_.begin(), parts.begin(), parts.end());
    }

    Status enter_root() {
        auto root = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
        if (!root) return failure("/", root.error().number);
        struct stat status {};
        if (::fstat(root->get(), &status) != 0) return failure("/");
        BERTH_CHECK(check_ownership(status, "/"));
        folder_ = std::move(*root);
        here_ = "/";
        return {};
    }

    Result<UniqueFd> open_component(const std::string& name) const {
        constexpr int kFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
        // O_DIRECTORY makes the kernel mount an automounted folder before it is walked through.
        UniqueFd next(left_.empty() ? -1 : ::openat(folder_.get(), name.c_str(), kFlags | O_DIRECTORY));
        if (!next) next.reset(::openat(folder_.get(), name.c_str(), kFlags));
        if (next) return next;
        const int number = errno;
        if (number == ENOENT)
            return refusal(path_, "does not exist; install the one that comes with Berth there", number);
        return failure(normal_path(here_ + "/" + name), number);
    }

    Status follow(int link, const std::string& name) {
        const std::string link_path = normal_path(here_ + "/" + name);
        if (++links_ > kMostLinks) return refusal(path_, "leads through too many symbolic links", ELOOP);
        BERTH_TRY(const std::string target, read_link(link, link_path));
        push(target);
        return target.starts_with('/') ? enter_root() : Status{};
    }

    /// Through /proc, where an O_PATH descriptor leads to exactly the file that was checked. Only a regular file is
    /// opened: a device or a FIFO could act or block.
    Result<UniqueFd> reopen(int fd, const struct stat& status) const {
        if (!S_ISREG(status.st_mode)) return refusal(here_, "is not a regular file");
        auto file = open_at(AT_FDCWD, proc_fd_path(fd), O_RDONLY | O_NOCTTY);
        if (!file) return failure(here_, file.error().number);
        return file;
    }

    const std::string& path_;
    std::deque<std::string> left_;
    UniqueFd folder_;
    std::string here_;
    int links_ = 0;
};

Status check_name(const std::string& path) {
    if (!path.starts_with('/')) return refusal(path, "a site file is named by an absolute path");
    if (path.find('\0') != std::string::npos) return refusal(path, "the path holds a NUL byte");
    return {};
}

}  // namespace

Result<UniqueFd> open_trusted(const std::string& path) {
    BERTH_CHECK(check_name(path));
    return Walk(path).to_file();
}

Result<UniqueFd> open_trusted_folder(const std::string& path) {
    BERTH_CHECK(check_name(path));
    return Walk(path).to_folder();
}

Result<bool> site_file_exists(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT) return false;
    return failure(path);
}

Result<UniqueFd> lock_site_file(int folder, const std::string& folder_name, const std::string& lock_name) {
    BERTH_TRY(UniqueFd file, open_at(folder, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    while (::flock(file.get(), LOCK_EX) != 0)
        if (errno != EINTR) return errno_error(folder_name + lock_name);
    return file;
}

}  // namespace berth::config
