#include "runtime/config/toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {
namespace {

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

/// Of one sequence of UTF-8.
std::uint32_t code_point(std::string_view sequence) noexcept {
    std::uint32_t code = static_cast<unsigned char>(sequence[0]) & (0xFFU >> (sequence.size() + 1));
    for (const char c : sequence.substr(1)) code = (code << 6) | (static_cast<unsigned char>(c) & 0x3FU);
    return code;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// What stood in quotes, UTF-8, in ASCII, as it may stand in double quotes; nothing for a backslash before anything else than
/// ASCII. `literal`: a backslash is no more than that.
std::optional<std::string> escaped(std::string_view text, bool literal) {
    std::string ascii;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length > 1) {
            ascii += fmt::format("\\U{:08X}", code_point(text.substr(0, length)));
        } else if (literal && (text[0] == '\\' || text[0] == '"')) {
            (ascii += '\\') += text[0];
        } else if (text[0] == '\\') {
            if (text.size() < 2 || !is_ascii(text[1])) return std::nullopt;
            ascii += text.substr(0, 2);
            text.remove_prefix(1);
        } else {
            ascii += text[0];
        }
        text.remove_prefix(length);
    }
    return ascii;
}

/// Where the quotes that begin at `begin` end.
std::size_t end_of_quotes(std::string_view line, std::size_t begin) {
    for (std::size_t i = begin + 1; i < line.size(); ++i) {
        if (line[i] == line[begin]) return i;
        if (line[i] == '\\' && line[begin] == '"') ++i;
    }
    return std::string_view::npos;
}

/// Appends the line as toml++ may see it, or says why it may not. toml++ 3.3 runs into undefined behaviour where it looks
/// whether a character beyond ASCII is a blank (is_non_ascii_horizontal_whitespace), which it does even behind a quote in
/// the wrong place, and behind a line's end in a text of several lines. It is given ASCII only.
const char* add_line(std::string& text, std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '#') {
            std::ranges::transform(line.substr(i), std::back_inserter(text), [](char each) { return is_ascii(each) ? each : '?'; });
            return nullptr;
        }
        if (c == '"' || c == '\'') {
            if (line.substr(i, 3) == std::string(3, c)) return "a text of several lines begins here; write it in one line";
            const std::size_t end = end_of_quotes(line, i);
            if (end == std::string_view::npos) return "what begins with a quote must end with one, in the same line";
            const std::string_view quoted = line.substr(i + 1, end - i - 1);
            if (std::ranges::all_of(quoted, is_ascii)) {
                text += line.substr(i, end - i + 1);
            } else {
                const auto ascii = escaped(quoted, c == '\'');
                if (!ascii) return "a backslash stands before a character beyond ASCII";
                text += '"' + *ascii + '"';
            }
            i = end;
        } else if (!is_ascii(c)) {
            return "only ASCII may stand outside of quotes and comments";
        } else {
            text += c;
        }
    }
    return nullptr;
}

/// The text in ASCII.
std::variant<std::string, Problem> readable(std::string_view text, const std::string& file) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::string ascii;
    unsigned line = 0;
    for (const std::string& each : split(text, '\n')) {
        if (line++ > 0) ascii += '\n';
        if (each.size() > kLongestTomlLine)
            return Problem{{file, line},
                           "the line is longer than " + std::to_string(kLongestTomlLine) +
                               " bytes; break it: a list "
                               "may have one value a line"};
        if (!is_utf8(each)) return Problem{{file, line}, "the line is not UTF-8"};
        if (const char* const reason = add_line(ascii, each)) return Problem{{file, line}, reason};
    }
    return ascii;
}

}  // namespace

std::variant<toml::table, Problem> parse_toml(std::string_view text, const std::string& file) {
    auto ascii = readable(text, file);
    if (auto* const problem = std::get_if<Problem>(&ascii)) return std::move(*problem);
    toml::parse_result parsed = toml::parse(std::get<std::string>(ascii));
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
