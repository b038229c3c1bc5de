#include "tools/squashfs_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/io.hpp"

namespace berth::tools {
namespace {

constexpr int kOutputInChild = 3;
constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/// Those of them that would end this process: nohup(1), for one, has SIGHUP ignored, and a blocked signal would wait
/// all the same.
sigset_t ending_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : kEndingSignals) {
        struct sigaction action {};
        if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) ::sigaddset(&set, signal);
    }
    return set;
}

std::vector<std::string> arguments_of(const SquashfsRequest& request) {
    // Without -exit-on-error a file that cannot be read would be an empty one in the image.
    std::vector<std::string> arguments{"mksquashfs",       request.source,   proc_fd_path(kOutputInChild),
                                       "-noappend",        "-no-progress",   "-quiet",
                                       "-no-recovery",     "-exit-on-error", "-comp",
                                       request.compression};
    // On a tree of programs, level 9 reads twice as fast as gzip and is smaller; level 15 takes five times as long to
    // build for 6 % less.
    if (request.compression == "zstd") arguments.insert(arguments.end(), {"-Xcompression-level", "9"});
    if (request.compression == "lz4") arguments.emplace_back("-Xhc");
    if (request.processors > 0) arguments.insert(arguments.end(), {"-processors", std::to_string(request.processors)});
    if (request.all_root) arguments.emplace_back("-all-root");
    return arguments;
}

/// Owners of what posix_spawn(3) takes.
struct SpawnSettings {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    SpawnSettings() noexcept {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

Result<pid_t> spawn(const SquashfsRequest& request, const sigset_t& mask) {
    SpawnSettings settings;
    // Where both are the same number, glibc clears close-on-exec (posix_spawn_file_actions_adddup2(3)).
    ::posix_spawn_file_actions_adddup2(&settings.files, request.output, kOutputInChild);
    ::posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&settings.files, STDERR_FILENO, STDOUT_FILENO);
    ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK);
    ::posix_spawnattr_setsigmask(&settings.attributes, &mask);

    std::vector<std::string> arguments = arguments_of(request);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = -1;
    const int failure = ::posix_spawnp(&pid, argv[0], &settings.files, &settings.attributes, argv.data(), environ);
    if (failure == ENOENT)
        return Error{Category::unsupported, ENOENT,
                     "mksquashfs is not on the PATH: install the package squashfs-tools"};
    if (failure != 0) return errno_error("mksquashfs", failure);
    return pid;
}

Status wait_for(pid_t pid) {
    sigset_t awaited = ending_signals();
    ::sigaddset(&awaited, SIGCHLD);
    int status = 0;
    for (;;) {
        const int signal = ::sigwaitinfo(&awaited, nullptr);
        if (signal == SIGCHLD) {
            const pid_t ended = ::waitpid(pid, &status, WNOHANG);
            if (ended == pid) break;
            if (ended < 0) return errno_error("waiting for mksquashfs");
        } else if (signal > 0) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            ::raise(signal);  // still held: it takes effect once the files are gone
            return Error{Category::system, EINTR, "interrupted"};
        }
    }
    if (SignalHold::interrupted()) return Error{Category::system, EINTR, "interrupted"};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error{Category::system, 0,
                 WIFEXITED(status) ? "mksquashfs failed with status " + std::to_string(WEXITSTATUS(status))
                                   : "mksquashfs was killed by signal " + std::to_string(WTERMSIG(status))};
}

}  // namespace

SignalHold::SignalHold() noexcept {
    // An inherited "ignore" would have the kernel reap the child, and its status would be lost.
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t held = ending_signals();
    ::sigaddset(&held, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &held, &before_);
}

SignalHold::~SignalHold() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

bool SignalHold::interrupted() noexcept {
    sigset_t waiting;
    ::sigemptyset(&waiting);
    ::sigpending(&waiting);
    const sigset_t ending = ending_signals();
    for (const int signal : kEndingSignals)
        if (::sigismember(&ending, signal) == 1 && ::sigismember(&waiting, signal) == 1) return true;
    return false;
}

Status make_squashfs(const SquashfsRequest& request, const SignalHold& signals) {
    BERTH_TRY(const pid_t pid, spawn(request, signals.before()));
    return wait_for(pid);
}

}  // namespace berth::tools
