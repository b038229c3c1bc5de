#include "runtime/exec/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/base/text.hpp"
#include "runtime/exec/seccomp_code.hpp"

namespace berth {
namespace {

using config::SeccompAction;
using config::SeccompArgument;
using config::SeccompComparison;
using config::SeccompCondition;
using config::SeccompProfile;
using config::SeccompRule;
using config::SeccompVerdict;

/// A way to call the kernel that a machine has.
struct Abi {
    std::string_view name;  ///< in profiles
    std::uint32_t token;    ///< libseccomp's
    std::uint32_t audit;    ///< the kernel's; x32 shares that of x86_64
    std::uint32_t first;    ///< its calls have the numbers from here
    std::uint32_t last;     ///< to here
    bool wide;              ///< arguments of 64 bits
};

constexpr std::uint64_t kIpcCalls = 0xFFFF;  // of the first argument of ipc(2); above are versions, which the kernel takes off
constexpr std::uint32_t kX32 = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::uint32_t kNoCall = 0xFFFFFFFF;  // a tracer sets it to have a call left out
constexpr Abi kX86_64{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0, kX32 - 1, true};
constexpr Abi kX86{"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0, kNoCall, false};
constexpr Abi kX32Abi{"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, kX32, kNoCall, true};
constexpr Abi kArm64{"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0, kNoCall, true};
constexpr Abi kArm{"SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0, kNoCall, false};
constexpr Abi kPower{"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, 0, kNoCall, true};
constexpr Abi kS390x{"SCMP_ARCH_S390X", SCMP_ARCH_S390X, AUDIT_ARCH_S390X, 0, kNoCall, true};
constexpr Abi kS390{"SCMP_ARCH_S390", SCMP_ARCH_S390, AUDIT_ARCH_S390, 0, kNoCall, false};
constexpr Abi kRiscv{"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 0, kNoCall, true};

struct Machine {
    std::string_view name;    ///< Go's
    std::string_view docker;  ///< Docker's own
    bool big_endian;
    Abi native;
    std::array<const Abi*, 2> others;  ///< that its kernel may run, too
};

constexpr std::array<Machine, 7> kMachines = {{
    {"amd64", "amd64", false, kX86_64, {&kX86, &kX32Abi}},
    {"386", "x86", false, kX86, {}},
    {"arm64", "arm64", false, kArm64, {&kArm, nullptr}},
    {"arm", "arm", false, kArm, {}},
    {"ppc64le", "ppc64le", false, kPower, {}},
    {"s390x", "s390x", true, kS390x, {&kS390, nullptr}},
    {"riscv64", "riscv64", false, kRiscv, {}},
}};

// Beyond it lie numbers that are no part of the sequence, such as ARM's 0xF0000.
constexpr std::uint32_t kLongestSequence = 0x10000;

bool has(const std::vector<std::string>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

bool is_named(const SeccompCondition& condition, const Machine& machine) {
    return has(condition.machines, machine.name) || has(condition.machines, machine.docker);
}

bool applies(const SeccompRule& rule, const Machine& machine, const SeccompTarget& target) {
    const SeccompCondition& out = rule.excludes;
    if (is_named(out, machine) || (out.capabilities & target.capabilities) != 0 ||
        (out.kernel && target.kernel >= *out.kernel))
        return false;
    const SeccompCondition& in = rule.includes;
    return (in.machines.empty() || is_named(in, machine)) && (in.capabilities & ~target.capabilities) == 0 &&
           (!in.kernel || target.kernel >= *in.kernel);
}

/// The machine's own, and those of the others that the profile names. What else it names cannot run here.
std::vector<const Abi*> abis_of(const SeccompProfile& profile, const Machine& machine) {
    std::vector<std::string> named = profile.architectures;
    for (const auto& entry : profile.architecture_map)
        if (entry.native == machine.native.name) named.insert(named.end(), entry.others.begin(), entry.others.end());
    std::vector<const Abi*> abis{&machine.native};
    for (const Abi* const other : machine.others)
        if (other != nullptr && has(named, other->name)) abis.push_back(other);
    return abis;
}

/// Registers of 32 bits hold no sign beyond them: there, -1 means 0xFFFFFFFF.
SeccompArgument narrow(SeccompArgument argument) {
    constexpr std::uint64_t kNegative = 0xFFFFFFFF80000000;
    for (std::uint64_t* const value : {&argument.value, &argument.value_two})
        if (*value >= kNegative) *value &= 0xFFFFFFFF;
    return argument;
}

/// The rules for the calls of one ABI.
class AbiRules {
public:
    AbiRules(const Abi& abi, SeccompVerdict otherwise, bool big_endian)
        : abi_(abi), otherwise_(otherwise), big_endian_(big_endian) {}

    void add(const std::string& name, const SeccompRule& rule) {
        const int number = seccomp_syscall_resolve_name_arch(abi_.token, name.c_str());
        if (number >= 0) return add_call(static_cast<std::uint32_t>(number), rule);
        // libseccomp's own numbers: -100… for socketcall(2)'s, -200… for ipc(2)'s, -10000… for those it has not here.
        if (number > -100 || number <= -300) return;
        if (const auto direct = direct_number(name)) add_call(*direct, rule);
        const int carrier = seccomp_syscall_resolve_name_rewrite(abi_.token, name.c_str());
        if (carrier >= 0) add_carried(static_cast<std::uint32_t>(carrier), static_cast<unsigned>(-number % 100), number <= -200 ? kIpcCalls : ~std::uint64_t{0}, rule);
    }

    /// After those of smaller numbers.
    void append_to(SeccompCalls& calls) {
        std::ranges::stable_sort(entries_, {}, &Entry::number);
        const SeccompCode plain = return_code(otherwise_);
        const bool old_kernel = otherwise_.action == SeccompAction::error;
        const SeccompCode newer = old_kernel ? return_code({SeccompAction::error, ENOSYS}) : plain;
        const std::uint32_t end = abi_.first + kLongestSequence;
        bool ended = false;
        calls.from(abi_.first, plain);
        for (auto at = entries_.cbegin(); at != entries_.cend();) {
            const std::uint32_t number = at->number;
            if (number >= end && !std::exchange(ended, true)) calls.from(end, plain);
            calls.from(number, code_of(at));
            calls.from(number + 1, number == last_ ? newer : plain);
        }
        if (!ended) calls.from(end, plain);
        if (abi_.last != kNoCall) calls.from(abi_.last + 1, return_code({SeccompAction::kill_process, 0}));
    }

    [[nodiscard]] const Abi& abi() const noexcept { return abi_; }

private:
    struct Entry {
        std::uint32_t number = 0;
        const SeccompRule* rule = nullptr;
        std::optional<unsigned> carried;  ///< which call of those that `number` carries
        std::uint64_t mask = 0;           ///< the bits of its first argument that say so
    };

    void add_call(std::uint32_t number, const SeccompRule& rule) {
        if (number - abi_.first < kLongestSequence) last_ = std::max(last_.value_or(0), number);
        entries_.push_back({number, &rule, std::nullopt, 0});
    }

    void add_carried(std::uint32_t carrier, unsigned call, std::uint64_t mask, const SeccompRule& rule) {
        // The call's own arguments lie in memory, where no filter looks.
        if (rule.arguments.empty() || rule.verdict.action <= otherwise_.action)
            entries_.push_back({carrier, &rule, call, mask});
    }

    /// The code of the call at `at`, which moves to the next one.
    SeccompCode code_of(std::vector<Entry>::const_iterator& at) const {
        const auto first = at;
        at = std::find_if(at, entries_.end(), [first](const Entry& entry) { return entry.number != first->number; });
        if (at - first == 1 && first->rule->arguments.empty() && !first->carried)
            return return_code(first->rule->verdict);
        std::vector<SeccompBranch> branches;
        for (const Entry& entry : std::span(first, at)) {
            SeccompBranch& branch = branches.emplace_back();
            branch.verdict = entry.rule->verdict;
            if (entry.carried)
                branch.arguments = {{0, SeccompComparison::masked_eq, entry.mask, *entry.carried}};
            else
                for (const SeccompArgument& argument : entry.rule->arguments)
                    branch.arguments.push_back(abi_.wide ? argument : narrow(argument));
        }
        return branch_code(std::move(branches), otherwise_, big_endian_);
    }

    /// The number of a call that has both one and a place in socketcall(2) or ipc(2), for which libseccomp gives the
    /// place only. They came with Linux 4.3 and 5.1 (and 2.6.37 on Power).
    std::optional<std::uint32_t> direct_number(const std::string& name) {
        constexpr int kFirst = 320, kLast = 410;
        if (direct_.empty())
            for (int number = kFirst; number <= kLast; ++number) {
                const std::unique_ptr<char, void (*)(void*)> found(
                    seccomp_syscall_resolve_num_arch(abi_.token, number), std::free);
                if (found) direct_.emplace(found.get(), number);
            }
        const auto found = direct_.find(name);
        if (found == direct_.end()) return std::nullopt;
        return found->second;
    }

    const Abi& abi_;
    SeccompVerdict otherwise_;
    bool big_endian_;
    std::vector<Entry> entries_;
    std::map<std::string, std::uint32_t> direct_;
    std::optional<std::uint32_t> last_;  ///< greatest number that the profile names
};

Error unsupported(std::string_view machine) {
    return Error{Category::unsupported, 0, "seccomp profiles are not supported on " + printable(machine)};
}

Error unknown_call(const SeccompProfile& profile, std::size_t rule, const std::string& name) {
    const scmp_version& version = *seccomp_version();
    return Error{Category::unsupported, 0,
                 printable(profile.file, 4096) + ": syscalls[" + std::to_string(rule) + "]: '" + name +
                     "' is no system call that libseccomp " + std::to_string(version.major) + "." +
                     std::to_string(version.minor) + "." + std::to_string(version.micro) +
                     " knows, and without the rule it would be let through; mend or remove the name"};
}

/// Adds what applies to every ABI. \return the names that were skipped.
Result<std::vector<std::string>> add_rules(const SeccompProfile& profile, const Machine& machine,
                                           const SeccompTarget& target, std::vector<AbiRules>& abis) {
    std::vector<std::string> skipped;
    for (std::size_t i = 0; i < profile.rules.size(); ++i) {
        const SeccompRule& rule = profile.rules[i];
        if (!applies(rule, machine, target)) continue;
        for (const std::string& name : rule.names) {
            if (seccomp_syscall_resolve_name_arch(machine.native.token, name.c_str()) == __NR_SCMP_ERROR) {
                if (!denies(profile.otherwise.action) && rule.verdict.action < profile.otherwise.action)
                    return unknown_call(profile, i, name);
                skipped.push_back(name);
                continue;
            }
            for (AbiRules& abi : abis) abi.add(name, rule);
        }
    }
    return skipped;
}

/// x86_64 and x32 share a section: the kernel tells them apart by the number alone.
std::vector<SeccompSection> sections_of(std::vector<AbiRules>& abis, SeccompVerdict otherwise) {
    std::vector<SeccompSection> sections;
    for (AbiRules& rules : abis) {
        auto section = std::ranges::find(sections, rules.abi().audit, &SeccompSection::audit);
        if (section == sections.end()) section = sections.insert(sections.end(), {rules.abi().audit, {}});
        rules.append_to(section->calls);
    }
    for (SeccompSection& section : sections) section.calls.from(kNoCall, return_code(otherwise));
    return sections;
}

}  // namespace

Result<SeccompTarget> current_seccomp_target(CapabilitySet capabilities) {
    utsname name{};
    if (::uname(&name) != 0) return errno_error("uname");
    // Not uname's machine, which is another one under setarch(8).
    const auto native = [](const Machine& each) { return each.native.token == seccomp_arch_native(); };
    const auto machine = std::ranges::find_if(kMachines, native);
    if (machine == kMachines.end()) return unsupported(name.machine);
    SeccompTarget target{capabilities, std::string(machine->name), {}};
    const std::string_view release = name.release;
    const auto major = std::from_chars(release.begin(), release.end(), target.kernel.major);
    if (major.ec != std::errc() || major.ptr == release.end() ||
        std::from_chars(major.ptr + 1, release.end(), target.kernel.minor).ec != std::errc())
        return Error{Category::unsupported, 0, "'" + printable(release) + "' is no kernel version"};
    return target;
}

Result<SeccompFilter> compile_seccomp(const SeccompProfile& profile, const SeccompTarget& target) {
    const auto machine = std::ranges::find(kMachines, target.architecture, &Machine::name);
    if (machine == kMachines.end()) return unsupported(target.architecture);
    std::vector<AbiRules> abis;
    for (const Abi* const abi : abis_of(profile, *machine))
        abis.emplace_back(*abi, profile.otherwise, machine->big_endian);
    SeccompFilter filter;
    BERTH_TRY(filter.skipped, add_rules(profile, *machine, target, abis));
    filter.program = seccomp_program(sections_of(abis, profile.otherwise));
    if (filter.program.size() > BPF_MAXINSNS)
        return Error{Category::config, 0,
                     printable(profile.file, 4096) + ": the filter has " + std::to_string(filter.program.size()) +
                         " instructions, and the kernel takes 4096; use fewer conditions on arguments"};
    if (profile.log) filter.flags |= SECCOMP_FILTER_FLAG_LOG;
    if (profile.speculation_allowed) filter.flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    return filter;
}

int install_seccomp(const sock_filter* program, std::size_t count, unsigned flags) noexcept {
    if (count == 0 || count > BPF_MAXINSNS) return EINVAL;
    // The kernel only reads the program.
    const sock_fprog whole{static_cast<unsigned short>(count), const_cast<sock_filter*>(program)};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole) == 0 ? 0 : errno;
}

}  // namespace berth
