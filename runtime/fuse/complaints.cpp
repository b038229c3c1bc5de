#include "runtime/fuse/complaints.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include <atomic>
#include <cstring>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::fuse {
namespace {

constexpr std::string_view kLog = "/dev/log";

int log_fd = -1;
std::string image_name;
std::atomic<unsigned> complaints{0};

}  // namespace

int open_complaints(const std::string& name) {
    image_name = printable(name, 512);
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, kLog.data(), kLog.size());
    if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        log_fd = socket.release();
    return log_fd;
}

void complain(const Error& error) {
    if (log_fd < 0 || complaints.fetch_add(1, std::memory_order_relaxed) >= kMostComplaints) return;
    const std::string line = "<" + std::to_string(LOG_DAEMON | LOG_ERR) + ">berth-fuse: " + image_name + ": " + error.message;
    static_cast<void>(::send(log_fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace berth::fuse
