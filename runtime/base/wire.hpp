// Messages between Berth's own processes over a Unix socket: bounded, flat, with descriptors beside them.
// The receiving side may be root and the sending side anybody: every length is checked before it is believed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// Appends values in a fixed binary form (native byte order: both ends are this machine).
class Packer {
public:
    void number(std::uint64_t value);
    void text(std::string_view value);
    void texts(const std::vector<std::string>& values);
    [[nodiscard]] const std::string& data() const noexcept { return data_; }

private:
    std::string data_;
};

/// Reads them back in order. After the first value that is not there, every further one is empty and ok() is false.
class Unpacker {
public:
    explicit Unpacker(std::string_view data) noexcept : rest_(data) {}
    [[nodiscard]] std::uint64_t number();
    [[nodiscard]] std::string text();
    [[nodiscard]] std::vector<std::string> texts();
    /// True when everything read was there and nothing is left.
    [[nodiscard]] bool complete() const noexcept { return ok_ && rest_.empty(); }
    [[nodiscard]] bool ok() const noexcept { return ok_; }

private:
    std::string_view rest_;
    bool ok_ = true;
};

/// The most that one message may hold.
inline constexpr std::size_t kMaxMessageBytes = 1U << 20;
inline constexpr std::size_t kMaxMessageFds = 64;

struct Message {
    std::string data;
    std::vector<UniqueFd> fds;  ///< owned by the receiver, close-on-exec
};

/// A connected pair of SOCK_SEQPACKET sockets, close-on-exec.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> socket_pair();

/// Sends one message. The descriptors stay the caller's. EPIPE when the other end is gone (no SIGPIPE).
[[nodiscard]] Status send_message(int socket, std::string_view data, const std::vector<int>& fds = {});

/// Waits at most `limit` for one message. The other end's death is an error (Category::system, ECONNRESET).
[[nodiscard]] Result<Message> receive_message(int socket, std::chrono::milliseconds limit);

}  // namespace berth
