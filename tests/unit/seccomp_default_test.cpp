// The profile that is shipped: what it lets through, on each architecture, and that programs run under it.
#include <sched.h>
#include <signal.h>
#include <seccomp.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "runtime/base/io.hpp"
#include "tests/unit/seccomp_fixture.hpp"

using namespace berth;
using namespace berth::config;

namespace {

using Numbers = std::vector<std::uint64_t>;

constexpr CapabilitySet kSysAdmin = capability_bit(21);

const std::string& shipped() {
    static const std::string text = [] {
        auto read = read_file(BERTH_SOURCE_DIR "/conf/seccomp-profiles/default.json", kMaxSeccompProfileSize);
        if (!read) FAIL(read.error().message);
        return *read;
    }();
    return text;
}

/// What the profile says of a call of that name.
std::uint32_t said(const SeccompFilter& filter, std::uint32_t token, std::uint32_t audit, const std::string& name,
                   const CallArguments& arguments = {}) {
    const int number = seccomp_syscall_resolve_name_arch(token, name.c_str());
    INFO(name);
    REQUIRE(number >= 0);
    return asked(filter, audit, static_cast<std::uint32_t>(number), arguments);
}

std::uint32_t amd64(const SeccompFilter& filter, const std::string& name, const CallArguments& arguments = {}) {
    return said(filter, SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, name, arguments);
}

}  // namespace

TEST_CASE("shipped seccomp profile: says something of every call that libseccomp knows") {
    std::set<std::string> named;
    for (const SeccompRule& rule : profile_of(shipped()).rules) named.insert(rule.names.begin(), rule.names.end());
    for (const std::uint32_t token :
         std::vector<std::uint32_t>{SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64, SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X,
                                    SCMP_ARCH_RISCV64, SCMP_ARCH_X86, SCMP_ARCH_ARM})
        for (int number = 0; number < 600; ++number) {
            const std::unique_ptr<char, void (*)(void*)> name(seccomp_syscall_resolve_num_arch(token, number),
                                                              std::free);
            if (!name || std::string(name.get()) == "socketcall" || std::string(name.get()) == "ipc") continue;
            INFO(name.get());
            CHECK(named.contains(name.get()));
        }
}

TEST_CASE("shipped seccomp profile: what is allowed, and what is not, on every machine") {
    struct Machine {
        std::string name;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> tokens;
    };
    const std::vector<Machine> machines = {
        {"amd64",
         {{SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
          {SCMP_ARCH_X86, AUDIT_ARCH_I386},
          {SCMP_ARCH_X32, AUDIT_ARCH_X86_64}}},
        {"arm64", {{SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64}, {SCMP_ARCH_ARM, AUDIT_ARCH_ARM}}},
        {"ppc64le", {{SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE}}},
        {"s390x", {{SCMP_ARCH_S390X, AUDIT_ARCH_S390X}, {SCMP_ARCH_S390, AUDIT_ARCH_S390}}},
        {"riscv64", {{SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64}}}};
    for (const Machine& machine : machines) {
        INFO(machine.name);
        const SeccompFilter filter = compiled(shipped(), {0, machine.name, {6, 1}});
        CHECK(filter.flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
        for (const auto& [token, audit] : machine.tokens) {
            for (const char* const name : {"read", "openat", "execve", "process_vm_readv", "ptrace", "mbind", "getppid",
                                           "set_mempolicy", "move_pages", "sched_setaffinity", "seccomp"})
                CHECK(said(filter, token, audit, name) == SECCOMP_RET_ALLOW);
            for (const char* const name :
                 {"io_uring_setup", "userfaultfd", "bpf", "keyctl", "add_key", "request_key", "init_module",
                  "finit_module", "kexec_load", "mount", "umount2", "pivot_root", "setns", "fsopen", "open_tree",
                  "move_mount", "mount_setattr", "open_by_handle_at", "perf_event_open", "reboot", "swapon", "chroot",
                  "acct", "clock_settime", "sethostname", "fanotify_init"})
                CHECK(said(filter, token, audit, name) == failing(EPERM));
            CHECK(said(filter, token, audit, "clone3") == failing(ENOSYS));
        }
    }
}

TEST_CASE("shipped seccomp profile: arguments") {
    const SeccompFilter filter = compiled(shipped());
    for (const std::uint64_t family : Numbers{1, 2, 10, 16}) CHECK(amd64(filter, "socket", {family}) == SECCOMP_RET_ALLOW);
    for (const std::uint64_t family : Numbers{0, 17, 21, 38, 40, 44})
        CHECK(amd64(filter, "socket", {family}) == failing(EPERM));
    CHECK(amd64(filter, "socket", {0x100000001}) == SECCOMP_RET_ALLOW);  // the kernel, too, sees an int
    CHECK(amd64(filter, "socket", {0x100000026}) == failing(EPERM));
    for (const std::uint64_t persona : Numbers{0x0, 0x8, 0x20000, 0x40000, 0x60008, 0xFFFFFFFF})
        CHECK(amd64(filter, "personality", {persona}) == SECCOMP_RET_ALLOW);
    for (const std::uint64_t persona : Numbers{0x400000, 0x100000, 0x1, 0x440000, 0xFFFFFFFE})
        CHECK(amd64(filter, "personality", {persona}) == failing(EPERM));
    CHECK(amd64(filter, "clone", {SIGCHLD}) == SECCOMP_RET_ALLOW);
    CHECK(amd64(filter, "unshare", {CLONE_FILES | CLONE_FS}) == SECCOMP_RET_ALLOW);
    for (const std::uint64_t flag : Numbers{CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC,
                                            CLONE_NEWUTS, CLONE_NEWCGROUP}) {
        CHECK(amd64(filter, "clone", {flag | SIGCHLD}) == failing(EPERM));
        CHECK(amd64(filter, "unshare", {flag}) == failing(EPERM));
    }
    CHECK(amd64(filter, "unshare", {0x80}) == failing(EPERM));  // CLONE_NEWTIME
    const SeccompFilter s390 = compiled(shipped(), {0, "s390x", {6, 1}});
    const auto swapped = [](std::uint64_t value) { return value << 32; };
    CHECK(asked(s390, AUDIT_ARCH_S390X, 120, {swapped(CLONE_NEWUSER), 0}) == SECCOMP_RET_ALLOW);
    CHECK(asked(s390, AUDIT_ARCH_S390X, 120, {0, swapped(CLONE_NEWUSER)}) == failing(EPERM));
}

TEST_CASE("shipped seccomp profile: capabilities open what they are for") {
    const SeccompFilter admin = compiled(shipped(), {kSysAdmin, "amd64", {6, 1}});
    for (const char* const name : {"mount", "setns", "clone3", "bpf", "perf_event_open", "sethostname"})
        CHECK(amd64(admin, name) == SECCOMP_RET_ALLOW);
    CHECK(amd64(admin, "unshare", {CLONE_NEWNS}) == SECCOMP_RET_ALLOW);
    CHECK(amd64(admin, "clone", {CLONE_NEWUSER}) == SECCOMP_RET_ALLOW);
    for (const char* const name : {"chroot", "kexec_load", "init_module", "io_uring_setup", "keyctl"})
        CHECK(amd64(admin, name) == failing(EPERM));
    CHECK(amd64(compiled(shipped(), {capability_bit(18), "amd64", {6, 1}}), "chroot") == SECCOMP_RET_ALLOW);
    CHECK(amd64(compiled(shipped(), {capability_bit(38), "amd64", {6, 1}}), "perf_event_open") == SECCOMP_RET_ALLOW);
    CHECK(amd64(compiled(shipped(), {capability_bit(13), "amd64", {6, 1}}), "socket", {17}) == SECCOMP_RET_ALLOW);
}

TEST_CASE("shipped seccomp profile: programs run, threads start, and MPI's and debuggers' calls work") {
    const SeccompFilter filter = compiled_here(shipped());
    CHECK(under(filter, [] {
              int thread_ran = 0;
              std::thread([&] { thread_ran = 1; }).join();
              if (thread_ran != 1) return 1;
              int there = 5, here = 0;
              const iovec to{&here, sizeof here}, from{&there, sizeof there};
              if (::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) != sizeof here || here != 5) return 2;
              const pid_t child = ::fork();
              if (child == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
              int status = -1;
              if (::waitpid(child, &status, 0) != child || status != 0) return 3;
              if (errno_of(::unshare(CLONE_NEWUSER)) != EPERM) return 4;
              if (errno_of(::syscall(SYS_clone3, nullptr, 0)) != ENOSYS) return 5;
              if (errno_of(::syscall(SYS_io_uring_setup, 1, nullptr)) != EPERM) return 6;
              if (errno_of(::socket(AF_ALG, SOCK_SEQPACKET, 0)) != EPERM) return 7;
              if (errno_of(::syscall(999)) != ENOSYS) return 8;
              ::execl("/bin/sh", "sh", "-c", "test -n \"$(echo x | cat)\"", nullptr);
              return 9;
          }) == 0);
}
