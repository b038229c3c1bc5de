#include "runtime/exec/hook.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "runtime/base/child.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/resource_limits.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/cgroups.hpp"
#include "runtime/exec/hook_bundle.hpp"
#include "runtime/exec/mounts.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kEndTime{5};  // for the processes between, beyond the program's own time
constexpr std::size_t kShownBytes = 512;
constexpr rlim_t kFileBytes = 16UL << 20U;  // of what it prints, and of any file
constexpr rlim_t kMemoryBytes = 1UL << 30U;
constexpr rlim_t kDescriptors = 1024;
constexpr rlim_t kLockedBytes = 64UL << 10U;

/// The end of what a file of ours has. Takes no lock that somebody who writes to it might hold.
std::string end_of(const UniqueFd& file) {
    struct stat st {};
    if (::fstat(file.get(), &st) != 0) return {};
    const auto size = static_cast<std::size_t>(st.st_size);
    std::string text(std::min(size, kShownBytes), '\0');
    const ssize_t n = ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    std::ranges::replace(text, '\n', ' ');
    return printable(trim(text), 4 * kShownBytes);
}

/// One run of a program, from this process down to the program's own: a process of root's that has new namespaces, process 1
/// of the new process ids, which is out of the caller's reach and whose end is that of all others, and the program. Root's
/// hold no descriptor but of `reasons_`, which the program never has: on a file of its own it could have them wait.
class Run {
public:
    Run(const effect::RunHook& hook, const HookCaller& caller) : hook_(hook), caller_(caller), owner_(::getpid()) {}

    Status prepare(int root) {
        BERTH_TRY(root_, clone_mount(root, "the container's root"));
        BERTH_TRY(input_, memory_file("state"));
        BERTH_CHECK(write_all(input_.get(), hook_state(hook_, caller_), "state"));
        if (::lseek(input_.get(), 0, SEEK_SET) != 0) return errno_error("state");
        BERTH_TRY(output_, memory_file("output"));
        BERTH_TRY(reasons_, memory_file("reasons"));
        return {};
    }

    /// \return the program's exit status, 128 + its signal, or kNotPrepared or kNotExecuted, with reasons().
    Result<int> run() {
        BERTH_TRY(auto between, Child::fork([this] { return separate(); }));
        BERTH_TRY(const int status, between.wait(hook_.limit + 2 * kEndTime));
        return exit_status(status);
    }

    [[nodiscard]] std::string reasons() const { return end_of(reasons_); }
    [[nodiscard]] std::string printed() const { return end_of(output_); }

private:
    static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

    int failed(const std::string& why) const {
        static_cast<void>(write_all(reasons_.get(), why, "reasons"));
        return Child::kNotPrepared;
    }

    int separate() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != owner_) return Child::kNotPrepared;
        const auto ready = [&]() -> Status {
            BERTH_CHECK(join_step());
            BERTH_CHECK(close_other_fds({root_.get(), input_.get(), output_.get(), reasons_.get()}));
            if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) return errno_error("namespaces");
            BERTH_CHECK(uncover_host_root());
            if (caller_.identity)
                if (auto program = config::open_trusted(hook_.hook.path); !program) return std::move(program).error();
            return mount_hook_bundle(caller_, root_.get());
        }();
        if (!ready) return failed(ready.error().message);
        root_.reset();
        return wait_for([this] { return be_first(); }, hook_.limit + kEndTime, ", and waits for a file system that does not answer");
    }

    /// The control groups of the step's, where slurmstepd has put itself by now. On v2 a process can be in one only, and there
    /// it is the devices' that counts.
    Status join_step() const {
        if (caller_.devices != nullptr) BERTH_CHECK(caller_.devices->join());
        if (caller_.daemon <= 0) return {};
        BERTH_TRY(const auto places, cgroup_places(caller_.daemon));
        for (const CgroupPlace& place : places)
            if (!place.unified && is_slurm_step(place.folder)) BERTH_CHECK(write_cgroup_file(place.folder, "cgroup.procs", "0"));
        return {};
    }

    int be_first() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        return wait_for([this] { return become_program(); }, hook_.limit, "it took longer than " + std::to_string(hook_.limit.count()) + " s");
    }

    int wait_for(const std::function<int()>& body, std::chrono::milliseconds limit, const std::string& too_slow) const {
        auto child = Child::fork(body);
        if (!child) return failed(child.error().message);
        if (auto status = close_other_fds({reasons_.get(), child->pidfd()}); !status) return failed(status.error().message);
        const auto status = child->wait(limit);
        return status ? exit_status(*status) : failed(too_slow);
    }

    int become_program() const {
        for (const auto& [from, to] : {std::pair(input_.get(), 0), std::pair(output_.get(), 1), std::pair(output_.get(), 2)})
            if (::dup2(from, to) < 0) return failed(errno_error("dup2").message);
        if (auto status = give_up_power(); !status) return failed(status.error().message);
        if (::chdir(hook_bundle_path().c_str()) != 0) return failed(errno_error(hook_bundle_path()).message);
        std::vector<std::string> arguments = hook_.hook.arguments;
        if (arguments.empty()) arguments.push_back(hook_.hook.path);
        const auto argv = exec_vector(arguments);
        const auto environment = exec_vector(hook_.hook.env);
        ::execve(hook_.hook.path.c_str(), argv.data(), environment.data());
        failed(errno_error("cannot be executed").message);
        return Child::kNotExecuted;
    }

    Status give_up_power() const {
        BERTH_CHECK(close_other_fds({reasons_.get()}));  // which is close-on-exec
        ::setsid();
        BERTH_CHECK(limit_resources());
        if (const int rc = limit_bounding_set(0); rc != 0) return errno_error("cannot limit the capability bounding set", rc);
        if (caller_.identity) {
            BERTH_CHECK(become(*caller_.identity));
            // The daemon's session keyring would be the program's.
            if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) return errno_error("a keyring of its own");
        }
        ::prctl(PR_SET_DUMPABLE, 0);         // until the exec
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // becoming another user cleared it
        if (const int rc = limit_capabilities(0); rc != 0) return errno_error("cannot drop capabilities", rc);
        if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
        reset_signals();
        return {};
    }

    /// Not RLIMIT_NPROC: it counts every process of the user on the node.
    Status limit_resources() const {
        BERTH_CHECK(give_up_oom_protection());
        BERTH_CHECK(lower_limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
        BERTH_CHECK(lower_limit(RLIMIT_CPU, static_cast<rlim_t>(hook_.limit.count()), "RLIMIT_CPU"));
        BERTH_CHECK(lower_limit(RLIMIT_FSIZE, kFileBytes, "RLIMIT_FSIZE"));
        BERTH_CHECK(lower_limit(RLIMIT_NOFILE, kDescriptors, "RLIMIT_NOFILE"));
        BERTH_CHECK(lower_limit(RLIMIT_MEMLOCK, kLockedBytes, "RLIMIT_MEMLOCK"));
        return lower_limit(RLIMIT_DATA, kMemoryBytes, "RLIMIT_DATA");
    }

    const effect::RunHook& hook_;
    const HookCaller& caller_;
    pid_t owner_;
    UniqueFd root_;
    UniqueFd input_;
    UniqueFd output_;
    UniqueFd reasons_;
};

}  // namespace

Status run_hook(const effect::RunHook& hook, const HookCaller& caller, int root) {
    const std::string what = "the hook " + printable(hook.hook.path, 512) + " of a CDI device";
    Run run(hook, caller);
    if (auto status = run.prepare(root); !status) return std::move(status).error().within(what);
    auto status = run.run();
    if (!status) return std::move(status).error().within(what);
    if (*status == 0) return {};
    std::string message = what + " failed";
    const std::string reasons = run.reasons();
    message += reasons.empty() ? " with status " + std::to_string(*status) : ": " + reasons;
    if (const std::string printed = run.printed(); !printed.empty()) message += "; it printed: " + printed;
    return Error{Category::system, 0, message};
}

}  // namespace berth
