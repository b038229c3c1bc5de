// Runs the shells of this machine, to compare what Berth understands of their language with what they do.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/environment/image_scripts.hpp"

namespace berth::test {

struct Shell {
    std::string name;
    std::vector<std::string> command;
};

/// The shells that are here; says which are not.
inline std::vector<Shell> installed_shells() {
    std::vector<Shell> found;
    for (const Shell& shell : std::vector<Shell>{{"dash", {"/bin/dash"}},
                                                 {"bash", {"/bin/bash"}},
                                                 {"bash --posix", {"/bin/bash", "--posix"}},
                                                 {"busybox ash", {"/bin/busybox", "ash"}},
                                                 {"mksh", {"/bin/mksh"}},
                                                 {"ksh93", {"/bin/ksh93"}},
                                                 {"zsh", {"/bin/zsh", "--emulate", "sh"}}}) {
        if (::access(shell.command.front().c_str(), X_OK) == 0)
            found.push_back(shell);
        else
            UNSCOPED_INFO("not compared with " << shell.name << ": " << shell.command.front() << " is not installed");
    }
    return found;
}

struct Outcome {
    int status = -1;
    std::string listing;     ///< what went to descriptor 3
    std::string complaints;  ///< … to 1 and 2
};

inline std::string take_file(int fd) {
    std::string text;
    std::array<char, 65536> buffer{};
    ::lseek(fd, 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(fd);
    return text;
}

inline int unnamed_file() {
    return ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/// Runs `SHELL -c program` with this environment and nothing else.
inline Outcome run_shell(const Shell& shell, const std::string& program, const Variables& environment) {
    const int listing = unnamed_file();
    const int complaints = unnamed_file();
    std::vector<std::string> words = shell.command;
    words.insert(words.end(), {"-c", program});
    std::vector<std::string> entries;
    for (const auto& [name, value] : environment) entries.push_back(name + "=" + value);
    const auto pointers = [](std::vector<std::string>& strings) {
        std::vector<char*> result;
        for (std::string& text : strings) result.push_back(text.data());
        result.push_back(nullptr);
        return result;
    };
    const auto argv = pointers(words);
    const auto envp = pointers(entries);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(complaints, 1);
        ::dup2(complaints, 2);
        ::dup2(listing, 3);
        ::fcntl(3, F_SETFD, 0);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(126);
    }
    Outcome outcome;
    ::waitpid(child, &outcome.status, 0);
    outcome.listing = take_file(listing);
    outcome.complaints = take_file(complaints);
    return outcome;
}

/// A folder with an image's scripts, and the program that runs them from there.
class ScriptFolder {
public:
    explicit ScriptFolder(const std::vector<ImageScript>& scripts) {
        std::string name = "/tmp/berth-env-XXXXXX";
        path_ = ::mkdtemp(name.data());
        for (const ImageScript& script : scripts) std::ofstream(path_ / script.name) << script.text;
    }
    ~ScriptFolder() { std::filesystem::remove_all(path_); }
    ScriptFolder(const ScriptFolder&) = delete;
    ScriptFolder& operator=(const ScriptFolder&) = delete;

    /// environment_shell_program(), which then also prints a NUL and the true environment to 3.
    [[nodiscard]] std::string program() const {
        constexpr std::string_view kFolder = "/.singularity.d/env/";
        std::string text(environment_shell_program());
        text.replace(text.find(kFolder), kFolder.size(), path_.string() + "/");
        return text + "printf '\\0' >&3\nexec /usr/bin/env -0 >&3\n";
    }

private:
    std::filesystem::path path_;
};

/// Without what shells set for themselves.
inline Variables without_shells_own(Variables variables) {
    for (const char* name : {"PWD", "OLDPWD", "SHLVL", "_"}) variables.erase(name);
    return variables;
}

/// For comparisons whose failure can be read.
inline std::string lines(const Variables& variables) {
    std::string text;
    for (const auto& [name, value] : variables) text += name + "=" + value + "\n";
    return text;
}

/// The NUL-separated entries behind the first NUL of a listing.
inline Variables true_environment(std::string_view listing) {
    std::vector<std::string> entries;
    auto at = listing.find('\0');
    while (at != std::string_view::npos && at + 1 < listing.size()) {
        const auto end = listing.find('\0', at + 1);
        entries.emplace_back(listing.substr(at + 1, end - at - 1));
        at = end;
    }
    return without_shells_own(parse_environment(entries));
}

}  // namespace berth::test
