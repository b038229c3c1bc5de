// The scripts /.singularity.d/env/*.sh of an image: run here when they are plain, else by a shell inside the container.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/environment/environment.hpp"

namespace berth {

struct ImageScript {
    std::string name;  ///< the file's name, without its directory
    std::string text;  ///< the whole file; untrusted
};

/// Beyond one of these, run_plain_scripts leaves the scripts to a shell.
inline constexpr std::size_t kMaxScriptBytes = std::size_t{256} << 10;    ///< of all scripts together
inline constexpr std::size_t kMaxScriptVariables = 4096;                  ///< alive at once, exported or not
inline constexpr std::size_t kMaxScriptValue = std::size_t{128} << 10;    ///< of one value: execve(2)'s MAX_ARG_STRLEN
inline constexpr std::size_t kMaxScriptExpansion = std::size_t{8} << 20;  ///< bytes written in all: the work's bound

/// The exported variables after the scripts, run in the byte order of their names, when every script is plain enough
/// that dash, bash and busybox ash are sure to agree on it; nullopt: a shell in the container must run them.
/// Understands assignments, export, unset, `:`, `true` and `if` on `[ -n X ]`, `[ -z X ]`, `[ A = B ]`, `[ A != B ]`,
/// with words of plain and quoted text, $X, ${X}, ${X:-word}, ${X-word}, ${X:+word}, ${X+word}. Branches not taken may
/// hold any simple command. Never fails: text that no shell would take gives nullopt too.
[[nodiscard]] std::optional<Variables> run_plain_scripts(std::span<const ImageScript> scripts, const Variables& start);

/// The program for `/bin/sh -c`, started in the container as the user, with before_scripts() as its environment and
/// descriptor 3 open for writing: sources each script, then prints `export -p` to 3 for parse_export_p(). A failing
/// command does not keep the rest from running; a script with a syntax error is left out with the shell's message. One
/// that calls `exit`, or fails after its own `set -e`, ends the program with its status and nothing on 3, as it ends a
/// container of Singularity's: check the status first. The scripts' own output goes to 1 and 2.
[[nodiscard]] std::string_view environment_shell_program() noexcept;

}  // namespace berth
