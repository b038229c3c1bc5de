#include "runtime/exec/image_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxRecord = 64U << 10;
constexpr std::size_t kMaxRecords = 4096;
constexpr std::chrono::milliseconds kPause{20};
constexpr std::string_view kTag = "Signature: 8a477f597d28d172789f06886806bc55\n# Berth's copies of images.\n";

struct Entry {
    std::string path;  ///< relative to the cache's folder
    std::uint64_t bytes = 0;
    timespec used{};
};

std::vector<Entry> entries_of(int folder, const std::string& name) {
    std::vector<Entry> entries;
    const int fd = ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    if (!stream) return entries;
    while (const dirent* entry = ::readdir(stream.get())) {
        struct stat st {};
        if (entry->d_name[0] == '.' || ::fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        entries.push_back({name + "/" + entry->d_name, static_cast<std::uint64_t>(st.st_size), st.st_mtim});
    }
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
        return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
    });
    return entries;
}

Status make_folder(int at, const std::string& path, const std::string& what) {
    if (::mkdirat(at, path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(what, errno, Category::config);
    return {};
}

}  // namespace

Result<ImageCache> ImageCache::open(const std::string& folder, std::uint64_t limit) {
    const std::string what = "image cache " + folder;
    BERTH_CHECK(make_folder(AT_FDCWD, folder, what));
    auto opened = open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return errno_error(what, opened.error().number, Category::config);
    struct stat st {};
    if (::fstat(opened->get(), &st) != 0 || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error{Category::config, 0, what + ": others than root can write to it: chown root and chmod go-w the folder, or name another"};
    ImageCache cache(folder, std::move(opened).value(), limit);
    const UniqueFd tag(::openat(cache.folder_.get(), "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (tag) BERTH_CHECK(write_all(tag.get(), kTag, what));
    // Opened by name, so that every folder above is looked at.
    if (auto trusted = config::open_trusted(folder + "/CACHEDIR.TAG"); !trusted) return std::move(trusted).error().within("image cache");
    for (const char* name : {"images", "partial", "records", "locks"}) BERTH_CHECK(make_folder(cache.folder_.get(), name, what));
    return cache;
}

std::optional<std::string> ImageCache::record(const std::string& name, std::chrono::seconds age) const {
    const UniqueFd fd(::openat(folder_.get(), ("records/" + name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) return std::nullopt;
    const std::time_t now = std::time(nullptr);
    if (st.st_mtim.tv_sec > now || now - st.st_mtim.tv_sec > age.count()) return std::nullopt;
    auto text = read_all(fd.get(), kMaxRecord, "record");
    if (!text) return std::nullopt;
    return std::move(text).value();
}

Status ImageCache::set_record(const std::string& name, const std::string& text) const {
    auto records = entries_of(folder_.get(), "records");
    for (std::size_t i = 0; i + kMaxRecords <= records.size(); ++i) ::unlinkat(folder_.get(), records[i].path.c_str(), 0);
    const std::string path = "records/" + name;
    const std::string fresh = path + "." + std::to_string(::getpid());
    const UniqueFd fd(::openat(folder_.get(), fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return errno_error(path_ + "/" + fresh);
    auto written = write_all(fd.get(), text, path_ + "/" + fresh);
    if (written && ::renameat(folder_.get(), fresh.c_str(), folder_.get(), path.c_str()) != 0) written = errno_error(path_ + "/" + path);
    if (!written) ::unlinkat(folder_.get(), fresh.c_str(), 0);
    return written;
}

UniqueFd ImageCache::image(const std::string& digest) const {
    UniqueFd fd(::openat(folder_.get(), ("images/" + digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (fd) ::futimens(fd.get(), nullptr);
    return fd;
}

Result<UniqueFd> ImageCache::locked(const std::string& relative, Deadline deadline) const {
    UniqueFd fd(::openat(folder_.get(), relative.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return errno_error(path_ + "/" + relative);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(path_ + "/" + relative);
        if (std::chrono::steady_clock::now() > deadline)
            return Error{Category::system, ETIMEDOUT,
                         path_ + "/" + relative + ": another step has been busy with an image for too long: try again, or sign "
                                                  "the image with `berth sign --lazy`, which needs no copy"};
        std::this_thread::sleep_for(kPause);
    }
    return fd;
}

Result<UniqueFd> ImageCache::lock(const std::string& name, Deadline deadline) const {
    return locked("locks/" + name.substr(0, 2), deadline);
}

Status ImageCache::make_room(std::uint64_t bytes) const {
    std::uint64_t taken = 0;
    for (const Entry& entry : entries_of(folder_.get(), "partial")) {
        // Who holds the cache's lock is alone in making and locking such names: one without a lock is left over.
        const UniqueFd fd(::openat(folder_.get(), entry.path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
        if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
            ::unlinkat(folder_.get(), entry.path.c_str(), 0);
        else
            taken += entry.bytes;
    }
    const auto images = entries_of(folder_.get(), "images");
    std::uint64_t kept = 0;
    for (const Entry& entry : images) kept += entry.bytes;
    // What is left to others than root: the file system's own reserve stays.
    struct statvfs fs {};
    const std::uint64_t space = ::fstatvfs(folder_.get(), &fs) == 0 ? fs.f_bavail * fs.f_frsize : limit_;
    const auto fits = [&](std::uint64_t still_kept) {
        return bytes <= limit_ && taken + still_kept <= limit_ - bytes && bytes <= space + (kept - still_kept);
    };
    // Nothing goes in vain.
    if (fits(0)) {
        std::uint64_t still_kept = kept;
        for (const Entry& entry : images) {
            if (fits(still_kept)) break;
            if (::unlinkat(folder_.get(), entry.path.c_str(), 0) == 0) still_kept -= entry.bytes;
        }
        if (fits(still_kept)) return {};
    }
    return Error{Category::usage, ENOSPC,
                 "image cache " + path_ + ": no room for an image of " + std::to_string(bytes) + " bytes (it may hold " +
                     std::to_string(limit_) + "): sign it with `berth sign --lazy`, which needs no copy, or let the site raise " +
                     "`image cache size` or free space there"};
}

Result<ImageCache::Place> ImageCache::begin(std::uint64_t bytes, Deadline deadline) const {
    BERTH_TRY(const UniqueFd alone, locked("lock", deadline));
    BERTH_CHECK(make_room(bytes));
    std::array<std::byte, 16> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return errno_error("getrandom");
    Place place;
    place.path = "partial/" + hexadecimal(random);
    place.fd.reset(::openat(folder_.get(), place.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!place.fd) return errno_error(path_ + "/" + place.path);
    int failed = ::flock(place.fd.get(), LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (failed == 0 && ::fallocate(place.fd.get(), 0, 0, static_cast<off_t>(bytes)) != 0) failed = errno;
    // A file system that cannot reserve: the size at least is counted.
    if (failed == EOPNOTSUPP) failed = ::ftruncate(place.fd.get(), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    if (failed == 0) return place;
    discard(place);
    return errno_error("image cache " + path_ + ": no room for a copy of the image", failed);
}

Status ImageCache::keep(const Place& place, const std::string& digest) const {
    if (!is_digest(digest)) return Error{Category::system, EPROTO, "image cache " + path_ + ": not a digest"};
    struct stat ours {};
    struct stat named {};
    if (::fstat(place.fd.get(), &ours) != 0 || ::fstatat(folder_.get(), place.path.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
        ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
        return Error{Category::system, ENOENT, path_ + "/" + place.path + ": was removed while the copy was made"};
    // No fsync(2): after a crash of the machine no record leads here (verified_image.cpp), and a new copy replaces this.
    const std::string to = "images/" + digest;
    if (::renameat(folder_.get(), place.path.c_str(), folder_.get(), to.c_str()) != 0) return errno_error(path_ + "/" + to);
    return {};
}

void ImageCache::discard(const Place& place) const noexcept { ::unlinkat(folder_.get(), place.path.c_str(), 0); }

bool is_digest(const std::string& text) noexcept {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace berth
