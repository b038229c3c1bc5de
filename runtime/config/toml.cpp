#include "runtime/config/toml.hpp"

#include <algorithm>
#include <optional>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {
namespace {

/// Outside of quotes and comments toml++ 3.3 runs into undefined behaviour where it looks whether a character beyond
/// ASCII is a blank (is_non_ascii_horizontal_whitespace), and behind a line's end in a text of several lines.
const char* unsafe_in(std::string_view line) {
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote != 0) {
            if (c == '\\' && quote == '"') ++i;
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
            if (line.substr(i, 3) == std::string(3, c))
                return "a text of several lines begins here; write it in one line";
        } else if (c == '#') {
            return nullptr;
        } else if (static_cast<unsigned char>(c) >= 0x80) {
            return "only ASCII may stand outside of quotes and comments";
        }
    }
    return nullptr;
}

std::optional<Problem> unreadable(std::string_view text, const std::string& file) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    unsigned line = 0;
    for (const std::string& each : split(text, '\n')) {
        ++line;
        if (each.size() > kLongestTomlLine)
            return Problem{{file, line},
                           "the line is longer than " + std::to_string(kLongestTomlLine) +
                               " bytes; break it: a list "
                               "may have one value a line"};
        if (const char* const reason = unsafe_in(each)) return Problem{{file, line}, reason};
    }
    return std::nullopt;
}

}  // namespace

std::variant<toml::table, Problem> parse_toml(std::string_view text, const std::string& file) {
    if (auto problem = unreadable(text, file)) return *std::move(problem);
    toml::parse_result parsed = toml::parse(text);
    if (parsed) return std::move(parsed).table();
    const auto& error = parsed.error();
    return Problem{{file, static_cast<unsigned>(error.source().begin.line)}, printable(error.description(), 512)};
}

void sort_and_cut(std::vector<Problem>& problems, const std::string& file) {
    std::ranges::stable_sort(problems, {}, [](const Problem& problem) { return problem.where.line; });
    if (problems.size() <= kMaxProblems) return;
    problems.resize(kMaxProblems - 1);
    problems.push_back({{file, 0}, "too many problems; mend these, then check again"});
}

}  // namespace berth::config
