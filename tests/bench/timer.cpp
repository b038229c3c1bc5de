// timer: runs several commands by turns and prints what each run took.
//
//   timer [--rounds N] [--warm-up N] [--pause-ms N] [--figure] [--drop-caches] [--forget PATH]… <COMMANDS
//
// COMMANDS: a line each, NAME and then the command's words, all separated by tabs. In each round every command runs
// once, and the next round begins one command further on, so that none always runs behind the same neighbour. Output, a
// line a run: NAME, round, seconds, largest resident set in KiB of the command and all that it waited for (at least the
// timer's own, which the kernel counts in), exit status (128 + signal); separated by tabs.
//   --warm-up N      rounds before those that are printed
//   --pause-ms N     between runs, for what a command leaves behind to end (0)
//   --figure         seconds are the first number that the command prints, rather than its duration
//   --drop-caches    empties the machine's page cache before each run (root)
//   --forget PATH    drops the pages of this file, or of all files beneath this folder, before each run
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

struct Settings {
    unsigned long rounds = 20;
    unsigned long warm_up = 1;
    unsigned long pause_ms = 0;
    bool figure = false;
    bool drop_caches = false;
    std::vector<std::string> forget;
};

struct Command {
    std::string name;
    std::vector<std::string> words;
};

struct Sample {
    double seconds = 0;
    long peak_kib = 0;
    int status = 0;
};

[[noreturn]] void fail(const std::string& what) {
    std::cerr << "timer: " << what << ": " << std::strerror(errno) << '\n';
    std::exit(EXIT_FAILURE);
}

double now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

volatile pid_t running = 0;

// Ends what runs, too: who ends the timer wants to remove what that uses.
void end(int signal) {
    if (running > 0) ::kill(running, SIGTERM);
    ::_exit(128 + signal);
}

void forget_file(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;  // a link
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
}

void make_cold(const Settings& settings) {
    if (settings.drop_caches) {
        const int fd = ::open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || ::write(fd, "1", 1) != 1) fail("/proc/sys/vm/drop_caches");
        ::close(fd);
    }
    for (const auto& path : settings.forget) {
        if (std::filesystem::is_directory(path)) {
            for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
                if (entry.is_regular_file()) forget_file(entry.path());
        } else {
            forget_file(path);
        }
    }
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 512> chunk{};
    for (ssize_t n = 0; (n = ::read(fd, chunk.data(), chunk.size())) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(n));
    return text;
}

pid_t spawn(const Command& command, int out) {
    std::vector<char*> argv;
    for (const auto& word : command.words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    pid_t child = -1;
    errno = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    if (errno != 0) fail(command.words[0]);
    ::posix_spawn_file_actions_destroy(&actions);
    return child;
}

Sample run(const Command& command, bool figure) {
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) fail("pipe");
    if (!figure) {  // what it says is thrown away
        ::close(out[1]);
        out[1] = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    Sample sample;
    const double begin = now();
    const pid_t child = spawn(command, out[1]);
    running = child;
    ::close(out[1]);
    const std::string said = figure ? read_all(out[0]) : "";
    int status = 0;
    rusage usage{};
    if (::wait4(child, &status, 0, &usage) != child) fail("wait4");
    running = 0;
    sample.seconds = figure ? std::strtod(said.c_str(), nullptr) : now() - begin;
    ::close(out[0]);
    sample.peak_kib = usage.ru_maxrss;
    sample.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return sample;
}

std::vector<Command> read_commands() {
    std::vector<Command> commands;
    for (std::string line; std::getline(std::cin, line);) {
        Command command;
        for (std::size_t at = 0, tab = 0; tab != std::string::npos; at = tab + 1) {
            tab = line.find('\t', at);
            command.words.push_back(line.substr(at, tab - at));
        }
        command.name = command.words.front();
        command.words.erase(command.words.begin());
        if (!command.words.empty()) commands.push_back(std::move(command));
    }
    return commands;
}

Settings read_settings(int argc, char** argv) {
    Settings settings;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const bool takes_value = name != "--figure" && name != "--drop-caches";
        if (takes_value && ++i == argc) {
            errno = EINVAL;
            fail(name + " needs a value");
        }
        if (name == "--rounds")
            settings.rounds = std::strtoul(argv[i], nullptr, 10);
        else if (name == "--warm-up")
            settings.warm_up = std::strtoul(argv[i], nullptr, 10);
        else if (name == "--pause-ms")
            settings.pause_ms = std::strtoul(argv[i], nullptr, 10);
        else if (name == "--figure")
            settings.figure = true;
        else if (name == "--drop-caches")
            settings.drop_caches = true;
        else if (name == "--forget")
            settings.forget.emplace_back(argv[i]);
        else {
            errno = EINVAL;
            fail("unknown option " + name);
        }
    }
    return settings;
}

}  // namespace

int main(int argc, char** argv) {
    const Settings settings = read_settings(argc, argv);
    const auto commands = read_commands();
    for (const int signal : {SIGHUP, SIGINT, SIGTERM}) ::signal(signal, end);
    for (unsigned long round = 0; round < settings.warm_up + settings.rounds; ++round) {
        for (std::size_t turn = 0; turn < commands.size(); ++turn) {
            const auto& command = commands[(turn + round) % commands.size()];
            make_cold(settings);
            if (settings.pause_ms > 0) ::usleep(static_cast<useconds_t>(settings.pause_ms * 1000));
            const Sample sample = run(command, settings.figure);
            if (round < settings.warm_up) continue;
            std::printf("%s\t%lu\t%.6f\t%ld\t%d\n", command.name.c_str(), round - settings.warm_up, sample.seconds,
                        sample.peak_kib, sample.status);
            std::fflush(stdout);
        }
    }
    return EXIT_SUCCESS;
}
