#include "runtime/exec/limited_command.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "runtime/base/child.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/cgroup_settings.hpp"
#include "runtime/exec/limit_wire.hpp"

namespace berth {
namespace {

constexpr int kFailure = 255;

struct Report {
    OwnCgroup cgroup;
    std::vector<DecidedLimit> limits;
};

Report unpack_report(const std::string& data) {
    Unpacker unpacker(data);
    Report report;
    report.cgroup.folders = unpacker.texts();
    report.cgroup.memory = unpacker.text();
    auto limits = unpack_decided_limits(unpacker);
    if (!unpacker.complete() || !limits) return {};
    report.limits = std::move(*limits);
    return report;
}

/// What would end this process is the command's; what stops it stops both, as the shell that started them expects.
sigset_t passed_on() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH}) sigaddset(&set, number);
    return set;
}

/// One signal of those passed on. The terminal sends its own to the whole group of processes, the command among them.
void pass_on(int signals, int command) {
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    if (info.ssi_code == SI_KERNEL) return;
    ::syscall(SYS_pidfd_send_signal, command, info.ssi_signo, nullptr, 0);
}

int wait_for(const Child& child, int signals) {
    std::array<pollfd, 2> events{{{child.pidfd(), POLLIN, 0}, {signals, POLLIN, 0}}};
    for (;;) {
        if (::poll(events.data(), events.size(), -1) < 0) continue;
        if (events[1].revents != 0) pass_on(signals, child.pidfd());
        if (events[0].revents == 0) continue;
        int status = 0;
        while (::waitpid(child.pid(), &status, 0) < 0 && errno == EINTR) {}
        return status;
    }
}

/// As the command ended.
int end_like(int status, const sigset_t& callers) {
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    const int number = WTERMSIG(status);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);  // the command's own core is enough
    ::signal(number, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &callers, nullptr);
    ::raise(number);
    return 128 + number;
}

}  // namespace

int run_limited(const std::function<int(int reports)>& body) {
    auto sockets = socket_pair();
    const sigset_t set = passed_on();
    sigset_t callers;
    ::sigprocmask(SIG_BLOCK, &set, &callers);
    // A caller that ignores it would leave nothing to wait for; the command has it as the caller did.
    const auto callers_child = ::signal(SIGCHLD, SIG_DFL);
    const UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC));
    auto child = sockets && signals ? Child::fork([&] {
        ::sigprocmask(SIG_SETMASK, &callers, nullptr);
        ::signal(SIGCHLD, callers_child);
        sockets->first.reset();
        return body(sockets->second.get());
    }) : Result<Child>(sockets ? errno_error("signalfd") : sockets.error());
    if (!child) {
        fmt::print(stderr, "berth: {}\n", child.error().message);
        return kFailure;
    }
    sockets->second.reset();
    const int status = wait_for(*child, signals.get());
    child->release();
    const auto message = receive_message(sockets->first.get(), std::chrono::milliseconds{0});
    if (message) {
        const Report report = unpack_report(message->data);
        if (!report.cgroup.memory.empty())
            if (const auto why = out_of_memory_at(report.cgroup.memory, report.limits)) fmt::print(stderr, "berth: {}\n", *why);
        remove_own_cgroup(report.cgroup);
    }
    return end_like(status, callers);
}

Status report_cgroup(int reports, const OwnCgroup& cgroup, const std::vector<DecidedLimit>& limits) {
    Packer packer;
    packer.texts(cgroup.folders);
    packer.text(cgroup.memory);
    pack(packer, limits);
    return send_message(reports, packer.data());
}

Status die_with_keeper(pid_t keeper) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_error("PR_SET_PDEATHSIG");
    if (::getppid() != keeper) return Error{Category::system, 0, "berth was ended"};
    return {};
}

}  // namespace berth
