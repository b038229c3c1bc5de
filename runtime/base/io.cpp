#include "runtime/base/io.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "runtime/base/checked.hpp"

namespace berth {

Result<UniqueFd> open_at(int directory, const std::string& path, int flags, unsigned mode) {
    UniqueFd fd(::openat(directory, path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) return errno_error(path);
    return fd;
}

Status pread_exact(int fd, std::span<std::byte> buffer, std::uint64_t offset, const std::string& what) {
    std::size_t done = 0;
    while (done < buffer.size()) {
        const auto position = checked_cast<off_t>(offset + done);
        if (!position) return Error{Category::image, EOVERFLOW, what + ": offset out of range"};
        const ssize_t n = ::pread(fd, buffer.data() + done, buffer.size() - done, *position);
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(what);
        }
        if (n == 0)
            return Error{Category::image, 0,
                         what + ": file ends at byte " + std::to_string(offset + done) + ", wanted " +
                             std::to_string(buffer.size()) + " bytes at " + std::to_string(offset)};
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Result<std::string> read_all(int fd, std::size_t limit, const std::string& what) {
    std::string data;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t n = ::read(fd, chunk.data(), chunk.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(what);
        }
        if (n == 0) return data;
        if (data.size() + static_cast<std::size_t>(n) > limit)
            return Error{Category::usage, EFBIG, what + ": larger than " + std::to_string(limit) + " bytes"};
        data.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY));
    return read_all(fd.get(), limit, path);
}

Status write_all(int fd, std::string_view data, const std::string& what) {
    while (!data.empty()) {
        const ssize_t n = ::write(fd, data.data(), data.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(what);
        }
        data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Status pwrite_all(int fd, std::span<const std::byte> data, std::uint64_t offset, const std::string& what) {
    while (!data.empty()) {
        const ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(what);
        }
        data = data.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<UniqueFd> memory_file(const std::string& what) {
    UniqueFd file(::memfd_create("berth", MFD_CLOEXEC));
    if (!file) return errno_error(what + ": memfd_create");
    return file;
}

std::string proc_fd_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Result<std::string> path_of_fd(int fd) {
    std::string path(PATH_MAX, '\0');
    const ssize_t n = ::readlink(proc_fd_path(fd).c_str(), path.data(), path.size());
    if (n < 0) return errno_error(proc_fd_path(fd));
    if (static_cast<std::size_t>(n) == path.size())
        return Error{Category::unsupported, ENAMETOOLONG, "the path of an open file is longer than PATH_MAX"};
    path.resize(static_cast<std::size_t>(n));
    return path;
}

}  // namespace berth
