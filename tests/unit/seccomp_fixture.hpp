// Profiles compiled for a test, asked about calls, and put in force in a child.
#pragma once

#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "runtime/exec/seccomp_filter.hpp"
#include "tests/unit/seccomp_machine.hpp"

namespace berth {

inline config::SeccompProfile profile_of(const std::string& text) {
    auto profile = config::parse_seccomp_profile(text, "p.json");
    if (!profile) FAIL(profile.error().message);
    return *profile;
}

inline SeccompFilter compiled(const std::string& text, const SeccompTarget& target = {0, "amd64", {6, 1}}) {
    auto filter = compile_seccomp(profile_of(text), target);
    if (!filter) FAIL(filter.error().message);
    return *filter;
}

/// Compiled for this machine.
inline SeccompFilter compiled_here(const std::string& text, CapabilitySet capabilities = 0) {
    auto target = current_seccomp_target(capabilities);
    if (!target) FAIL(target.error().message);
    return compiled(text, *target);
}

using CallArguments = std::array<std::uint64_t, 6>;

inline std::uint32_t asked(const SeccompFilter& filter, std::uint32_t architecture, std::uint32_t number,
                           const CallArguments& arguments = {}) {
    seccomp_data data{};
    data.nr = static_cast<int>(number);
    data.arch = architecture;
    std::copy(arguments.begin(), arguments.end(), data.args);
    return filter_result(filter.program, data);
}

inline std::uint32_t failing(int number) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number); }

/// Runs `body` in a child under the filter. \return the wait status; 255 where the filter could not be installed.
template <typename Body>
int under(const SeccompFilter& filter, const Body& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (install_seccomp(filter.program.data(), filter.program.size(), filter.flags) != 0) ::_exit(255);
        ::_exit(body());
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

inline int errno_of(long result) { return result == -1 ? errno : 0; }

}  // namespace berth
