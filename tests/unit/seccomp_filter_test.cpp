// Filters made of profiles: against a machine of our own, against libseccomp's filters, and in the kernel.
#include "runtime/exec/seccomp_filter.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <thread>

#include "runtime/base/io.hpp"
#include "runtime/exec/privilege.hpp"
#include "tests/unit/seccomp_fixture.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint32_t kX32 = 0x40000000;
constexpr std::uint32_t kAmd64 = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kI386 = AUDIT_ARCH_I386;
const std::string kAllSubs = R"("architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_MIPS"],)";

std::string comparison(const std::string& op, std::uint64_t value, std::uint64_t two = 0) {
    return R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO",
              "errnoRet": 77, "args": [{"index": 2, "op": "SCMP_CMP_)" +
           op + "\", \"value\": " + std::to_string(value) + ", \"valueTwo\": " + std::to_string(two) + "}]}]}";
}

bool holds(const std::string& op, std::uint64_t x, std::uint64_t value, std::uint64_t two) {
    if (op == "NE") return x != value;
    if (op == "LT") return x < value;
    if (op == "LE") return x <= value;
    if (op == "EQ") return x == value;
    if (op == "GE") return x >= value;
    if (op == "GT") return x > value;
    return (x & value) == two;
}

const std::vector<std::uint64_t> kNumbers = {0,          1,           5,           0x7FFFFFFF,  0x80000000,  0xFFFFFFFF,
                                             0x100000000, 0x100000005, 0x500000001, 0x500000005, 0x8000000000000000,
                                             0xFFFFFFFFFFFFFFFF};

SeccompFilter libseccomp_filter(const SeccompProfile& profile, const std::vector<std::uint32_t>& architectures) {
    const auto action = [](SeccompVerdict verdict) -> std::uint32_t {
        switch (verdict.action) {
            case SeccompAction::kill_process: return SCMP_ACT_KILL_PROCESS;
            case SeccompAction::kill_thread: return SCMP_ACT_KILL_THREAD;
            case SeccompAction::trap: return SCMP_ACT_TRAP;
            case SeccompAction::error: return SCMP_ACT_ERRNO(verdict.number);
            case SeccompAction::trace: return SCMP_ACT_TRACE(verdict.number);
            case SeccompAction::log: return SCMP_ACT_LOG;
            case SeccompAction::allow: return SCMP_ACT_ALLOW;
        }
        return SCMP_ACT_KILL_PROCESS;
    };
    const std::array<scmp_compare, 7> operators = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                                   SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
    const std::unique_ptr<void, void (*)(void*)> context(seccomp_init(action(profile.otherwise)), seccomp_release);
    REQUIRE(context);
    seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    for (const std::uint32_t each : architectures) REQUIRE(seccomp_arch_add(context.get(), each) == 0);
    for (const SeccompRule& rule : profile.rules)
        for (const std::string& name : rule.names) {
            std::vector<scmp_arg_cmp> arguments;
            for (const SeccompArgument& each : rule.arguments)
                arguments.push_back(
                    {each.index, operators[static_cast<std::size_t>(each.op)], each.value, each.value_two});
            REQUIRE(seccomp_rule_add_array(context.get(), action(rule.verdict),
                                           seccomp_syscall_resolve_name(name.c_str()),
                                           static_cast<unsigned>(arguments.size()), arguments.data()) == 0);
        }
    const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
    REQUIRE(seccomp_export_bpf(context.get(), file.get()) == 0);
    SeccompFilter filter;
    filter.program.resize(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)) / sizeof(sock_filter));
    REQUIRE(::pread(file.get(), filter.program.data(), filter.program.size() * sizeof(sock_filter), 0) > 0);
    return filter;
}

/// A profile that names `count` calls of x86_64, some with conditions.
std::string long_profile(const std::string& otherwise, const std::string& action, int count) {
    std::string rules;
    for (int number = 0; number < 500 && count > 0; ++number) {
        const std::unique_ptr<char, void (*)(void*)> name(
            seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number), std::free);
        if (!name) continue;
        if (!rules.empty()) rules += ",";
        rules += std::string(R"({"names": [")") + name.get() + R"("], "action": ")" + action + '"';
        if (number % 7 == 3)
            rules += R"(, "args": [{"index": 0, "op": "SCMP_CMP_GT", "value": 4294967301},
                                   {"index": 3, "op": "SCMP_CMP_MASKED_EQ", "value": 240, "valueTwo": 16}])";
        rules += "}";
        --count;
    }
    return R"({"defaultAction": ")" + otherwise + R"(", "defaultErrnoRet": 38, )" + kAllSubs + R"("syscalls": [)" +
           rules + "]}";
}

}  // namespace

TEST_CASE("seccomp filter: each comparison does what it says, in the kernel too") {
    for (const std::string op : {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"})
        for (const std::uint64_t value : kNumbers) {
            const std::uint64_t two = op == "MASKED_EQ" ? value & 0x500000005 : 0;
            const SeccompFilter filter = compiled_here(comparison(op, value, two));
            const int status = under(filter, [&] {
                for (const std::uint64_t x : kNumbers) {
                    const int expected = holds(op, x, value, two) ? 77 : 0;
                    if (errno_of(::syscall(SYS_getppid, 0, 0, x)) != expected) return 1;
                }
                return 0;
            });
            INFO(op << " " << value << " " << two);
            CHECK(status == 0);
            const SeccompFilter other = compiled(comparison(op, value, two));
            for (const std::uint64_t x : kNumbers)
                CHECK(asked(other, kAmd64, 110, {0, 0, x}) ==
                      (holds(op, x, value, two) ? failing(77) : SECCOMP_RET_ALLOW));
        }
}

TEST_CASE("seccomp filter: all conditions of a rule must hold; any of several rules, the strictest first") {
    const SeccompFilter filter = compiled(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["getppid"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_GE", "value": 10},
                                                                   {"index": 1, "op": "SCMP_CMP_NE", "value": 3}]},
        {"names": ["getppid"], "action": "SCMP_ACT_KILL_PROCESS", "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 12}]},
        {"names": ["getppid"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 5, "op": "SCMP_CMP_EQ", "value": 1}]},
        {"names": ["gettid"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["gettid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 9, "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 1}]},
        {"names": ["getuid"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
        {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 6}]})");
    const auto getppid = [&](const CallArguments& arguments) { return asked(filter, kAmd64, 110, arguments); };
    CHECK(getppid({10, 0}) == SECCOMP_RET_ALLOW);
    CHECK(getppid({9, 0}) == failing(EPERM));
    CHECK(getppid({10, 3}) == failing(EPERM));
    CHECK(getppid({12, 0}) == SECCOMP_RET_KILL_PROCESS);
    CHECK(getppid({12, 0, 0, 0, 0, 1}) == SECCOMP_RET_KILL_PROCESS);
    CHECK(getppid({9, 3, 0, 0, 0, 1}) == SECCOMP_RET_ALLOW);
    CHECK(asked(filter, kAmd64, 186, {0}) == SECCOMP_RET_ALLOW);
    CHECK(asked(filter, kAmd64, 186, {1}) == failing(9));
    CHECK(asked(filter, kAmd64, 102) == failing(5));
}

TEST_CASE("seccomp filter: each action, in the kernel") {
    const auto acting = [](const std::string& action) {
        return compiled_here(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": ")" +
                             action + "\"}]}");
    };
    const auto call = [] { return errno_of(::syscall(SYS_getppid)); };
    const auto caught = [&] {
        ::signal(SIGSYS, [](int) { ::_exit(99); });
        return call();
    };
    CHECK(under(acting("SCMP_ACT_ALLOW"), call) == 0);
    CHECK(under(acting("SCMP_ACT_LOG"), call) == 0);
    CHECK(WEXITSTATUS(under(acting("SCMP_ACT_ERRNO"), call)) == EPERM);
    CHECK(WEXITSTATUS(under(acting("SCMP_ACT_TRACE"), call)) == ENOSYS);
    CHECK(WEXITSTATUS(under(acting("SCMP_ACT_TRAP"), caught)) == 99);
    CHECK(WTERMSIG(under(acting("SCMP_ACT_KILL_PROCESS"), caught)) == SIGSYS);
    const auto in_thread = [&] {
        std::thread(call).join();
        return 8;
    };
    CHECK(WEXITSTATUS(under(acting("SCMP_ACT_KILL_THREAD"), in_thread)) == 8);
    CHECK(WTERMSIG(under(acting("SCMP_ACT_KILL_PROCESS"), in_thread)) == SIGSYS);
}

TEST_CASE("seccomp filter: flags are the kernel's, and filters add up") {
    const std::string begin = R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": [)";
    CHECK(compiled_here(begin + "]}").flags == 0);
    const SeccompFilter both =
        compiled_here(begin + R"("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]})");
    CHECK(both.flags == (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW));
    const SeccompFilter second = compiled_here(comparison("EQ", 1));
    CHECK(under(both, [&] {
              if (install_seccomp(second.program.data(), second.program.size(), 0) != 0) return 1;
              return errno_of(::syscall(SYS_getppid, 0, 0, 1)) == 77 ? 0 : 2;
          }) == 0);
    CHECK(install_seccomp(nullptr, 0, 0) == EINVAL);
    const sock_filter bad = BPF_STMT(BPF_RET | BPF_A, 0);
    CHECK(install_seccomp(&bad, 1, ~0U) != 0);
}

TEST_CASE("seccomp filter: includes and excludes") {
    const auto counts = [](const std::string& conditions, const SeccompTarget& target) {
        const SeccompFilter filter = compiled(
            R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ALLOW", )" +
                conditions + "}]}",
            target);
        return asked(filter, kAmd64, 110) == SECCOMP_RET_ALLOW;
    };
    const SeccompTarget plain{0, "amd64", {6, 1}};
    const SeccompTarget chown{capability_bit(0), "amd64", {6, 1}};
    const SeccompTarget both{capability_bit(0) | capability_bit(21), "amd64", {6, 1}};
    const std::string caps = R"({"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]})";
    CHECK_FALSE(counts("\"includes\": " + caps, plain));
    CHECK_FALSE(counts("\"includes\": " + caps, chown));
    CHECK(counts("\"includes\": " + caps, both));
    CHECK(counts("\"excludes\": " + caps, plain));
    CHECK_FALSE(counts("\"excludes\": " + caps, chown));
    CHECK(counts(R"("includes": {"arches": ["arm64", "amd64"]})", plain));
    CHECK_FALSE(counts(R"("includes": {"arches": ["arm64", "x86"]})", plain));
    CHECK_FALSE(counts(R"("excludes": {"arches": ["amd64"]})", plain));
    CHECK(counts(R"("excludes": {"arches": ["s390x"]})", plain));
    for (const auto& [version, reached] :
         std::vector<std::pair<std::string, bool>>{{"4.8", true}, {"6.1", true}, {"6.2", false}, {"10.0", false}}) {
        CHECK(counts(R"("includes": {"minKernel": ")" + version + "\"}", plain) == reached);
        CHECK(counts(R"("excludes": {"minKernel": ")" + version + "\"}", plain) != reached);
    }
    CHECK_FALSE(counts(R"("includes": {"minKernel": "4.8", "caps": ["CAP_CHOWN"]})", plain));
}

TEST_CASE("seccomp filter: a name that nobody knows is skipped only where that denies") {
    const auto compile = [](const std::string& otherwise, const std::string& action) {
        return compile_seccomp(profile_of(R"({"defaultAction": "SCMP_ACT_)" + otherwise +
                                          R"(", "syscalls": [{"names": ["getppid", "gettppid"], "action": "SCMP_ACT_)" +
                                          action + "\"}]}"),
                               {0, "amd64", {6, 1}});
    };
    for (const char* const action : {"ALLOW", "LOG", "ERRNO", "KILL"})
        for (const char* const otherwise : {"ERRNO", "KILL_PROCESS", "TRAP"}) {
            const auto filter = compile(otherwise, action);
            REQUIRE(filter.ok());
            CHECK(filter->skipped == std::vector<std::string>{"gettppid"});
        }
    CHECK(compile("LOG", "ALLOW").ok());
    for (const auto& [otherwise, action] : std::vector<std::pair<std::string, std::string>>{
             {"ALLOW", "ERRNO"}, {"ALLOW", "LOG"}, {"LOG", "KILL"}, {"TRACE", "ERRNO"}}) {
        const auto filter = compile(otherwise, action);
        REQUIRE_FALSE(filter.ok());
        CHECK(filter.error().category == Category::unsupported);
        CHECK_THAT(filter.error().message, Contains("p.json: syscalls[0]: 'gettppid' is no system call"));
    }
    // Known, and not here.
    CHECK(compiled(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["s390_sthyi", "breakpoint"],
                       "action": "SCMP_ACT_ERRNO"}]})")
              .skipped.empty());
}

TEST_CASE("seccomp filter: calls newer than the profile do not exist") {
    const std::string rules = R"("syscalls": [{"names": ["getppid", "openat2"], "action": "SCMP_ACT_ALLOW"}]})";
    const SeccompFilter filter = compiled(R"({"defaultAction": "SCMP_ACT_ERRNO", )" + kAllSubs + rules);
    for (const auto& [architecture, first] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
             {kAmd64, 0}, {kAmd64, kX32}, {kI386, 0}}) {
        CHECK(asked(filter, architecture, first + 436) == failing(EPERM));
        CHECK(asked(filter, architecture, first + 437) == SECCOMP_RET_ALLOW);
        CHECK(asked(filter, architecture, first + 438) == failing(ENOSYS));
        CHECK(asked(filter, architecture, first + 0xFFFF) == failing(ENOSYS));
        CHECK(asked(filter, architecture, first + 0x10000) == failing(EPERM));
    }
    CHECK(asked(filter, kAmd64, 0xFFFFFFFF) == failing(EPERM));
    const SeccompFilter killing = compiled(R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", )" + rules);
    CHECK(asked(killing, kAmd64, 438) == SECCOMP_RET_KILL_PROCESS);
    const SeccompFilter arm = compiled(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["read", "set_tls"], "action": "SCMP_ACT_ALLOW"}]})", {0, "arm", {6, 1}});
    CHECK(asked(arm, AUDIT_ARCH_ARM, 0xF0005) == SECCOMP_RET_ALLOW);
    CHECK(asked(arm, AUDIT_ARCH_ARM, 0xF0004) == failing(EPERM));
    CHECK(asked(arm, AUDIT_ARCH_ARM, 4) == failing(ENOSYS));
}

TEST_CASE("seccomp filter: architectures that the profile does not name end the process") {
    const SeccompFilter native = compiled(R"({"defaultAction": "SCMP_ACT_ALLOW"})");
    CHECK(asked(native, kAmd64, 0) == SECCOMP_RET_ALLOW);
    CHECK(asked(native, kAmd64, 0xFFFFFFFF) == SECCOMP_RET_ALLOW);
    for (const std::uint32_t architecture : {kI386, std::uint32_t{AUDIT_ARCH_AARCH64}, 0U})
        CHECK(asked(native, architecture, 0) == SECCOMP_RET_KILL_PROCESS);
    CHECK(asked(native, kAmd64, kX32) == SECCOMP_RET_KILL_PROCESS);
    CHECK(asked(native, kAmd64, 0xFFFFFFFE) == SECCOMP_RET_KILL_PROCESS);
    const SeccompFilter map = compiled(R"({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_X32"]}]})");
    CHECK(asked(map, kI386, 0) == SECCOMP_RET_ALLOW);
    CHECK(asked(map, kAmd64, kX32) == SECCOMP_RET_KILL_PROCESS);
    CHECK_FALSE(compile_seccomp(profile_of(R"({"defaultAction": "SCMP_ACT_ALLOW"})"), {0, "vax", {}}).ok());
}

TEST_CASE("seccomp filter: socketcall and ipc carry the calls that they carry, and hide arguments") {
    constexpr std::uint32_t kSocketcall = 102, kSocket = 359, kIpc = 117, kSemget = 393, kConnect = 362;
    const std::string socket_of_one =
        R"("syscalls": [{"names": ["socket"], "action": "SCMP_ACT_%", "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 1}]},
                        {"names": ["connect", "semget"], "action": "SCMP_ACT_%"}]})";
    const auto with = [&](const std::string& otherwise, const std::string& action) {
        std::string text = R"({"defaultAction": "SCMP_ACT_)" + otherwise + "\", " + kAllSubs + socket_of_one;
        for (auto at = text.find('%'); at != std::string::npos; at = text.find('%')) text.replace(at, 1, action);
        return compiled(text);
    };
    const SeccompFilter allowing = with("ERRNO", "ALLOW");
    CHECK(asked(allowing, kI386, kSocket, {1}) == SECCOMP_RET_ALLOW);
    CHECK(asked(allowing, kI386, kSocket, {2}) == failing(EPERM));
    CHECK(asked(allowing, kI386, kSocketcall, {1}) == failing(EPERM));
    CHECK(asked(allowing, kI386, kConnect) == SECCOMP_RET_ALLOW);
    CHECK(asked(allowing, kI386, kSocketcall, {3}) == SECCOMP_RET_ALLOW);
    CHECK(asked(allowing, kI386, kSocketcall, {4}) == failing(EPERM));
    CHECK(asked(allowing, kI386, kSemget) == SECCOMP_RET_ALLOW);
    CHECK(asked(allowing, kI386, kIpc, {2}) == SECCOMP_RET_ALLOW);
    CHECK(asked(allowing, kI386, kIpc, {1}) == failing(EPERM));
    CHECK(asked(allowing, kAmd64, 41, {1}) == SECCOMP_RET_ALLOW);
    const SeccompFilter denying = with("ALLOW", "ERRNO");
    CHECK(asked(denying, kI386, kSocket, {2}) == SECCOMP_RET_ALLOW);
    CHECK(asked(denying, kI386, kSocketcall, {1}) == failing(EPERM));
    CHECK(asked(denying, kI386, kSocketcall, {3}) == failing(EPERM));
    CHECK(asked(denying, kI386, kSocketcall, {4}) == SECCOMP_RET_ALLOW);
    // The kernel takes a version off the number of ipc(2), and none off that of socketcall(2).
    for (const std::uint64_t version : {0x10000U, 0xFFFF0000U}) CHECK(asked(denying, kI386, kIpc, {version | 2}) == failing(EPERM));
    CHECK(asked(denying, kI386, kIpc, {0x10001}) == SECCOMP_RET_ALLOW);
    // A condition of the same strictness as the default holds against a rule without one, as it does for the call itself.
    const SeccompFilter both = compiled(R"({"defaultAction": "SCMP_ACT_ERRNO", )" + std::string(kAllSubs) + R"("syscalls": [
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 16}]}]})");
    CHECK(asked(both, kI386, kSocket, {16}) == failing(EPERM));
    CHECK(asked(both, kI386, kSocketcall, {1}) == failing(EPERM));
}

TEST_CASE("seccomp filter: -1 is -1 in 32 bits, too; s390x reads its words the other way round") {
    const std::string text = R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_S390"],
        "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO",
                      "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 18446744073709551615}]}]})";
    const SeccompFilter filter = compiled(text);
    CHECK(asked(filter, kAmd64, 110, {0xFFFFFFFF}) == SECCOMP_RET_ALLOW);
    CHECK(asked(filter, kAmd64, 110, {~std::uint64_t{0}}) == failing(EPERM));
    CHECK(asked(filter, kI386, 64, {0xFFFFFFFF}) == failing(EPERM));
    const SeccompFilter big = compiled(comparison("EQ", 0x100000002), {0, "s390x", {6, 1}});
    CHECK(asked(big, AUDIT_ARCH_S390X, 64, {0, 0, 0x200000001}) == failing(77));
    CHECK(asked(big, AUDIT_ARCH_S390X, 64, {0, 0, 0x100000002}) == SECCOMP_RET_ALLOW);
}

#ifdef __x86_64__
TEST_CASE("seccomp filter: the same answers as libseccomp's filter of the same rules") {
    const std::vector<CallArguments> arguments = {
        {}, {4294967302, 0, 0, 16}, {4294967302, 0, 0, 0x31F}, {4294967302, 0, 0, 0x31E0}, {5, 0, 0, 16}, {~0ULL, 1, 2, 16}};
    for (const auto& [otherwise, action] : std::vector<std::pair<std::string, std::string>>{
             {"SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"}, {"SCMP_ACT_TRACE", "SCMP_ACT_LOG"}}) {
        const std::string text = long_profile(otherwise, action, 400);
        const SeccompFilter ours = compiled(text);
        const SeccompFilter theirs = libseccomp_filter(profile_of(text), {SCMP_ARCH_X86, SCMP_ARCH_X32});
        int different = 0;
        for (const auto& [architecture, first] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
                 {kAmd64, 0}, {kAmd64, kX32}, {kI386, 0}, {AUDIT_ARCH_ARM, 0}})
            for (std::uint32_t number = 0; number < 520; ++number) {
                // There we are the stricter, see above.
                if (architecture == kI386 && (number == 102 || number == 117)) continue;
                for (const CallArguments& each : arguments) {
                    CallArguments seen = each;
                    if (architecture == kI386)
                        for (std::uint64_t& value : seen) value &= 0xFFFFFFFF;
                    // libseccomp compares 32 bits there, with the lower half of a number that has more.
                    if (architecture == kI386 && each[0] > 0xFFFFFFFF) continue;
                    const auto mine = asked(ours, architecture, first + number, seen);
                    if (mine != asked(theirs, architecture, first + number, seen) && ++different < 10)
                        FAIL_CHECK(architecture << " " << number << " " << each[0] << ": " << mine);
                }
            }
        CHECK(different == 0);
    }
}
#endif

TEST_CASE("seccomp filter: 400 rules are taken by the kernel, and hold; more than it takes is an error") {
    const SeccompFilter filter = compiled_here(long_profile("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", 400));
    CHECK(under(filter, [] {
              if (::getppid() < 1 || ::getuid() == static_cast<uid_t>(-1)) return 1;
              return errno_of(::syscall(SYS_close, 4)) == ENOSYS ? 0 : 2;  // number 3: under conditions
          }) == 0);
    std::string rules;
    for (int value = 0; value < 1500; ++value)
        rules += std::string(value == 0 ? "" : ",") +
                 R"({"names": ["getppid"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": )" +
                 std::to_string(value) + "}]}";
    const auto many = compile_seccomp(profile_of(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)" + rules + "]}"),
                                      {0, "amd64", {6, 1}});
    REQUIRE_FALSE(many.ok());
    CHECK(many.error().category == Category::config);
    CHECK_THAT(many.error().message, Contains("instructions, and the kernel takes 4096"));
}

// A sanitizer makes calls of its own, which the confinement does not allow.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("seccomp filter: the process that reads for root can parse and compile within its confinement") {
    const auto text = read_file(BERTH_SOURCE_DIR "/conf/seccomp-profiles/default.json", kMaxSeccompProfileSize);
    REQUIRE(text.ok());
    const auto outside = compiled_here(*text).program.size();
    const pid_t child = ::fork();
    if (child == 0) {
        if (set_no_new_privileges() != 0 || !confine_reader()) ::_exit(2);
        auto profile = parse_seccomp_profile(*text, "default.json");
        const auto target = current_seccomp_target(0);
        if (!profile || !target || parse_seccomp_profile("{", "x").ok()) ::_exit(3);
        const auto filter = compile_seccomp(*profile, *target);
        ::_exit(filter && filter->program.size() == outside ? 0 : 4);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}
#endif
