#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// When the process started, in clock ticks since boot: with its pid, the name of one process for ever.
/// proc(5), /proc/PID/stat field 22. ESRCH when there is no such process.
[[nodiscard]] Result<std::uint64_t> process_start_time(pid_t pid);

/// A pidfd of that very process; ESRCH when it is gone, its pid reused or not.
[[nodiscard]] Result<UniqueFd> open_process(pid_t pid, std::uint64_t start_time);

}  // namespace berth
