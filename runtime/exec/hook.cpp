#include "runtime/exec/hook.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/mounts.hpp"

namespace berth {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOciVersion = "1.2.0";
constexpr rlim_t kFileBytes = 16UL << 20U;  // of what it prints, and of any file
constexpr std::size_t kShownBytes = 512;
constexpr std::chrono::seconds kEndTime{5};  // for the processes between, beyond the program's own time

/// Where the bundle is mounted, for the program alone: a folder of this installation's, empty for everybody else.
std::string bundle_path() { return install_paths().libexec + "/bundle"; }

std::string config_text(const HookCaller& caller) {
    const uid_t uid = caller.identity ? caller.identity->uid : ::getuid();
    const gid_t gid = caller.identity ? caller.identity->gid : ::getgid();
    return Json{{"ociVersion", kOciVersion},
                {"process", {{"user", {{"uid", uid}, {"gid", gid}}}, {"cwd", "/"}}},
                {"root", {{"path", bundle_path() + "/rootfs"}, {"readonly", true}}}}
        .dump();
}

std::string state_text(const effect::RunHook& hook, const HookCaller& caller) {
    return Json{{"ociVersion", kOciVersion},
                {"id", caller.container},
                {"status", hook.hook.name == "createContainer" ? "created" : "creating"},
                {"pid", ::getpid()},
                {"bundle", bundle_path()},
                {"annotations", Json::object()}}
        .dump();
}

/// One run of a program, from this process down to the program's own.
class Run {
public:
    Run(const effect::RunHook& hook, const HookCaller& caller) : hook_(hook), caller_(caller), owner_(::getpid()) {}

    Status prepare(int root) {
        BERTH_TRY(root_, clone_mount(root, "the container's root"));
        BERTH_TRY(input_, memory_file("state"));
        BERTH_CHECK(write_all(input_.get(), state_text(hook_, caller_), "state"));
        if (::lseek(input_.get(), 0, SEEK_SET) != 0) return errno_error("state");
        BERTH_TRY(output_, memory_file("output"));
        return {};
    }

    /// \return the program's exit status, 128 + its signal, or kNotPrepared, with the reason among what it printed.
    Result<int> run() {
        BERTH_TRY(auto between, Child::fork([this] { return separate(); }));
        BERTH_TRY(const int status, between.wait(hook_.limit + 2 * kEndTime));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    /// The end of it.
    [[nodiscard]] std::string printed() const {
        struct stat st {};
        if (::fstat(output_.get(), &st) != 0) return {};
        const auto size = static_cast<std::size_t>(st.st_size);
        std::string text(std::min(size, kShownBytes), '\0');
        const ssize_t n = ::pread(output_.get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
        text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        text.erase(text.find_last_not_of(" \n") + 1);
        return printable(text, 4 * kShownBytes);
    }

private:
    int failed(const Error& error) const {
        static_cast<void>(write_all(output_.get(), error.message, "output"));
        return Child::kNotPrepared;
    }

    /// The first process still has every power, and this process's ids.
    int separate() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != owner_) return Child::kNotPrepared;
        if (caller_.devices != nullptr)
            if (auto status = caller_.devices->join(); !status) return failed(status.error());
        if (::unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) return failed(errno_error("namespaces"));
        if (auto status = mount_bundle(); !status) return failed(status.error());
        return wait_for([this] { return be_first(); }, hook_.limit + kEndTime);
    }

    Status mount_bundle() const {
        const std::string path = bundle_path();
        BERTH_TRY(const UniqueFd bundle, new_filesystem("tmpfs", {{"source", "berth"}, {"mode", "755"}, {"size", "1m"}}, Access::read_write));
        BERTH_TRY(const UniqueFd config, open_at(bundle.get(), "config.json", O_WRONLY | O_CREAT | O_EXCL, 0644));
        BERTH_CHECK(write_all(config.get(), config_text(caller_), path + "/config.json"));
        if (::mkdirat(bundle.get(), "rootfs", 0755) != 0) return errno_error(path);
        BERTH_TRY(const UniqueFd place, open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY));
        BERTH_CHECK(attach_mount(bundle.get(), place.get(), path));
        BERTH_TRY(const UniqueFd rootfs, open_at(AT_FDCWD, path + "/rootfs", O_PATH | O_DIRECTORY));
        return attach_mount(root_.get(), rootfs.get(), path + "/rootfs");
    }

    /// Process 1 of the new process ids, out of the caller's reach: when it ends, the kernel ends all others.
    int be_first() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        return wait_for([this] { return become_program(); }, hook_.limit);
    }

    int wait_for(const std::function<int()>& body, std::chrono::milliseconds limit) const {
        auto child = Child::fork(body);
        if (!child) return failed(child.error());
        const auto status = child->wait(limit);
        if (!status) return failed({Category::system, ETIMEDOUT, " (it took longer than " + std::to_string(hook_.limit.count()) + " s)"});
        return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
    }

    int become_program() const {
        if (auto status = give_up_power(); !status) return failed(status.error());
        if (::chdir(bundle_path().c_str()) != 0) return failed(errno_error(bundle_path()));
        for (const auto& [from, to] : {std::pair(input_.get(), 0), std::pair(output_.get(), 1), std::pair(output_.get(), 2)})
            if (::dup2(from, to) < 0) return failed(errno_error("dup2"));
        const UniqueFd report(::fcntl(2, F_DUPFD_CLOEXEC, 3));
        if (auto status = close_other_fds({report.get()}); !status) return Child::kNotPrepared;
        std::vector<std::string> arguments = hook_.hook.arguments;
        if (arguments.empty()) arguments.push_back(hook_.hook.path);
        auto argv = pointers(arguments);
        auto environment = pointers(hook_.hook.env);
        ::execve(hook_.hook.path.c_str(), argv.data(), environment.data());
        static_cast<void>(write_all(report.get(), errno_error("cannot be executed").message, "output"));
        return Child::kNotExecuted;
    }

    Status give_up_power() const {
        ::setsid();
        for (const auto& [what, value] : {std::pair(RLIMIT_FSIZE, kFileBytes), std::pair(RLIMIT_CORE, rlim_t{0}),
                                          std::pair(RLIMIT_CPU, static_cast<rlim_t>(hook_.limit.count()))}) {
            rlimit limits{};
            if (::getrlimit(what, &limits) != 0) return errno_error("getrlimit");
            limits.rlim_cur = limits.rlim_max = std::min(limits.rlim_max, value);
            if (::setrlimit(what, &limits) != 0) return errno_error("setrlimit");
        }
        if (const int rc = limit_bounding_set(0); rc != 0) return errno_error("cannot limit the capability bounding set", rc);
        if (caller_.identity) BERTH_CHECK(become(*caller_.identity));
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // becoming another user cleared it
        if (const int rc = limit_capabilities(0); rc != 0) return errno_error("cannot drop capabilities", rc);
        if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
        for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        return {};
    }

    /// For exec(2); points into `texts`.
    static std::vector<char*> pointers(const std::vector<std::string>& texts) {
        std::vector<char*> all;
        for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
        all.push_back(nullptr);
        return all;
    }

    const effect::RunHook& hook_;
    const HookCaller& caller_;
    pid_t owner_;
    UniqueFd root_;
    UniqueFd input_;
    UniqueFd output_;
};

}  // namespace

Status run_hook(const effect::RunHook& hook, const HookCaller& caller, int root) {
    const std::string what = "the hook " + printable(hook.hook.path, 512) + " of a CDI device";
    Run run(hook, caller);
    if (auto status = run.prepare(root); !status) return std::move(status).error().within(what);
    auto status = run.run();
    if (!status) return std::move(status).error().within(what);
    if (*status == 0) return {};
    const std::string printed = run.printed();
    return Error{Category::system, 0, what + " failed with status " + std::to_string(*status) + (printed.empty() ? "" : ": " + printed)};
}

}  // namespace berth
