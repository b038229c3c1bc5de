#include "runtime/exec/shell_environment.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "runtime/base/child.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/environment/export_listing.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kScriptTime{30};
constexpr std::size_t kMaxListingBytes = 4U << 20;

/// Reads what the scripts' shell prints until it closes its end, or the time is over.
Result<std::string> read_listing(int fd) {
    const auto deadline = std::chrono::steady_clock::now() + kScriptTime;
    std::string listing;
    std::array<char, 8192> chunk{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waiting{fd, POLLIN, 0};
        const int rc = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (rc < 0 && errno == EINTR) continue;
        if (rc <= 0) return Error{Category::image, ETIMEDOUT, "the image's environment scripts did not end within 30 seconds"};
        const ssize_t n = ::read(fd, chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("the image's environment scripts");
        if (n == 0) return listing;
        listing.append(chunk.data(), static_cast<std::size_t>(n));
        if (listing.size() > kMaxListingBytes) return Error{Category::image, EFBIG, "the image's environment is larger than 4 MiB"};
    }
}

int run_shell(int listing, const std::vector<std::string>& entries) {
    if (listing == 3)
        ::fcntl(3, F_SETFD, 0);
    else if (::dup2(listing, 3) < 0)
        return 126;
    std::vector<char*> environment;
    environment.reserve(entries.size() + 1);
    for (const auto& entry : entries) environment.push_back(const_cast<char*>(entry.c_str()));
    environment.push_back(nullptr);
    const std::string program(environment_shell_program());
    std::array<char*, 4> argv = {const_cast<char*>("sh"), const_cast<char*>("-c"), const_cast<char*>(program.c_str()), nullptr};
    ::execve("/bin/sh", argv.data(), environment.data());
    return errno == ENOENT ? 127 : 126;
}

Result<Variables> run_scripts_in_shell(const Variables& start) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return errno_error("pipe");
    const UniqueFd reading(pipe[0]);
    UniqueFd writing(pipe[1]);
    const auto entries = environment_entries(start);
    const bool has_shell = ::access("/bin/sh", X_OK) == 0;
    if (!has_shell) {
        log(LogLevel::warning, "the image's environment scripts need /bin/sh, which the image does not have: they are not run");
        return start;
    }
    BERTH_TRY(auto shell, Child::fork([&] { return run_shell(writing.get(), entries); }));
    writing.reset();
    BERTH_TRY(const auto listing, read_listing(reading.get()));
    BERTH_TRY(const int status, shell.wait(kScriptTime));
    if (listing.empty())
        return Error{Category::image, 0, "the image's environment scripts ended without a result (status " +
                                             std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)) + ")"};
    return parse_export_p(listing);
}

}  // namespace

Result<Variables> command_environment(const std::vector<ImageScript>& scripts, const Variables& caller, const Request& request,
                                      const ContainerFacts& facts) {
    Variables start = before_scripts(facts);
    Variables variables;
    if (auto plain = run_plain_scripts(scripts, start)) {
        variables = *std::move(plain);
    } else {
        BERTH_TRY(variables, run_scripts_in_shell(start));
    }
    after_scripts(variables, caller, request, facts);
    return variables;
}

std::vector<std::string> environment_entries(const Variables& variables) {
    std::vector<std::string> entries;
    for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
    return entries;
}

}  // namespace berth
