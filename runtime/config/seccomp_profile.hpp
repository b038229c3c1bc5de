// Seccomp profiles as Docker and the OCI runtimes read them: which system calls a container's command may make.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/result.hpp"

namespace berth::config {

/// What happens to a call, the strictest first: the order of the kernel, seccomp(2).
enum class SeccompAction { kill_process, kill_thread, trap, error, trace, log, allow };

/// Whether the call is not carried out. (A tracer may carry it out, so `trace` is none of these.)
[[nodiscard]] constexpr bool denies(SeccompAction action) noexcept { return action <= SeccompAction::error; }

struct SeccompVerdict {
    SeccompAction action = SeccompAction::error;
    std::uint16_t number = 0;  ///< `error`: the errno value; `trace`: the message to the tracer; else 0

    bool operator==(const SeccompVerdict&) const = default;
};

enum class SeccompComparison { ne, lt, le, eq, ge, gt, masked_eq };

/// A condition on one argument of a call, all 64 bits of it. masked_eq: (argument & value) == value_two.
struct SeccompArgument {
    unsigned index = 0;  ///< 0 to 5; a rule has no index twice
    SeccompComparison op = SeccompComparison::eq;
    std::uint64_t value = 0;
    std::uint64_t value_two = 0;  ///< 0 but for masked_eq, where it has no bit outside of `value`

    bool operator==(const SeccompArgument&) const = default;
};

struct KernelVersion {
    unsigned major = 0;
    unsigned minor = 0;

    auto operator<=>(const KernelVersion&) const = default;  // NOLINT(modernize-use-nullptr): a 0 that clang 14 itself puts there
};

/// When a rule is in the profile at all. What is empty asks for nothing.
struct SeccompCondition {
    CapabilitySet capabilities = 0;
    std::vector<std::string> machines;  ///< Go's names ("amd64"), or Docker's own ("x86", "x32")
    std::optional<KernelVersion> kernel;

    bool operator==(const SeccompCondition&) const = default;
};

/// One element of "syscalls".
struct SeccompRule {
    std::vector<std::string> names;  ///< of system calls; letters, digits and '_'
    SeccompVerdict verdict{};
    std::vector<SeccompArgument> arguments;  ///< all must hold
    SeccompCondition includes;               ///< the rule counts only with all of these
    SeccompCondition excludes;               ///< and with none of these

    bool operator==(const SeccompRule&) const = default;
};

/// One element of "archMap".
struct SeccompArchitecture {
    std::string native;  ///< "SCMP_ARCH_X86_64"
    std::vector<std::string> others;

    bool operator==(const SeccompArchitecture&) const = default;
};

struct SeccompProfile {
    std::string file;  ///< for messages
    SeccompVerdict otherwise{};
    std::vector<std::string> architectures;  ///< at most one of these two lists has elements
    std::vector<SeccompArchitecture> architecture_map;
    bool log = false;                  ///< SECCOMP_FILTER_FLAG_LOG
    bool speculation_allowed = false;  ///< SECCOMP_FILTER_FLAG_SPEC_ALLOW
    std::vector<SeccompRule> rules;  ///< in the order of the file

    bool operator==(const SeccompProfile&) const = default;
};

/// Largest profile that is read, in bytes.
inline constexpr std::size_t kMaxSeccompProfileSize = std::size_t{1} << 20;
/// Most names of system calls in all rules together.
inline constexpr std::size_t kMaxSeccompNames = 4096;

/// Reads the text of a profile; `file` is only named in messages. Touches nothing else, and needs nothing but memory: a
/// process that seccomp confines may call it. Strict: an unknown key, what Berth cannot carry out, and what would mean
/// something else than it seems to are errors. Category::config, "FILE: syscalls[3].args[0].op: …".
/// Source: the OCI runtime specification, config-linux.md, "Seccomp"; Docker's archMap, includes, excludes.
[[nodiscard]] Result<SeccompProfile> parse_seccomp_profile(std::string_view text, const std::string& file);

}  // namespace berth::config
