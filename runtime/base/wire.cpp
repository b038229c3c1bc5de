#include "runtime/base/wire.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace berth {
namespace {

/// Where the other end has gone without reading all that was sent to it, the kernel says so once, and only then hands
/// out what that end had said before.
ssize_t despite_reset(const auto& receive) {
    const ssize_t result = receive();
    return result < 0 && errno == ECONNRESET ? receive() : result;
}

}  // namespace

void Packer::number(std::uint64_t value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    data_.append(bytes.data(), bytes.size());
}

void Packer::text(std::string_view value) {
    number(value.size());
    data_.append(value);
}

void Packer::texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const auto& value : values) text(value);
}

std::uint64_t Unpacker::number() {
    std::uint64_t value = 0;
    if (!ok_ || rest_.size() < sizeof value) {
        ok_ = false;
        return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
}

std::string Unpacker::text() {
    const std::uint64_t size = number();
    if (!ok_ || size > rest_.size()) {
        ok_ = false;
        return {};
    }
    std::string value(rest_.substr(0, static_cast<std::size_t>(size)));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return value;
}

std::vector<std::string> Unpacker::texts() {
    const std::uint64_t count = number();
    std::vector<std::string> values;
    // Each text takes at least its length field: a larger count is a lie, found before memory is spent on it.
    if (count > rest_.size() / sizeof(std::uint64_t)) ok_ = false;
    for (std::uint64_t i = 0; ok_ && i < count; ++i) values.push_back(text());
    return values;
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno_error("socketpair");
    // A message travels whole: the buffer must hold the largest. Bounded by net.core.wmem_max without privilege;
    // send_message reports EMSGSIZE where that is not enough.
    const int bytes = static_cast<int>(kMaxMessageBytes) + 4096;
    for (const int end : ends)
        if (::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
            ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Status send_message(int socket, std::string_view data, const std::vector<int>& fds) {
    if (data.size() > kMaxMessageBytes || fds.size() > kMaxMessageFds)
        return Error{Category::usage, EMSGSIZE, "too much for one message between Berth's processes"};
    iovec part{const_cast<char*>(data.data()), data.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control{};
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr* const rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
    }
    while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return errno_error("cannot send to another process of Berth");
    return {};
}

Result<Message> receive_message(int socket, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        pollfd waiting{socket, POLLIN, 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (ready > 0) break;
        if (ready == 0) return Error{Category::system, ETIMEDOUT, "a process of Berth did not answer in time"};
        if (errno != EINTR) return errno_error("poll");
    }
    Message message;
    // MSG_PEEK | MSG_TRUNC tells the size first, so that small messages cost little memory.
    const ssize_t size = despite_reset([&] { return ::recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC); });
    if (size < 0) return errno_error("recv");
    if (static_cast<std::size_t>(size) > kMaxMessageBytes)
        return Error{Category::system, EMSGSIZE, "a process of Berth sent more than it may"};
    message.data.resize(static_cast<std::size_t>(size));
    iovec part{message.data.data(), message.data.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control{};
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = despite_reset([&] { return ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC); });
    if (got < 0) return errno_error("recvmsg");
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof fd);
            message.fds.emplace_back(fd);
        }
    }
    if (got == 0 && message.fds.empty())
        return Error{Category::system, ECONNRESET, "a process of Berth ended before it answered"};
    if ((header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
        return Error{Category::system, EMSGSIZE, "a message between Berth's processes was cut"};
    return message;
}

}  // namespace berth
