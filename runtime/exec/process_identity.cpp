#include "runtime/exec/process_identity.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "runtime/base/io.hpp"

namespace berth {
namespace {

constexpr int kStartTimeAfterName = 20;  // field 22, counted from the state (field 3), which follows the ')'

}  // namespace

Result<std::uint64_t> process_start_time(pid_t pid) {
    const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
    if (!stat) return Error{Category::system, ESRCH, "process " + std::to_string(pid) + " is gone"};
    // The name in parentheses may hold anything, a ')' too: the last one ends it.
    std::size_t at = stat->rfind(')');
    for (int field = 0; field < kStartTimeAfterName && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
    if (at == std::string::npos) return Error{Category::system, EPROTO, "/proc/PID/stat has an unknown form"};
    return std::strtoull(stat->c_str() + at, nullptr, 10);
}

Result<UniqueFd> open_process(pid_t pid, std::uint64_t start_time) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) return errno_error("pidfd_open");
    // Held now: if the start time agrees, it is the one that was meant, and stays so.
    BERTH_TRY(const auto started, process_start_time(pid));
    if (started != start_time) return Error{Category::system, ESRCH, "process " + std::to_string(pid) + " is another one now"};
    return pidfd;
}

}  // namespace berth
