// deciding: what deciding about a large request takes, and what a seccomp filter costs each system call.
//
//   deciding decide ROUNDS   a line each: NAME, median seconds: reading the site's files, decision and plan, filter, all
//   deciding filter NAME     seconds of one getppid(2); NAME: none, ours, libseccomp (the same rules, its own program)
//
// The request: 50 binds, an execution control list of 100 groups, a profile of 400 rules.
#include <fmt/core.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/base/whole_number.hpp"
#include "runtime/config/seccomp_profile.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/seccomp_filter.hpp"
#include "runtime/plan/plan.hpp"
#include "runtime/policy/decision.hpp"
#include "runtime/request/options.hpp"

namespace {

using namespace berth;
using Clock = std::chrono::steady_clock;

constexpr int kRules = 400;
constexpr int kGroups = 100;
constexpr int kBinds = 50;
constexpr int kCalls = 2'000'000;

[[noreturn]] void fail(const std::string& what) {
    fmt::print(stderr, "deciding: {}\n", what);
    std::exit(EXIT_FAILURE);
}

template <typename T>
T take(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(result).value();
}

/// Names that this libseccomp knows, as many as there are rules; never getppid.
std::vector<std::string> call_names() {
    std::vector<std::string> names;
    for (int number = 0; number < 1000 && names.size() < kRules; ++number) {
        char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name != nullptr && std::strcmp(name, "getppid") != 0) names.emplace_back(name);
        std::free(name);
    }
    return names;
}

/// One rule a call; those beyond the calls that there are look at an argument.
std::string profile_text() {
    const auto names = call_names();
    std::string text = R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [)";
    text += R"({"names": ["getppid"], "action": "SCMP_ACT_ALLOW"})";
    for (int i = 0; i < kRules - 1; ++i) {
        const auto& name = names[static_cast<std::size_t>(i) % names.size()];
        const bool again = static_cast<std::size_t>(i) >= names.size();
        text += R"(, {"names": [")" + name + R"("], "action": ")" + (again ? "SCMP_ACT_LOG" : "SCMP_ACT_ALLOW") + "\"";
        if (again) text += fmt::format(R"(, "args": [{{"index": 0, "value": {}, "op": "SCMP_CMP_EQ"}}])", i);
        text += "}";
    }
    return text + "]}";
}

std::string ecl_text() {
    std::string text = "activated = true\n";
    for (int i = 0; i < kGroups; ++i)
        text += fmt::format("[[execgroup]]\ntagname = \"g{0}\"\nmode = \"whitelist\"\ndirpath = \"/apps/{0}\"\nkeyfp = [\"{0:040d}\"]\n", i);
    return text;
}

Request large_request() {
    Request request;
    request.image = "a.sif";
    for (int i = 0; i < kBinds; ++i) request.binds.push_back({fmt::format("/data/{}", i), fmt::format("/mnt/{}", i), false});
    return request;
}

ImageInfo signed_image() {
    ImageInfo image;
    image.path = fmt::format("/apps/{}/a.sif", kGroups - 1);
    image.architecture = "amd64";
    image.bytes = 1 << 20;
    image.signature = SignatureInfo{"", {{fmt::format("{:040d}", kGroups - 1), "Ann"}}, Held::unchangeable, std::nullopt, ""};
    return image;
}

struct Times {
    std::vector<double> seconds;
    void add(Clock::duration time) { seconds.push_back(std::chrono::duration<double>(time).count()); }
    double median() {
        std::ranges::nth_element(seconds, seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2));
        return seconds[seconds.size() / 2];
    }
};

int decide_rounds(int rounds) {
    const std::string conf = "bind path = /etc/localtime\nbind path = /etc/hosts\n";
    const std::string ecl = ecl_text();
    const std::string profile = profile_text();
    const Request request = large_request();
    const ImageInfo image = signed_image();
    JobContext job;
    job.uid = 1000;
    job.user = "ada";
    job.home = "/home/ada";
    job.architecture = "amd64";
    job.working_directory = "/work";
    SiteNames names;
    for (int i = 0; i < kGroups; ++i) names.paths[fmt::format("/apps/{}", i)] = fmt::format("/apps/{}", i);
    const SeccompTarget target = take(current_seccomp_target(0));
    Times reading, deciding, filtering, all;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = Clock::now();
        config::SitePolicy policy;
        policy.conf = take(config::parse(conf, "/etc/berth/berth.conf"));
        policy.ecl = take(config::parse_ecl(ecl, "/etc/berth/ecl.toml"));
        policy.seccomp = take(config::parse_seccomp_profile(profile, "/etc/berth/profile.json"));
        const auto read = Clock::now();
        const Decision decision = decide(request, policy, names, job, image);
        if (decision.refusal) fail(decision.refusal->message);
        const Plan plan = make_plan(decision, image, job, {});
        if (plan.steps.size() < kBinds) fail("the plan is too short");
        const auto decided = Clock::now();
        const SeccompFilter filter = take(compile_seccomp(*policy.seccomp, target));
        if (filter.program.size() < kRules / 2) fail("the filter is too short");
        const auto end = Clock::now();
        reading.add(read - begin);
        deciding.add(decided - read);
        filtering.add(end - decided);
        all.add(end - begin);
    }
    fmt::print("reading the site's files\t{}\ndecision and plan\t{}\nseccomp filter\t{}\nall\t{}\n", reading.median(), deciding.median(),
               filtering.median(), all.median());
    return 0;
}

void install_ours() {
    const auto profile = take(config::parse_seccomp_profile(profile_text(), "profile"));
    const auto filter = take(compile_seccomp(profile, take(current_seccomp_target(0))));
    if (const int failed = install_seccomp(filter.program.data(), filter.program.size(), filter.flags); failed != 0) fail("our filter was not installed");
}

void install_libseccomps() {
    const auto profile = take(config::parse_seccomp_profile(profile_text(), "profile"));
    auto* const filter = seccomp_init(SCMP_ACT_ERRNO(1));
    for (const std::uint32_t other : {SCMP_ARCH_X86, SCMP_ARCH_X32}) seccomp_arch_add(filter, other);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (const auto& rule : profile.rules) {
        const int call = seccomp_syscall_resolve_name(rule.names[0].c_str());
        const std::uint32_t action = rule.verdict.action == config::SeccompAction::log ? SCMP_ACT_LOG : SCMP_ACT_ALLOW;
        if (rule.arguments.empty()) seccomp_rule_add(filter, action, call, 0);
        else seccomp_rule_add(filter, action, call, 1, SCMP_A0(SCMP_CMP_EQ, rule.arguments[0].value));
    }
    if (seccomp_load(filter) != 0) fail("libseccomp's filter was not installed");
    seccomp_release(filter);
}

int time_filter(const std::string& name) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
    if (name == "ours") install_ours();
    else if (name == "libseccomp") install_libseccomps();
    else if (name != "none") fail("unknown filter " + name);
    const auto begin = Clock::now();
    for (int i = 0; i < kCalls; ++i) ::syscall(SYS_getppid);
    fmt::print("{}\n", std::chrono::duration<double>(Clock::now() - begin).count() / kCalls);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "decide") return decide_rounds(std::max(1, whole_number<int>(argv[2]).value_or(1)));
    if (what == "filter") return time_filter(argv[2]);
    fail("expected: decide ROUNDS, or filter none|ours|libseccomp");
}
