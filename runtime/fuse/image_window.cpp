#include "runtime/fuse/image_window.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace berth::fuse {
namespace {

struct Window {
    int fd = -1;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

Window window;
std::atomic<bool> used{false};

bool allows(int fd, std::size_t count, off_t position) {
    if (fd != window.fd || position < 0) return false;
    const auto first = static_cast<std::uint64_t>(position);
    return first >= window.begin && first <= window.end && count <= window.end - first;
}

}  // namespace

void set_image_window(int fd, std::uint64_t begin, std::uint64_t end) {
    window = Window{fd, begin, end};
    used.store(false, std::memory_order_relaxed);
}

bool image_window_used() {
    return used.load(std::memory_order_relaxed);
}

}  // namespace berth::fuse

// libsquashfuse's own definition is a plain pread; the linker takes this one in its place.
extern "C" __attribute__((visibility("default"))) ssize_t sqfs_pread(int fd, void* buffer, std::size_t count,
                                                                     off_t position) {
    namespace fuse = berth::fuse;
    if (!fuse::used.load(std::memory_order_relaxed)) fuse::used.store(true, std::memory_order_relaxed);
    if (!fuse::allows(fd, count, position)) {
        errno = EIO;
        return -1;
    }
    std::size_t done = 0;
    while (done < count) {
        const ssize_t n =
            ::pread(fd, static_cast<char*>(buffer) + done, count - done, position + static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(done);
}
