// What was decided about the steps that run on this node: files of root's in /run/berth/steps, for `berth explain`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

inline constexpr const char* kStepRecords = "/run/berth/steps";

/// Which step, and whose life its record has: slurmstepd's.
struct StepName {
    std::uint32_t job = 0;
    std::uint32_t step = 0;
    pid_t daemon = 0;
    std::uint64_t daemon_started = 0;  ///< process_start_time()

    bool operator==(const StepName&) const = default;
};

/// Writes the record: root's, readable by `user` too (an access control list; where the file system has none, by root
/// alone). Removes those whose slurmstepd is gone. Needs root.
[[nodiscard]] Status write_step_record(const StepName& name, uid_t user, const std::string& text);

void remove_step_record(const StepName& name) noexcept;

/// Of the steps that run now, in the order of job and step.
[[nodiscard]] std::vector<StepName> step_records();

/// Category::denied where the caller may not read it.
[[nodiscard]] Result<std::string> read_step_record(const StepName& name);

}  // namespace berth
