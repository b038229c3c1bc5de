// Bounds that a process sets for itself before it reads what others wrote.
#pragma once

#include <sys/resource.h>

#include <cstdint>

#include "runtime/base/result.hpp"

namespace berth {

/// Lowers the soft and the hard limit to `most`, or leaves those that are lower already. setrlimit(2). Needs no privilege.
[[nodiscard]] Status lower_limit(__rlimit_resource resource, rlim_t most, const char* name);

/// Lets this process map `more` bytes beside those that it has mapped. Reads /proc/self/statm.
[[nodiscard]] Status limit_memory(std::uint64_t more);

/// slurmstepd may be the last that the kernel kills when memory runs out; what works for a user must not be: its
/// /proc/self/oom_score_adj is 0 again. Needs no privilege.
[[nodiscard]] Status give_up_oom_protection();

}  // namespace berth
