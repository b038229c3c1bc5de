#include "tools/passphrase.hpp"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "runtime/base/text.hpp"

namespace berth::tools {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t signal_that_came = 0;
void note_signal(int signal) {
    signal_that_came = signal;
}

/// Turns a terminal's echo off while it lives.
class QuietTerminal {
public:
    explicit QuietTerminal(Echo echo) noexcept : quiet_(echo == Echo::off && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!quiet_) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    ~QuietTerminal() {
        if (!quiet_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        std::fputc('\n', stderr);
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

private:
    termios before_{};
    bool quiet_;
};

/// Byte by byte: what follows the line is the next reader's.
std::optional<std::string> read_line() {
    std::string line;
    line.reserve(kMaxLine);  // no copy of a passphrase is left behind by growing
    for (char c = 0; !interrupted();) {
        const ssize_t n = ::read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return line.empty() ? std::nullopt : std::optional(std::move(line));
        if (c == '\n') return line;
        if (line.size() == kMaxLine) return std::nullopt;
        line += c;
    }
    return std::nullopt;
}

}  // namespace

bool interrupted() noexcept {
    return signal_that_came != 0;
}

bool user_is_there() {
    return ::isatty(STDIN_FILENO) == 1;
}

std::optional<std::string> ask_line(const std::string& prompt, Echo echo) {
    const QuietTerminal terminal(echo);
    if (user_is_there()) std::fputs(prompt.c_str(), stderr);
    return read_line();
}

sif::PassphraseSource asked_passphrase() {
    return [](const sif::PassphraseRequest& request) -> std::optional<std::string> {
        if (request.wrong_before && !user_is_there()) return std::nullopt;
        return ask_line(
            (request.wrong_before ? "Wrong. Passphrase of " : "Passphrase of ") + printable(request.key) + ": ",
            Echo::off);
    };
}

Interruptible::Interruptible() noexcept {
    for (const int signal : kSignals) {
        struct sigaction now {};
        if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) continue;  // nohup(1)
        now = {};
        now.sa_handler = note_signal;  // without SA_RESTART: read(2) returns
        ::sigaction(signal, &now, nullptr);
    }
}

Interruptible::~Interruptible() {
    for (const int signal : kSignals) {
        struct sigaction now {};
        if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == note_signal) ::signal(signal, SIG_DFL);
    }
    if (signal_that_came != 0) ::raise(signal_that_came);
}

}  // namespace berth::tools
