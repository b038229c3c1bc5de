#include "runtime/exec/seccomp_code.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>

namespace berth {
namespace {

using config::SeccompAction;
using config::SeccompArgument;
using config::SeccompComparison;
using config::SeccompVerdict;

constexpr std::size_t kFarthest = 255;  // what a conditional jump can reach
constexpr std::uint32_t kWhole = 0xFFFFFFFF;

sock_filter load(std::size_t offset) {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

/// Jumps are numbers of instructions to skip.
sock_filter jump(unsigned test, std::uint32_t value, std::size_t when_true, std::size_t when_false) {
    return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), static_cast<std::uint8_t>(when_true),
            static_cast<std::uint8_t>(when_false), value};
}

sock_filter jump_far(std::size_t count) {
    return BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(count));
}

sock_filter give(std::uint32_t value) {
    return BPF_STMT(BPF_RET | BPF_K, value);
}

std::uint32_t upper(std::uint64_t value) noexcept {
    return static_cast<std::uint32_t>(value >> 32);
}

std::uint32_t lower(std::uint64_t value) noexcept {
    return static_cast<std::uint32_t>(value);
}

/// The tests of one rule, written from the last to the first, so that the distance to the rule's end is known.
class RuleWriter {
public:
    RuleWriter(std::uint32_t result, bool big_endian) : big_endian_(big_endian) { reversed_.push_back(give(result)); }

    /// Goes on with what was added before when the condition holds, and past the rule's end when not.
    void add(const SeccompArgument& argument) {
        const std::uint64_t value = argument.value;
        switch (argument.op) {
            case SeccompComparison::eq: return add_masked(argument.index, ~std::uint64_t{0}, value);
            case SeccompComparison::masked_eq: return add_masked(argument.index, value, argument.value_two);
            case SeccompComparison::ne: return add_unequal(argument.index, value);
            case SeccompComparison::gt: return add_ordered(argument.index, value, BPF_JGT, true);
            case SeccompComparison::ge: return add_ordered(argument.index, value, BPF_JGE, true);
            case SeccompComparison::le: return add_ordered(argument.index, value, BPF_JGT, false);
            case SeccompComparison::lt: return add_ordered(argument.index, value, BPF_JGE, false);
        }
    }

    [[nodiscard]] SeccompCode code() const { return {reversed_.rbegin(), reversed_.rend()}; }

private:
    /// Instructions from behind the next one that is added to the rule's end.
    [[nodiscard]] std::size_t end() const noexcept { return reversed_.size(); }

    void add_masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
        add_half(index, false, lower(mask), lower(value));
        add_half(index, true, upper(mask), upper(value));
    }

    void add_half(unsigned index, bool high, std::uint32_t mask, std::uint32_t value) {
        if (mask == 0) return;
        reversed_.push_back(jump(BPF_JEQ, value, 0, end()));
        if (mask != kWhole) reversed_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
        reversed_.push_back(load_half(index, high));
    }

    void add_unequal(unsigned index, std::uint64_t value) {
        reversed_.push_back(jump(BPF_JEQ, lower(value), end(), 0));
        reversed_.push_back(load_half(index, false));
        reversed_.push_back(jump(BPF_JEQ, upper(value), 0, 2));
        reversed_.push_back(load_half(index, true));
    }

    /// The lower halves are compared by `test`, which must come out as `wanted`; the upper ones decide unless equal.
    void add_ordered(unsigned index, std::uint64_t value, unsigned test, bool wanted) {
        reversed_.push_back(wanted ? jump(test, lower(value), 0, end()) : jump(test, lower(value), end(), 0));
        reversed_.push_back(load_half(index, false));
        reversed_.push_back(wanted ? jump(BPF_JEQ, upper(value), 0, end()) : jump(BPF_JEQ, upper(value), 0, 2));
        reversed_.push_back(wanted ? jump(BPF_JGT, upper(value), 3, 0) : jump(BPF_JGT, upper(value), end(), 0));
        reversed_.push_back(load_half(index, true));
    }

    [[nodiscard]] sock_filter load_half(unsigned index, bool high) const {
        return load(offsetof(seccomp_data, args) + sizeof(std::uint64_t) * index +
                    (high == big_endian_ ? 0 : sizeof(std::uint32_t)));
    }

    bool big_endian_;
    SeccompCode reversed_;
};

bool alike(const SeccompCode& one, const SeccompCode& other) {
    return std::ranges::equal(one, other, [](const sock_filter& a, const sock_filter& b) {
        return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
    });
}

void append(SeccompCode& code, const SeccompCode& more) {
    code.insert(code.end(), more.begin(), more.end());
}

}  // namespace

std::uint32_t return_value(SeccompVerdict verdict) noexcept {
    switch (verdict.action) {
        case SeccompAction::kill_process: return SECCOMP_RET_KILL_PROCESS;
        case SeccompAction::kill_thread: return SECCOMP_RET_KILL_THREAD;
        case SeccompAction::trap: return SECCOMP_RET_TRAP;
        case SeccompAction::error: return SECCOMP_RET_ERRNO | verdict.number;
        case SeccompAction::trace: return SECCOMP_RET_TRACE | verdict.number;
        case SeccompAction::log: return SECCOMP_RET_LOG;
        case SeccompAction::allow: return SECCOMP_RET_ALLOW;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

SeccompCode return_code(SeccompVerdict verdict) {
    return {give(return_value(verdict))};
}

SeccompCode branch_code(std::vector<SeccompBranch> branches, SeccompVerdict otherwise, bool big_endian) {
    std::ranges::stable_sort(branches, {}, [](const SeccompBranch& branch) { return branch.verdict.action; });
    const auto always = std::ranges::find_if(branches, [](const auto& branch) { return branch.arguments.empty(); });
    if (always != branches.end()) {
        otherwise = always->verdict;
        branches.erase(always, branches.end());
    }
    while (!branches.empty() && branches.back().verdict == otherwise) branches.pop_back();
    SeccompCode code;
    for (const SeccompBranch& branch : branches) {
        RuleWriter rule(return_value(branch.verdict), big_endian);
        for (const SeccompArgument& argument : branch.arguments) rule.add(argument);
        append(code, rule.code());
    }
    append(code, return_code(otherwise));
    return code;
}

void SeccompCalls::from(std::uint32_t first, const SeccompCode& code) {
    if (!ranges_.empty() && ranges_.back().first == first) ranges_.pop_back();
    if (ranges_.empty() || !alike(ranges_.back().code, code)) ranges_.push_back({first, code});
}

SeccompCode SeccompCalls::search_in(std::span<const Range> ranges) {
    if (ranges.size() == 1) return ranges[0].code;
    const std::size_t middle = ranges.size() / 2;
    const SeccompCode below = search_in(ranges.first(middle));
    SeccompCode code;
    if (below.size() <= kFarthest)
        code = {jump(BPF_JGE, ranges[middle].first, below.size(), 0)};
    else
        code = {jump(BPF_JGE, ranges[middle].first, 0, 1), jump_far(below.size())};
    append(code, below);
    append(code, search_in(ranges.subspan(middle)));
    return code;
}

SeccompCode SeccompCalls::search() const {
    SeccompCode code{load(offsetof(seccomp_data, nr))};
    append(code, search_in(ranges_));
    return code;
}

SeccompCode seccomp_program(std::span<const SeccompSection> sections) {
    SeccompCode code{load(offsetof(seccomp_data, arch))};
    for (const SeccompSection& section : sections) {
        const SeccompCode search = section.calls.search();
        code.push_back(jump(BPF_JEQ, section.audit, 1, 0));
        code.push_back(jump_far(search.size()));
        append(code, search);
    }
    code.push_back(give(SECCOMP_RET_KILL_PROCESS));
    return code;
}

}  // namespace berth
