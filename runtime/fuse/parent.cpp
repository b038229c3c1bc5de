#include "runtime/fuse/parent.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <chrono>

#include "runtime/base/wire.hpp"

namespace berth::fuse {
namespace {

constexpr unsigned kMiscMajor = 10;
constexpr unsigned kFuseMinor = 229;  // Documentation/admin-guide/devices.txt
constexpr std::chrono::seconds kParentTime{15};

}  // namespace

Result<Mounted> receive_mounted(int parent_fd) {
    BERTH_TRY(auto message, receive_message(parent_fd, kParentTime));
    if (message.fds.size() != 1) return Error{Category::usage, EPROTO, "the parent sent no descriptor"};
    struct stat status {};
    if (::fstat(message.fds[0].get(), &status) != 0) return errno_error("/dev/fuse", errno, Category::usage);
    if (!S_ISCHR(status.st_mode) || status.st_rdev != ::makedev(kMiscMajor, kFuseMinor))
        return Error{Category::usage, EINVAL, "the parent's descriptor is not /dev/fuse"};
    return Mounted{std::move(message.fds[0]), std::move(message.data)};
}

void answer_parent(int parent_fd, const std::string& answer) noexcept {
    static_cast<void>(::send(parent_fd, answer.data(), answer.size(), MSG_NOSIGNAL));
    ::close(parent_fd);
}

}  // namespace berth::fuse
