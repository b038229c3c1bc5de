#include "runtime/exec/signature_check.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/namespaces.hpp"
#include "runtime/exec/privilege.hpp"

namespace berth {
namespace {

constexpr rlim_t kCpuSeconds = 120;         // of one process: gpg, or the reading of an image
constexpr rlim_t kFileBytes = 64UL << 20U;  // of a temporary keyring

bool limit(int what, rlim_t value) {
    const rlimit limits{value, value};
    return ::setrlimit(static_cast<__rlimit_resource>(what), &limits) == 0;
}

/// In the child, before its program: gives everything up.
Status settle(const std::pair<uid_t, gid_t>& account, pid_t owner) {
    BERTH_CHECK(make_private_tmp());
    BERTH_CHECK(become({account.first, account.second, {}}));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != owner) return Error{Category::system, ESRCH, "the owner is gone"};
    if (const int rc = drop_capabilities(); rc != 0) return errno_error("cannot drop capabilities", rc);
    if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
    if (!limit(RLIMIT_CPU, kCpuSeconds) || !limit(RLIMIT_FSIZE, kFileBytes) || !limit(RLIMIT_CORE, 0)) return errno_error("setrlimit");
    return {};
}

std::vector<std::string> arguments_of(const SignatureCheck& check) {
    std::vector<std::string> arguments{printable(check.image_path, 512)};
    if (check.site_keyring >= 0) arguments.emplace_back("--site-keyring");
    if (check.whole) arguments.emplace_back("--whole");
    if (!check.users_keys) return arguments;
    arguments.emplace_back("--users-keys");
    // Its environment is empty.
    const char* const folder = std::getenv("BERTH_KEYSDIR");
    arguments.emplace_back(folder != nullptr ? folder : "");
    return arguments;
}

Result<Child> start(const SignatureCheck& check, int socket) {
    const std::string program = install_paths().libexec + "/berth-verify";
    std::vector<int> fds{socket, check.image};
    if (check.site_keyring >= 0) fds.push_back(check.site_keyring);
    const auto arguments = arguments_of(check);
    if (!check.run_as) return Child::spawn(program, arguments, fds);
    return Child::spawn_after([owner = ::getpid(), account = *check.run_as] { return settle(account, owner); }, program, arguments, fds);
}

}  // namespace

Result<SignatureAnswer> check_signature(const SignatureCheck& check, std::uint64_t file_bytes, std::chrono::milliseconds limit) {
    const std::string name = printable(check.image_path, 512);
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(const Child child, start(check, sockets.second.get()));
    sockets.second.reset();
    const auto reply = receive_message(sockets.first.get(), limit);
    if (!reply && reply.error().number == ETIMEDOUT)
        return Error{Category::system, ETIMEDOUT,
                     name + ": its signature could not be checked within " +
                         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
                         " seconds: sign it with `berth sign --lazy`, so that it need not be read as a whole"};
    if (!reply) return Error{Category::image, 0, name + ": the process that checks its signature died: the image may be crafted or damaged"};
    auto answer = unpack_answer(reply->data, file_bytes);
    if (!answer) return std::move(answer).error().within(name);
    return answer;
}

}  // namespace berth
