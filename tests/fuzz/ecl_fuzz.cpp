// ecl.toml from hostile bytes: every reading ends in a list that keeps its promises, or in problems that can be
// printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/config/site_config.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_fingerprint(const std::string& key) {
    return (key.size() == 40 || key.size() == 64) && key.find_first_not_of("0123456789ABCDEF") == std::string::npos;
}

bool is_folder(const std::string& path) {
    return path.empty() ||
           (path.starts_with('/') && berth::normal_path(path) == path && path.find('\0') == std::string::npos);
}

void check_list(const berth::config::Ecl& ecl, unsigned lines) {
    std::set<std::string> folders;
    for (const auto& group : ecl.groups) {
        require(group.origin.line >= 1 && group.origin.line <= lines);
        require(is_folder(group.folder) && folders.insert(group.folder).second);
        require(!group.recursive || !group.folder.empty());
        require(!ecl.activated.value || !group.keys.empty());
        require(std::ranges::all_of(group.keys, is_fingerprint));
    }
    require(ecl.groups.empty() || ecl.activated.origin.line >= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
    const auto reading = berth::config::read_ecl(text, "fuzz.toml");
    require(reading.problems.size() <= berth::config::kMaxProblems);
    for (const auto& problem : reading.problems) {
        require(problem.where.line <= lines);
        require(problem.message.size() < 1024);
        require(berth::printable(problem.message, 2048) == problem.message);
    }
    if (reading.problems.empty()) check_list(reading.ecl, lines);
    require(berth::config::parse_ecl(text, "fuzz.toml").ok() == reading.problems.empty());
    return 0;
}
