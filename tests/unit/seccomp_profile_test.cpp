// Seccomp profiles: every key, and every mistake with its place.
#include "runtime/config/seccomp_profile.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

SeccompProfile good(const std::string& text) {
    INFO(text);
    auto profile = parse_seccomp_profile(text, "p.json");
    if (!profile) FAIL(profile.error().message);
    return *profile;
}

/// A profile with one rule of these members.
std::string rule(const std::string& members) {
    return R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["a"], )" + members + "}]}";
}

std::string argument(const std::string& members) {
    return rule(R"("action": "SCMP_ACT_ALLOW", "args": [{)" + members + "}]");
}

}  // namespace

TEST_CASE("seccomp profile: every key") {
    const SeccompProfile profile = good(R"({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                    {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}],
        "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"],
        "syscalls": [
            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "both",
             "includes": {}, "excludes": {}},
            {"name": "clone", "action": "SCMP_ACT_TRACE", "errnoRet": 65535,
             "args": [{"index": 1, "value": 18446744073709551615, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"},
                      {"index": 5, "value": 7, "valueTwo": 0, "op": "SCMP_CMP_GE"}],
             "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"], "arches": ["amd64", "x32"], "minKernel": "4.8"},
             "excludes": {"caps": ["CAP_BPF"], "minKernel": "6.0"}}]})");
    CHECK(profile.otherwise == SeccompVerdict{SeccompAction::error, 38});
    CHECK(profile.architecture_map ==
          std::vector<SeccompArchitecture>{{"SCMP_ARCH_X86_64", {"SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
                                           {"SCMP_ARCH_RISCV64", {}}});
    CHECK(profile.log);
    CHECK(profile.speculation_allowed);
    REQUIRE(profile.rules.size() == 2);
    CHECK(profile.rules[0] == SeccompRule{{"read", "write"}, {SeccompAction::allow, 0}, {}, {}, {}});
    const SeccompRule& clone = profile.rules[1];
    CHECK(clone.names == std::vector<std::string>{"clone"});
    CHECK(clone.verdict == SeccompVerdict{SeccompAction::trace, 65535});
    CHECK(clone.arguments == std::vector<SeccompArgument>{{1, SeccompComparison::masked_eq, ~std::uint64_t{0}, 3},
                                                          {5, SeccompComparison::ge, 7, 0}});
    CHECK(clone.includes ==
          SeccompCondition{capability_bit(21) | capability_bit(0), {"amd64", "x32"}, KernelVersion{4, 8}});
    CHECK(clone.excludes == SeccompCondition{capability_bit(39), {}, KernelVersion{6, 0}});

    const SeccompProfile plain =
        good(R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_ARM"], "syscalls": null})");
    CHECK(plain.architectures == std::vector<std::string>{"SCMP_ARCH_ARM"});
    CHECK(plain.rules.empty());
    CHECK_FALSE(plain.log);
    CHECK_FALSE(plain.speculation_allowed);
}

TEST_CASE("seccomp profile: every action and every comparison") {
    const std::vector<std::pair<std::string, SeccompVerdict>> actions = {
        {"ALLOW", {SeccompAction::allow, 0}},
        {"ERRNO", {SeccompAction::error, 1}},
        {"KILL", {SeccompAction::kill_thread, 0}},
        {"KILL_THREAD", {SeccompAction::kill_thread, 0}},
        {"KILL_PROCESS", {SeccompAction::kill_process, 0}},
        {"TRAP", {SeccompAction::trap, 0}},
        {"LOG", {SeccompAction::log, 0}},
        {"TRACE", {SeccompAction::trace, 1}},
    };
    for (const auto& [name, verdict] : actions) {
        CHECK(good(rule("\"action\": \"SCMP_ACT_" + name + "\"")).rules[0].verdict == verdict);
        CHECK(good(R"({"defaultAction": "SCMP_ACT_)" + name + "\"}").otherwise == verdict);
    }
    CHECK(good(rule(R"("action": "SCMP_ACT_ERRNO", "errnoRet": 0)")).rules[0].verdict.number == 0);
    const std::vector<std::pair<std::string, SeccompComparison>> comparisons = {
        {"NE", SeccompComparison::ne}, {"LT", SeccompComparison::lt}, {"LE", SeccompComparison::le},
        {"EQ", SeccompComparison::eq}, {"GE", SeccompComparison::ge}, {"GT", SeccompComparison::gt},
        {"MASKED_EQ", SeccompComparison::masked_eq}};
    for (const auto& [name, comparison] : comparisons)
        CHECK(good(argument(R"("index": 0, "value": 5, "op": "SCMP_CMP_)" + name + "\"")).rules[0].arguments[0].op ==
              comparison);
}

TEST_CASE("seccomp profile: mistakes are named with their place") {
    const std::string top = R"({"defaultAction": "SCMP_ACT_ALLOW", )";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "p.json: not valid JSON (line 1)"},
        {"{\n\"defaultAction\":,\n}", "p.json: not valid JSON (line 2)"},
        {std::string("{}\0", 3), "p.json: not valid JSON"},
        {"[]", "p.json: must be an object"},
        {"{}", "p.json: defaultAction: is missing"},
        {R"({"defaultAction": ""})", "defaultAction: '' is no action"},
        {R"({"defaultAction": 5})", "defaultAction: must be a text"},
        {R"({"defaultAction": "SCMP_ACT_ALOW"})", "'SCMP_ACT_ALOW' is no action; did you mean 'SCMP_ACT_ALLOW'?"},
        {R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "defaultAction: SCMP_ACT_NOTIFY needs a program that listens"},
        {R"({"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_KILL"})", "\"defaultAction\" appears twice"},
        {top + R"("defaultErrnoRet": 1})", "defaultErrnoRet: goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only"},
        {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096})", "a whole number from 0 to 4095"},
        {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1})", "a whole number from 0 to 4095"},
        {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1.0})", "a whole number from 0 to 4095"},
        {top + R"("syscall": []})", "'syscall' is an unknown key; did you mean 'syscalls'?"},
        {top + R"("listenerPath": "/run/x"})", "listenerPath: names a program that listens"},
        {top + R"("listenerMetadata": "x"})", "listenerMetadata: names a program that listens"},
        {top + R"("flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]})", "flags[0]: concerns SCMP_ACT_NOTIFY only"},
        {top + R"("flags": ["SECCOMP_FILTER_FLAG_LOGS"]})", "did you mean 'SECCOMP_FILTER_FLAG_LOG'?"},
        {top + R"("flags": {}})", "flags: must be a list"},
        {top + R"("architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]})",
         "archMap: stands beside 'architectures'"},
        {top + R"("architectures": ["SCMP_ARCH_X86_46"]})", "architectures[0]: 'SCMP_ARCH_X86_46' is no architecture"},
        {top + R"("archMap": [{"subArchitectures": []}]})", "archMap[0].architecture: is missing"},
        {top + R"("archMap": [{"architecture": "SCMP_ARCH_ARM", "subArchitectures": ["x"]}]})",
         "archMap[0].subArchitectures[0]: 'x' is no architecture"},
        {top + R"("syscalls": [5]})", "syscalls[0]: must be an object"},
        {top + R"("syscalls": [{"action": "SCMP_ACT_KILL"}]})", "syscalls[0].names: names no system call"},
        {top + R"("syscalls": [{"names": ["a"]}]})", "syscalls[0].action: is missing"},
        {top + R"("syscalls": [{"names": ["a"], "name": "b", "action": "SCMP_ACT_KILL"}]})",
         "syscalls[0].name: stands beside 'names'"},
        {top + R"("syscalls": [{"names": ["a b"], "action": "SCMP_ACT_KILL"}]})", "'a b' is no name of a system call"},
        {top + R"("syscalls": [{"names": [""], "action": "SCMP_ACT_KILL"}]})", "'' is no name of a system call"},
        {top + R"("syscalls": [{"names": [")" + std::string(65, 'a') + R"("], "action": "SCMP_ACT_KILL"}]})",
         "is no name of a system call"},
        {rule(R"("acton": "SCMP_ACT_ALLOW")"), "syscalls[0]: 'acton' is an unknown key; did you mean 'action'?"},
        {rule(R"("action": "SCMP_ACT_NOTIFY")"), "syscalls[0].action: SCMP_ACT_NOTIFY"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "errnoRet": 1)"), "syscalls[0].errnoRet: goes with"},
        {rule(R"("action": "SCMP_ACT_TRACE", "errnoRet": 65536)"), "a whole number from 0 to 65535"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "comment": 5)"), "syscalls[0].comment: must be a text"},
        {argument(R"("index": 6, "value": 5, "op": "SCMP_CMP_EQ")"), "syscalls[0].args[0].index: must be a whole"},
        {argument(R"("value": 5, "op": "SCMP_CMP_EQ")"), "args[0].index: is missing"},
        {argument(R"("index": 0, "op": "SCMP_CMP_EQ")"), "args[0].value: is missing"},
        {argument(R"("index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ")"), "args[0].value: must be"},
        {argument(R"("index": 0, "value": 5)"), "args[0].op: is missing"},
        {argument(R"("index": 0, "value": 5, "op": "SCMP_CMP_EG")"), "'SCMP_CMP_EG' is no comparison; did you mean"},
        {argument(R"("index": 0, "value": 5, "op": "SCMP_CMP_EQ", "valueTwo": 1)"), "by SCMP_CMP_MASKED_EQ only"},
        {argument(R"("index": 0, "value": 4, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 1)"), "nothing would ever match"},
        {argument(R"("index": 0, "valu": 4)"), "args[0]: 'valu' is an unknown key; did you mean 'value'?"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_GE"},
                                                      {"index": 1, "value": 9, "op": "SCMP_CMP_LE"}])"),
         "args[1]: a second condition on argument 1"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "includes": {"cap": []})"), "includes: 'cap' is an unknown key"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMEN"]})"),
         "includes.caps[0]: 'CAP_SYS_ADMEN' is no capability"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd46"]})"),
         "excludes.arches[0]: 'amd46' is no machine"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4"})"), "'4' is no kernel version"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8.1"})"), "'4.8.1' is no kernel version"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "0.0"})"), "'0.0' is no kernel version"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": 4.8})"), "minKernel: must be a text"},
        {rule(R"("action": "SCMP_ACT_ALLOW", "args": [[[[[[[]]]]]]])"), "nested more than 8 levels deep"},
        {std::string(kMaxSeccompProfileSize + 1, ' '), "may have 1 MiB"},
    };
    for (const auto& [text, message] : cases) {
        INFO(text.substr(0, 400));
        const auto profile = parse_seccomp_profile(text, "p.json");
        REQUIRE_FALSE(profile.ok());
        CHECK(profile.error().category == Category::config);
        CHECK_THAT(profile.error().message, Contains(message));
    }
}

TEST_CASE("seccomp profile: as many names as there may be, and one more") {
    std::string names = "\"a\"";
    for (std::size_t i = 1; i < kMaxSeccompNames; ++i) names += ",\"a\"";
    const std::string begin = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"action": "SCMP_ACT_ALLOW", "names": [)";
    CHECK(good(begin + names + "]}]}").rules[0].names.size() == kMaxSeccompNames);
    const auto more = parse_seccomp_profile(begin + names + ",\"a\"]}]}", "p.json");
    REQUIRE_FALSE(more.ok());
    CHECK_THAT(more.error().message, Contains("syscalls[0]: more than 4096 names"));
}
