#include "tools/squashfs_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::tools {
namespace {

constexpr int kFileInChild = 3;  // mksquashfs' output, berth-image's input
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
    std::vector<std::string> arguments{"mksquashfs",
                                       request.folder.empty() ? "-" : request.folder,
                                       proc_fd_path(kFileInChild),
                                       "-noappend",
                                       "-quiet",
                                       "-no-recovery",
                                       "-exit-on-error",
                                       "-comp",
                                       request.compression};
    if (request.folder.empty()) arguments.insert(arguments.end(), {"-tar", "-exports"});
    if (::isatty(STDERR_FILENO) == 0) arguments.emplace_back("-no-progress");
    // On a tree of programs, level 9 reads twice as fast as gzip and is smaller; level 15 takes five times as long to
    // build for 6 % less.
    if (request.compression == "zstd") arguments.insert(arguments.end(), {"-Xcompression-level", "9"});
    if (request.compression == "lz4") arguments.emplace_back("-Xhc");
    if (request.processors > 0) arguments.insert(arguments.end(), {"-processors", std::to_string(request.processors)});
    if (!request.memory.empty()) arguments.insert(arguments.end(), {"-mem", request.memory});
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

/// A program and its descriptors: standard input (-1: /dev/null), standard output, and kFileInChild.
struct Program {
    std::vector<std::string> arguments;
    int input = -1;
    int output = STDERR_FILENO;
    int file = -1;
};

Result<pid_t> spawn(Program program, const std::string& path, const sigset_t& mask) {
    SpawnSettings settings;
    // Where both are the same number, glibc clears close-on-exec (posix_spawn_file_actions_adddup2(3)).
    ::posix_spawn_file_actions_adddup2(&settings.files, program.file, kFileInChild);
    if (program.input < 0)
        ::posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        ::posix_spawn_file_actions_adddup2(&settings.files, program.input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&settings.files, program.output, STDOUT_FILENO);
    ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK);
    ::posix_spawnattr_setsigmask(&settings.attributes, &mask);

    std::vector<char*> argv;
    for (std::string& argument : program.arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = -1;
    const int failure = ::posix_spawnp(&pid, path.c_str(), &settings.files, &settings.attributes, argv.data(), environ);
    if (failure == ENOENT && path == "mksquashfs")
        return Error{Category::unsupported, ENOENT,
                     "mksquashfs is not on the PATH: install the package squashfs-tools"};
    if (failure != 0) return errno_error(path, failure);
    return pid;
}

struct Running {
    std::string name;
    pid_t pid = -1;
};

Status check_end(const Running& program, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error{Category::system, 0,
                 WIFEXITED(status) ? program.name + " failed with status " + std::to_string(WEXITSTATUS(status))
                                   : program.name + " was killed by signal " + std::to_string(WTERMSIG(status))};
}

void end_all(std::vector<Running>& programs) {
    for (const Running& program : programs) {
        ::kill(program.pid, SIGKILL);
        ::waitpid(program.pid, nullptr, 0);
    }
    programs.clear();
}

/// Collects those that have ended; the first that failed ends the others.
Status collect(std::vector<Running>& programs) {
    for (auto at = programs.begin(); at != programs.end();) {
        int status = 0;
        const pid_t ended = ::waitpid(at->pid, &status, WNOHANG);
        if (ended == 0) {
            ++at;
            continue;
        }
        const Status sound = ended < 0 ? Status{errno_error("waiting for " + at->name)} : check_end(*at, status);
        at = programs.erase(at);
        if (!sound) return sound;
    }
    return {};
}

Status wait_for(std::vector<Running> programs) {
    sigset_t awaited = ending_signals();
    ::sigaddset(&awaited, SIGCHLD);
    while (!programs.empty()) {
        const int signal = ::sigwaitinfo(&awaited, nullptr);
        if (signal == SIGCHLD) {
            const Status sound = collect(programs);
            if (!sound) end_all(programs);
            if (!sound) return sound;
        } else if (signal > 0) {
            end_all(programs);
            ::raise(signal);  // still held: it takes effect once the files are gone
            return Error{Category::system, EINTR, "interrupted"};
        }
    }
    if (SignalHold::interrupted()) return Error{Category::system, EINTR, "interrupted"};
    return {};
}

/// berth-image, which reads the squashfs of a file and writes into a pipe; the pipe's other end.
Result<Running> start_reader(const char* what, const SquashfsRequest& request, const sigset_t& mask, UniqueFd& result) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe");
    result.reset(ends[0]);
    const UniqueFd writing(ends[1]);
    Program program;
    program.arguments = {"berth-image", what, std::to_string(request.image_offset), std::to_string(request.image_size)};
    program.output = writing.get();
    program.file = request.image;
    BERTH_TRY(const pid_t pid, spawn(std::move(program), install_paths().libexec + "/berth-image", mask));
    return Running{"berth-image", pid};
}

/// The options that give the root folder what mksquashfs does not take from an archive.
Result<std::vector<std::string>> root_options(const SquashfsRequest& request, const sigset_t& mask) {
    UniqueFd result;
    BERTH_TRY(const Running reader, start_reader("root", request, mask, result));
    const auto text = read_all(result.get(), 100, "berth-image");
    BERTH_CHECK(wait_for({reader}));
    if (!text) return text.error();
    const auto words = split(*text, ' ');
    if (words.size() != 5) return Error{Category::internal, 0, "berth-image printed: " + printable(*text)};
    std::vector<std::string> options{"-root-mode", words[0], "-root-time", words[1],
                                     "-root-uid",  words[2], "-root-gid",  words[3]};
    // mksquashfs 4.5 gives the root folder of an archive to its caller, whatever -root-uid says.
    if (words[2] == "0" && words[3] == "0" && words[4] == "1") options.emplace_back("-all-root");
    return options;
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
    std::vector<Running> programs;
    UniqueFd archive;
    Program packer;
    packer.arguments = arguments_of(request);
    if (request.folder.empty()) {
        BERTH_TRY(const auto options, root_options(request, signals.before()));
        packer.arguments.insert(packer.arguments.end(), options.begin(), options.end());
        BERTH_TRY(Running reader, start_reader("tar", request, signals.before(), archive));
        programs.push_back(std::move(reader));
    }
    packer.input = archive.get();
    packer.file = request.output;
    const auto pid = spawn(std::move(packer), request.program.empty() ? "mksquashfs" : request.program, signals.before());
    archive.reset();
    if (!pid) end_all(programs);
    if (!pid) return pid.error();
    programs.push_back({"mksquashfs", *pid});
    return wait_for(std::move(programs));
}

}  // namespace berth::tools
