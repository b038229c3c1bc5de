#include "runtime/config/seccomp_profile.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include "runtime/base/strict_json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/json_place.hpp"

namespace berth::config {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::uint16_t kPermissionDenied = 1;  // EPERM, where no errnoRet says otherwise, as everywhere
// libseccomp and the kernel know no greater one (MAX_ERRNO).
constexpr std::uint64_t kMaxErrno = 4095;
constexpr std::size_t kLongestName = 64;

constexpr std::array<std::string_view, 8> kTopKeys = {"archMap", "architectures",    "defaultAction", "defaultErrnoRet",
                                                      "flags",   "listenerMetadata", "listenerPath",  "syscalls"};
constexpr std::array<std::string_view, 8> kRuleKeys = {"action",   "args",     "comment", "errnoRet",
                                                       "excludes", "includes", "name",    "names"};
constexpr std::array<std::string_view, 4> kArgumentKeys = {"index", "op", "value", "valueTwo"};
constexpr std::array<std::string_view, 3> kConditionKeys = {"arches", "caps", "minKernel"};
constexpr std::array<std::string_view, 2> kMapKeys = {"architecture", "subArchitectures"};

/// SCMP_ACT_KILL has always been the thread's end only; so it is in libseccomp and in runc.
constexpr std::array<std::string_view, 9> kActionNames = {
    "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",
    "SCMP_ACT_LOG",          "SCMP_ACT_ALLOW",       "SCMP_ACT_KILL", "SCMP_ACT_NOTIFY"};
constexpr std::array<SeccompAction, 8> kActions = {
    SeccompAction::kill_process, SeccompAction::kill_thread, SeccompAction::trap,  SeccompAction::error,
    SeccompAction::trace,        SeccompAction::log,         SeccompAction::allow, SeccompAction::kill_thread};

constexpr std::array<std::string_view, 7> kComparisonNames = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};
constexpr std::array<SeccompComparison, 7> kComparisons = {
    SeccompComparison::ne, SeccompComparison::lt, SeccompComparison::le,       SeccompComparison::eq,
    SeccompComparison::ge, SeccompComparison::gt, SeccompComparison::masked_eq};

constexpr std::array<std::string_view, 4> kFlags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                                    "SECCOMP_FILTER_FLAG_TSYNC",
                                                    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};

constexpr std::array<std::string_view, 23> kArchitectures = {
    "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",    "SCMP_ARCH_X32",        "SCMP_ARCH_ARM",     "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",      "SCMP_ARCH_MIPS",       "SCMP_ARCH_MIPS64",  "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",      "SCMP_ARCH_MIPSEL64",  "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",         "SCMP_ARCH_PPC64",     "SCMP_ARCH_PPC64LE",    "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",        "SCMP_ARCH_SHEB"};

/// Go's names, and those that Docker made of them for libseccomp.
constexpr std::array<std::string_view, 25> kMachines = {
    "386",     "amd64",       "arm",      "arm64",    "loong64", "loongarch64", "mips",    "mips64", "mips64le",
    "mipsle",  "mips64n32",   "mips64p32", "mips64p32le", "mipsel", "mipsel64", "mipsel64n32", "mips3l64n32", "ppc",
    "ppc64",   "ppc64le",     "riscv64",  "s390",     "s390x",   "x32",         "x86"};

Result<std::size_t> one_of(const JsonPlace& place, Words known, const std::string& what) {
    BERTH_TRY(const std::string word, place.text());
    const auto found = std::ranges::find(known, word);
    if (found == known.end()) return place.unknown(word, what, known);
    return static_cast<std::size_t>(found - known.begin());
}

Result<std::vector<std::string>> all_of(const JsonPlace& place, Words known, const std::string& what) {
    BERTH_TRY(const auto list, place.elements());
    std::vector<std::string> words;
    for (const JsonPlace& each : list) {
        BERTH_TRY(const std::size_t index, one_of(each, known, what));
        words.emplace_back(known[index]);
    }
    return words;
}

/// The action at `action`, with the number at `number` where there is one.
Result<SeccompVerdict> read_verdict(const JsonPlace& action, const JsonPlace& number) {
    BERTH_TRY(const std::size_t index, one_of(action, kActionNames, "no action"));
    if (index == kActions.size())
        return action.error("SCMP_ACT_NOTIFY needs a program that listens, and Berth has none; take SCMP_ACT_ERRNO");
    const SeccompAction kind = kActions[index];
    if (kind != SeccompAction::error && kind != SeccompAction::trace) {
        if (number.has_value()) return number.error("goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only; remove it");
        return SeccompVerdict{kind, 0};
    }
    if (!number.has_value()) return SeccompVerdict{kind, kPermissionDenied};
    const std::uint64_t limit =
        kind == SeccompAction::error ? kMaxErrno : std::numeric_limits<std::uint16_t>::max();
    BERTH_TRY(const std::uint64_t value, number.number(limit));
    return SeccompVerdict{kind, static_cast<std::uint16_t>(value)};
}

Result<SeccompArgument> read_argument(const JsonPlace& place) {
    BERTH_CHECK(place.object(kArgumentKeys));
    constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
    SeccompArgument argument;
    BERTH_TRY(const std::uint64_t index, place.member("index").number(5));
    argument.index = static_cast<unsigned>(index);
    BERTH_TRY(const std::size_t op, one_of(place.member("op"), kComparisonNames, "no comparison"));
    argument.op = kComparisons[op];
    BERTH_TRY(argument.value, place.member("value").number(kAny));
    const JsonPlace two = place.member("valueTwo");
    if (two.has_value()) {
        BERTH_TRY(argument.value_two, two.number(kAny));
    }
    if (argument.op != SeccompComparison::masked_eq && argument.value_two != 0)
        return two.error("is used by SCMP_CMP_MASKED_EQ only; remove it");
    if (argument.op == SeccompComparison::masked_eq && (argument.value_two & ~argument.value) != 0)
        return two.error("has bits that the mask in 'value' does not have, so nothing would ever match");
    return argument;
}

Result<std::vector<SeccompArgument>> read_arguments(const JsonPlace& place) {
    BERTH_TRY(const auto list, place.elements());
    std::vector<SeccompArgument> arguments;
    std::set<unsigned> seen;
    for (const JsonPlace& each : list) {
        BERTH_TRY(arguments.emplace_back(), read_argument(each));
        // Docker takes either of the two for enough, libseccomp neither.
        if (!seen.insert(arguments.back().index).second)
            return each.error("a second condition on argument " + std::to_string(arguments.back().index) +
                              "; write a rule of its own for each");
    }
    return arguments;
}

bool parse_version(std::string_view text, KernelVersion& version) {
    const char* const end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return false;
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    return minor.ec == std::errc() && minor.ptr == end && version.major < 256 && version.minor < 256 &&
           version != KernelVersion{};
}

Result<SeccompCondition> read_condition(const JsonPlace& place) {
    SeccompCondition condition;
    if (!place.has_value()) return condition;
    BERTH_CHECK(place.object(kConditionKeys));
    BERTH_TRY(const auto capabilities, place.member("caps").elements());
    for (const JsonPlace& each : capabilities) {
        BERTH_TRY(const std::string name, each.text());
        const auto number = capability_number(name);
        if (!number) return each.error("'" + printable(name, kLongestName) + "' is no capability (capabilities(7))");
        condition.capabilities |= capability_bit(*number);
    }
    BERTH_TRY(condition.machines, all_of(place.member("arches"), kMachines, "no machine"));
    const JsonPlace kernel = place.member("minKernel");
    if (!kernel.has_value()) return condition;
    BERTH_TRY(const std::string text, kernel.text());
    if (!parse_version(text, condition.kernel.emplace()))
        return kernel.error("'" + printable(text, kLongestName) + "' is no kernel version; write \"4.8\"");
    return condition;
}

bool is_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
        return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
}

Result<std::vector<std::string>> read_names(const JsonPlace& place) {
    const JsonPlace one = place.member("name");
    const JsonPlace many = place.member("names");
    if (one.has_value() && many.has_value()) return one.error("stands beside 'names'; put all names there");
    std::vector<std::string> names;
    if (one.has_value()) {
        BERTH_TRY(names.emplace_back(), one.text());
    } else {
        BERTH_TRY(names, many.texts());
    }
    if (names.empty()) return many.error("names no system call");
    for (const std::string& name : names)
        if (!is_name(name))
            return (one.has_value() ? one : many)
                .error("'" + printable(name, kLongestName) + "' is no name of a system call");
    return names;
}

Result<SeccompRule> read_rule(const JsonPlace& place) {
    BERTH_CHECK(place.object(kRuleKeys));
    SeccompRule rule;
    BERTH_TRY(rule.names, read_names(place));
    BERTH_TRY(rule.verdict, read_verdict(place.member("action"), place.member("errnoRet")));
    BERTH_TRY(rule.arguments, read_arguments(place.member("args")));
    BERTH_TRY(rule.includes, read_condition(place.member("includes")));
    BERTH_TRY(rule.excludes, read_condition(place.member("excludes")));
    if (const JsonPlace comment = place.member("comment"); comment.has_value()) BERTH_CHECK(comment.text());
    return rule;
}

Status read_rules(const JsonPlace& place, SeccompProfile& profile) {
    BERTH_TRY(const auto list, place.elements());
    std::size_t names = 0;
    for (const JsonPlace& each : list) {
        BERTH_TRY(profile.rules.emplace_back(), read_rule(each));
        names += profile.rules.back().names.size();
        if (names > kMaxSeccompNames)
            return each.error("more than " + std::to_string(kMaxSeccompNames) + " names in all rules together");
    }
    return {};
}

Status read_architectures(const JsonPlace& top, SeccompProfile& profile) {
    const std::string what = "no architecture";
    BERTH_TRY(profile.architectures, all_of(top.member("architectures"), kArchitectures, what));
    BERTH_TRY(const auto map, top.member("archMap").elements());
    if (!map.empty() && !profile.architectures.empty())
        return top.member("archMap").error("stands beside 'architectures'; keep one of the two");
    for (const JsonPlace& each : map) {
        BERTH_CHECK(each.object(kMapKeys));
        SeccompArchitecture& entry = profile.architecture_map.emplace_back();
        BERTH_TRY(const std::size_t native, one_of(each.member("architecture"), kArchitectures, what));
        entry.native = kArchitectures[native];
        BERTH_TRY(entry.others, all_of(each.member("subArchitectures"), kArchitectures, what));
    }
    return {};
}

Status read_flags(const JsonPlace& place, SeccompProfile& profile) {
    BERTH_TRY(const auto list, place.elements());
    for (const JsonPlace& each : list) {
        BERTH_TRY(const std::size_t flag, one_of(each, kFlags, "no flag"));
        if (flag == 0) profile.log = true;
        if (flag == 1) profile.speculation_allowed = true;
        // TSYNC asks that all threads get the filter: the one that there is before the command starts hands it on.
        if (flag == 3) return each.error("concerns SCMP_ACT_NOTIFY only, which Berth does not have; remove it");
    }
    return {};
}

}  // namespace

Result<SeccompProfile> parse_seccomp_profile(std::string_view text, const std::string& file) {
    if (text.size() > kMaxSeccompProfileSize)
        return Error{Category::config, 0, printable(file, 4096) + ": a seccomp profile may have 1 MiB"};
    BERTH_TRY(const auto json, parse_strict_json(text, printable(file, 4096), Category::config));
    SeccompProfile profile;
    profile.file = file;
    const JsonPlace top(json, profile.file);
    BERTH_CHECK(top.object(kTopKeys));
    for (const char* const key : {"listenerPath", "listenerMetadata"})
        if (top.member(key).has_value())
            return top.member(key).error("names a program that listens, and Berth has none; remove it");
    BERTH_TRY(profile.otherwise, read_verdict(top.member("defaultAction"), top.member("defaultErrnoRet")));
    BERTH_CHECK(read_architectures(top, profile));
    BERTH_CHECK(read_flags(top.member("flags"), profile));
    BERTH_CHECK(read_rules(top.member("syscalls"), profile));
    return profile;
}

}  // namespace berth::config
