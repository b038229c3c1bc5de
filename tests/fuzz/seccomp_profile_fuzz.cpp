// Seccomp profiles from hostile bytes: every reading ends in a profile that keeps its promises and compiles within the
// kernel's bounds, or in an error that can be printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/exec/seccomp_filter.hpp"

namespace {

using namespace berth;
using namespace berth::config;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_error(const Error& error) {
    require(error.category == Category::config || error.category == Category::unsupported);
    require(error.message.size() < 1024 && printable(error.message, 2048) == error.message);
}

bool is_verdict(const SeccompVerdict& verdict) {
    if (verdict.action == SeccompAction::error) return verdict.number <= 4095;
    return verdict.action == SeccompAction::trace || verdict.number == 0;
}

void check_profile(const SeccompProfile& profile) {
    require(is_verdict(profile.otherwise));
    require(profile.architectures.empty() || profile.architecture_map.empty());
    std::size_t names = 0;
    for (const SeccompRule& rule : profile.rules) {
        require(is_verdict(rule.verdict) && !rule.names.empty());
        names += rule.names.size();
        for (const std::string& name : rule.names) require(!name.empty() && printable(name) == name);
        std::set<unsigned> seen;
        for (const SeccompArgument& argument : rule.arguments) {
            require(argument.index < 6 && seen.insert(argument.index).second);
            require(argument.op == SeccompComparison::masked_eq ? (argument.value_two & ~argument.value) == 0
                                                                 : argument.value_two == 0);
        }
    }
    require(names <= kMaxSeccompNames);
}

/// What the kernel asks of a program: every jump stays inside, and its end is a return.
void check_program(const std::vector<sock_filter>& program) {
    require(!program.empty() && program.size() <= BPF_MAXINSNS && BPF_CLASS(program.back().code) == BPF_RET);
    for (std::size_t at = 0; at < program.size(); ++at) {
        if (BPF_CLASS(program[at].code) != BPF_JMP) continue;
        const bool far = BPF_OP(program[at].code) == BPF_JA;
        require(at + 1 + (far ? program[at].k : std::max(program[at].jt, program[at].jf)) < program.size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto profile = parse_seccomp_profile({reinterpret_cast<const char*>(data), size}, "fuzz.json");
    if (!profile) {
        check_error(profile.error());
        return 0;
    }
    check_profile(*profile);
    for (const char* const architecture : {"amd64", "386", "arm64", "arm", "ppc64le", "s390x", "riscv64"}) {
        const auto filter = compile_seccomp(*profile, {capability_bit(21), architecture, {6, 1}});
        if (filter)
            check_program(filter->program);
        else
            check_error(filter.error());
    }
    return 0;
}
