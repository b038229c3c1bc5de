#include "runtime/base/log.hpp"

namespace berth {
namespace {
LogSink current_sink = nullptr;
}

void set_log_sink(LogSink sink) noexcept { current_sink = sink; }

void log(LogLevel level, const std::string& line) {
    if (current_sink != nullptr) current_sink(level, line);
}

}  // namespace berth
