// Asking the user: passphrases without echo, and lines.
#pragma once

#include <optional>
#include <string>

#include "sif/passphrase.hpp"

namespace berth::tools {

/// A passphrase source for sif/: asks on stderr and reads stdin, without echo where it is a terminal; elsewhere one
/// line of stdin is the passphrase, and a wrong one is not asked for again. An interruption counts as none given.
[[nodiscard]] sif::PassphraseSource asked_passphrase();

/// One line of stdin after a prompt on stderr, without its newline, at most 1024 bytes. Nothing at the end of input or
/// when a signal came. Without echo only where stdin is a terminal.
enum class Echo { on, off };
[[nodiscard]] std::optional<std::string> ask_line(const std::string& prompt, Echo echo);

/// True when stdin is a terminal.
[[nodiscard]] bool user_is_there();

/// While it lives, SIGINT, SIGTERM and SIGHUP do not end the process but interrupt its reading, so that a gpg-agent is
/// ended and temporary folders go first. One that came takes effect when the object goes. For programs of one thread.
class [[nodiscard]] Interruptible {
public:
    Interruptible() noexcept;
    ~Interruptible();
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;
};

/// True when one of these signals came.
[[nodiscard]] bool interrupted() noexcept;

}  // namespace berth::tools
