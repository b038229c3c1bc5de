#include "runtime/exec/signature_check.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/resource_limits.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/namespaces.hpp"
#include "runtime/exec/privilege.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kEndTime{2};
constexpr rlim_t kCpuSeconds = 120;         // of one process: gpg, or the reading of an image
constexpr rlim_t kFileBytes = 64UL << 20U;  // of a temporary keyring
constexpr rlim_t kStackBytes = 8UL << 20U;  // of a thread
constexpr std::uint64_t kMemory = 1UL << 30U;

/// In the child, before it forks its program's process: what that one, and all that it starts, will live in.
Status separate(pid_t owner) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != owner) return Error{Category::system, ESRCH, "the owner is gone"};
    return make_checkers_namespaces();
}

/// In the program's process: gives everything up.
Status settle(const std::pair<uid_t, gid_t>& account) {
    BERTH_CHECK(become({account.first, account.second, {}}));
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (const int rc = limit_capabilities(0); rc != 0) return errno_error("cannot drop capabilities", rc);
    if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
    BERTH_CHECK(lower_limit(RLIMIT_CPU, kCpuSeconds, "RLIMIT_CPU"));
    BERTH_CHECK(lower_limit(RLIMIT_FSIZE, kFileBytes, "RLIMIT_FSIZE"));
    BERTH_CHECK(lower_limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
    BERTH_CHECK(lower_limit(RLIMIT_STACK, kStackBytes, "RLIMIT_STACK"));
    BERTH_CHECK(limit_memory(kMemory));
    return confine_checker();
}

std::vector<std::string> arguments_of(const SignatureCheck& check) {
    std::vector<std::string> arguments{printable(check.image_path, 512)};
    if (check.site_keyring >= 0) arguments.emplace_back("--site-keyring");
    if (check.reading != ImageReading::tree) arguments.emplace_back("--whole");
    if (check.reading == ImageReading::whole) arguments.emplace_back("--no-tree");
    if (!check.users_keys) return arguments;
    arguments.emplace_back("--users-keys");
    // Its environment is empty.
    const char* const folder = std::getenv("BERTH_KEYSDIR");
    arguments.emplace_back(folder != nullptr ? folder : "");
    return arguments;
}

/// Why there is no answer.
Error failure(Child& child, const Error& error, const std::string& name) {
    if (error.number == ETIMEDOUT)
        return Error{Category::system, ETIMEDOUT,
                     name + ": its signature could not be checked in time: with `berth sign --lazy` an image need not be read as a whole"};
    const auto status = child.wait(kEndTime);
    if (status && WIFEXITED(*status) && (WEXITSTATUS(*status) == Child::kNotPrepared || WEXITSTATUS(*status) == Child::kNotExecuted))
        return Error{Category::system, 0, "berth-verify, which checks signatures, could not be started as the image server's user"};
    return Error{Category::image, 0, name + ": the process that checks its signature died: the image may be crafted or damaged"};
}

Result<Child> start(const SignatureCheck& check, int socket) {
    const std::string program = install_paths().libexec + "/berth-verify";
    std::vector<int> fds{socket, check.image};
    if (check.site_keyring >= 0) fds.push_back(check.site_keyring);
    const auto arguments = arguments_of(check);
    if (!check.run_as) return Child::spawn(program, arguments, fds);
    return Child::spawn_apart([owner = ::getpid()] { return separate(owner); }, [account = *check.run_as] { return settle(account); },
                              program, arguments, fds);
}

}  // namespace

Result<SignatureAnswer> check_signature(const SignatureCheck& check, std::uint64_t file_bytes, std::chrono::milliseconds limit) {
    const std::string name = printable(check.image_path, 512);
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(Child child, start(check, sockets.second.get()));
    sockets.second.reset();
    auto reply = receive_message(sockets.first.get(), limit);
    if (!reply) return failure(child, reply.error(), name);
    auto answer = unpack_answer(reply->data, file_bytes);
    if (!answer) return std::move(answer).error().within(name);
    return answer;
}

}  // namespace berth
