// The program of a seccomp filter: classic BPF over struct seccomp_data. Pure; knows no names.
// Berth writes the program itself: libseccomp 2.5 takes 20 to 50 ms for a profile of 400 calls on three architectures
// (each rule walks lists, each block is looked for in lists), can only write it to a descriptor, and asks the kernel
// what it can do, which a confined process must not.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/config/seccomp_profile.hpp"

namespace berth {

using SeccompCode = std::vector<sock_filter>;

/// What a filter returns to the kernel for a verdict (SECCOMP_RET_…, with its number).
[[nodiscard]] std::uint32_t return_value(config::SeccompVerdict verdict) noexcept;

/// A call is decided by the first of these whose conditions all hold.
struct SeccompBranch {
    config::SeccompVerdict verdict{};
    std::vector<config::SeccompArgument> arguments;
};

/// The code that ends with the verdict for a call. Of several branches that hold, the strictest decides (among equals,
/// the first); without any, `otherwise`.
[[nodiscard]] SeccompCode branch_code(std::vector<SeccompBranch> branches, config::SeccompVerdict otherwise,
                                      bool big_endian);

[[nodiscard]] SeccompCode return_code(config::SeccompVerdict verdict);

/// For each number of a system call, the code that decides it.
class SeccompCalls {
public:
    /// For the numbers from `first` on, until the next from(). Called with 0 first, then in ascending order; what was
    /// said for the same number before no longer counts.
    void from(std::uint32_t first, const SeccompCode& code);

    /// Looks the number up by a binary search; neighbours that are decided alike are one range.
    [[nodiscard]] SeccompCode search() const;

private:
    struct Range {
        std::uint32_t first = 0;
        SeccompCode code;
    };
    [[nodiscard]] static SeccompCode search_in(std::span<const Range> ranges);

    std::vector<Range> ranges_;
};

/// The calls of an architecture that the kernel names `audit` (AUDIT_ARCH_…).
struct SeccompSection {
    std::uint32_t audit = 0;
    SeccompCalls calls;
};

/// The whole program. Calls of other architectures end the process.
[[nodiscard]] SeccompCode seccomp_program(std::span<const SeccompSection> sections);

}  // namespace berth
