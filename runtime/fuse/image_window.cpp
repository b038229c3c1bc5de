#include "runtime/fuse/image_window.hpp"

#include <sys/types.h>

#include <atomic>
#include <cerrno>

#include "runtime/base/io.hpp"

namespace berth::fuse {
namespace {

struct Window {
    int fd = -1;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    const sif::HashTree* tree = nullptr;
    void (*complain)(const Error&) = nullptr;
};

Window window;
std::atomic<bool> used{false};

}  // namespace

void set_image_window(int fd, std::uint64_t begin, std::uint64_t end, const sif::HashTree* tree,
                      void (*complain)(const Error&)) {
    window = Window{fd, begin, end, tree, complain};
    used.store(false, std::memory_order_relaxed);
}

Status read_image(std::span<std::byte> buffer, std::uint64_t position) {
    if (position < window.begin || position > window.end || buffer.size() > window.end - position)
        return Error{Category::image, EIO, "a read beyond the partition's end"};
    if (window.tree == nullptr) return pread_exact(window.fd, buffer, position, "image");
    auto status = window.tree->read(position - window.begin, buffer);
    if (!status && window.complain != nullptr) window.complain(status.error());
    return status;
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
    try {
        if (fd == fuse::window.fd && position >= 0 &&
            fuse::read_image({static_cast<std::byte*>(buffer), count}, static_cast<std::uint64_t>(position)))
            return static_cast<ssize_t>(count);
    } catch (const std::bad_alloc&) {
        errno = ENOMEM;
        return -1;
    }
    errno = EIO;
    return -1;
}
