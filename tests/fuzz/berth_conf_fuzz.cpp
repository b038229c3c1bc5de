// berth.conf from hostile bytes: every reading ends in a configuration that keeps its promises, or in problems that can
// be printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_clean_path(const std::string& path) {
    return path.starts_with('/') && berth::normal_path(path) == path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto reading = berth::config::read(text, "fuzz.conf");
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
    require(reading.problems.size() <= berth::config::kMaxProblems);
    for (const auto& problem : reading.problems) {
        require(problem.where.line <= lines);
        require(problem.message.size() < 1024);
        require(berth::printable(problem.message, 2048) == problem.message);
    }
    for (const auto& line : reading.lines) require(line.directive != nullptr && line.origin.line >= 1);
    for (const auto& bind : reading.config.bind_path.value)
        require(is_clean_path(bind.source) && is_clean_path(bind.destination) && bind.destination != "/");
    for (const auto& path : reading.config.limit_container_paths.value) require(is_clean_path(path.value));
    require(reading.config.image_server_user.value != "root" && !reading.config.image_server_user.value.empty());
    require(berth::config::parse(text, "fuzz.conf").ok() == reading.problems.empty());
    return 0;
}
