#include "runtime/exec/image_copy.hpp"

#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "runtime/base/child.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/privilege.hpp"
#include "sif/sha256.hpp"

namespace berth {
namespace {

constexpr std::size_t kPart = 1U << 20;
constexpr std::chrono::seconds kEndTime{2};

Status confine(const std::pair<uid_t, gid_t>& account, const std::vector<int>& keep, pid_t owner) {
    BERTH_CHECK(close_other_fds(keep));
    BERTH_CHECK(become({account.first, account.second, {}}));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != owner) return Error{Category::system, ESRCH, "the owner is gone"};
    if (const int rc = limit_capabilities(0); rc != 0) return errno_error("cannot drop capabilities", rc);
    if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
    return confine_reader();
}

Result<std::string> copied(int from, int to, std::uint64_t bytes, const std::string& what) {
    std::vector<std::byte> buffer(kPart);
    sif::Sha256Stream hash;
    for (std::uint64_t done = 0; done < bytes;) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(kPart, bytes - done));
        const ssize_t n = ::pread(from, part.data(), part.size(), static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error(what);
        if (n == 0) return Error{Category::image, 0, what + ": became shorter while it was read"};
        const auto read = part.first(static_cast<std::size_t>(n));
        BERTH_CHECK(write_all(to, {reinterpret_cast<const char*>(read.data()), read.size()}, "image cache"));
        hash.add(read);
        done += read.size();
    }
    return hexadecimal(hash.digest());
}

int copy_and_tell(int from, int to, std::uint64_t bytes, const std::string& what, int socket) {
    const auto digest = copied(from, to, bytes, what);
    Packer answer;
    answer.number(digest ? 0 : static_cast<std::uint64_t>(digest.error().category) + 1);
    answer.number(digest ? 0 : static_cast<std::uint64_t>(digest.error().number));
    answer.text(digest ? *digest : digest.error().message);
    return send_message(socket, answer.data()) ? 0 : 1;
}

}  // namespace

Result<std::string> copy_image(int from, int to, std::uint64_t bytes, const std::pair<uid_t, gid_t>& account,
                               std::chrono::milliseconds limit, const std::string& what) {
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(auto child, Child::fork([&, owner = ::getpid()] {
                  if (!confine(account, {from, to, sockets.second.get()}, owner)) return 1;
                  return copy_and_tell(from, to, bytes, what, sockets.second.get());
              }));
    sockets.second.reset();
    const auto reply = receive_message(sockets.first.get(), limit);
    if (!reply && reply.error().number == ETIMEDOUT)
        return Error{Category::system, ETIMEDOUT, what + ": could not be copied in time: sign it with `berth sign --lazy`, which needs no copy"};
    if (!reply) return Error{Category::system, 0, what + ": the process that copies it died"};
    BERTH_TRY(const int status, child.wait(kEndTime));  // nobody may write to the copy any more
    if (status != 0) return Error{Category::system, 0, what + ": the process that copies it failed"};
    Unpacker unpacker(reply->data);
    const std::uint64_t failed = unpacker.number();
    const auto number = static_cast<int>(unpacker.number());
    std::string text = unpacker.text();
    if (!unpacker.complete() || failed > static_cast<std::uint64_t>(Category::internal) + 1)
        return Error{Category::system, EPROTO, what + ": the process that copies it answered nonsense"};
    if (failed != 0) return Error{static_cast<Category>(failed - 1), number, printable(text, 1024)};
    return text;
}

}  // namespace berth
