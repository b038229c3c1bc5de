// The logging sink: library code reports through it, and the program decides where it goes
// (stderr for the command, Slurm's log levels for the plugin).
#pragma once

#include <string>

namespace berth {

enum class LogLevel { error, warning, info, verbose, debug };

/// Receives one line without newline. Must not throw and must not call log().
using LogSink = void (*)(LogLevel level, const std::string& line);

/// Replaces the sink; nullptr discards. Not thread-safe: set it before threads start.
void set_log_sink(LogSink sink) noexcept;

void log(LogLevel level, const std::string& line);

}  // namespace berth
