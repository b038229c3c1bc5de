#include "runtime/exec/image_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/io.hpp"
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

/// True when whoever made it is gone: it is locked as long as it is being made.
bool is_left_over(int folder, const std::string& path) {
    const UniqueFd fd(::openat(folder, path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
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
    if (!opened) return Error{Category::config, opened.error().number, what + ": must be a folder, not a link to one"};
    ImageCache cache(folder, std::move(opened).value(), limit);
    const UniqueFd tag(::openat(cache.folder_.get(), "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (tag) BERTH_CHECK(write_all(tag.get(), kTag, what));
    // Opened by name, so that every folder above is looked at.
    if (auto trusted = config::open_trusted(folder + "/CACHEDIR.TAG"); !trusted) return std::move(trusted).error().within("image cache");
    for (const char* name : {"images", "partial", "records"}) BERTH_CHECK(make_folder(cache.folder_.get(), name, what));
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

Result<UniqueFd> ImageCache::locked_place(const std::string& relative, std::chrono::milliseconds limit) const {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        UniqueFd fd(::openat(folder_.get(), relative.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd) return errno_error(path_ + "/" + relative);
        while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK && errno != EINTR) return errno_error(path_ + "/" + relative);
            if (std::chrono::steady_clock::now() > deadline)
                return Error{Category::system, ETIMEDOUT, path_ + "/" + relative + ": another process has been busy with it for too long"};
            std::this_thread::sleep_for(kPause);
        }
        // Whoever had the lock may have given the file its final name, or removed it.
        struct stat ours {};
        struct stat named {};
        if (::fstat(fd.get(), &ours) == 0 && ::fstatat(folder_.get(), relative.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == named.st_ino)
            return fd;
    }
}

Status ImageCache::make_room(std::uint64_t bytes) const {
    const auto too_small = [&](const std::string& why) {
        return Error{Category::usage, ENOSPC,
                     "image cache " + path_ + ": no room for an image of " + std::to_string(bytes) + " bytes (" + why +
                         "): sign it with `berth sign --lazy`, which needs no copy, or let the site raise `image cache size`"};
    };
    if (bytes > limit_) return too_small("it may hold " + std::to_string(limit_) + " bytes");
    std::uint64_t taken = 0;
    for (const Entry& entry : entries_of(folder_.get(), "partial")) {
        if (is_left_over(folder_.get(), entry.path))
            ::unlinkat(folder_.get(), entry.path.c_str(), 0);
        else
            taken += entry.bytes;
    }
    const auto images = entries_of(folder_.get(), "images");
    for (const Entry& entry : images) taken += entry.bytes;
    for (const Entry& entry : images) {
        if (taken + bytes <= limit_) break;
        if (::unlinkat(folder_.get(), entry.path.c_str(), 0) == 0) taken -= entry.bytes;
    }
    return taken + bytes <= limit_ ? Status() : too_small("copies that are being made take " + std::to_string(taken));
}

Status ImageCache::reserve(int fd, std::uint64_t bytes) const {
    BERTH_TRY(const UniqueFd lock, locked_place("lock", std::chrono::seconds{10}));
    if (::ftruncate(fd, 0) != 0) return errno_error(path_);
    BERTH_CHECK(make_room(bytes));
    int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    if (failed == EOPNOTSUPP || failed == EINVAL) failed = ::ftruncate(fd, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    if (failed != 0) return errno_error("image cache " + path_ + ": no room for a copy of the image", failed);
    return {};
}

Result<ImageCache::Place> ImageCache::begin(const std::string& name, std::uint64_t bytes, std::chrono::milliseconds limit) const {
    Place place;
    if (name.empty()) {
        place.fd.reset(::openat(folder_.get(), "partial", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!place.fd) return errno_error("image cache " + path_);
    } else {
        place.name = name;
        BERTH_TRY(place.fd, locked_place("partial/" + name, limit));
    }
    if (auto reserved = reserve(place.fd.get(), bytes); !reserved) {
        discard(place);
        return std::move(reserved).error();
    }
    return place;
}

Status ImageCache::keep(const Place& place, const std::string& digest) const {
    const std::string from = "partial/" + place.name;
    const std::string to = "images/" + digest;
    // No fsync(2): after a crash of the machine no record leads here (verified_image.cpp), and a new copy replaces this.
    if (::renameat(folder_.get(), from.c_str(), folder_.get(), to.c_str()) != 0) return errno_error(path_ + "/" + to);
    return {};
}

void ImageCache::discard(const Place& place) const noexcept {
    if (!place.name.empty()) ::unlinkat(folder_.get(), ("partial/" + place.name).c_str(), 0);
}

}  // namespace berth
