// Why inih does not do this: Debian's libinih cuts a line after 200 bytes unless global variables of the whole process
// (slurmstepd, here) are changed; its handler gets no line number; it ends a string at a NUL byte; it takes ':' for
// '=',
// ';' for a comment and an indented line for a continuation. Singularity's syntax has none of that.
#include "runtime/config/lines.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace berth::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

std::string_view take_line(std::string_view& rest) noexcept {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

LineReader::LineReader(std::string_view text, const std::string& file) : rest_(text), file_(file) {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

LineItem LineReader::section(std::string_view line) const {
    constexpr std::string_view kForm = "; write [partition NAME], [account NAME] or [group NAME]";
    if (!line.ends_with(']')) return problem("no ']' at the end of '" + printable(line, 64) + "'" + std::string(kForm));
    const std::string_view inside = trim(line.substr(1, line.size() - 2));
    if (inside.find_first_of("[]") != std::string_view::npos)
        return problem("'[' or ']' inside of " + printable(line, 64) + std::string(kForm));
    const auto blank = std::min(inside.find_first_of(" \t"), inside.size());
    const SectionHead head{inside.substr(0, blank), trim(inside.substr(blank)), line_};
    if (head.name.empty()) return problem(printable(line, 64) + " has no name" + std::string(kForm));
    return head;
}

std::optional<LineItem> LineReader::next() {
    while (!rest_.empty()) {
        const std::string_view whole = take_line(rest_);
        ++line_;
        if (const auto found = std::ranges::find_if(whole, is_control); found != whole.end())
            return problem("the line holds a control character (" + printable(std::string(1, *found)) + "); remove it");
        const std::string_view line = trim(whole);
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[') return section(line);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos)
            return problem("no '=' in '" + printable(line, 64) + "'; write DIRECTIVE = VALUE, or '#' before a comment");
        const Assignment found{trim(line.substr(0, equals)), trim(line.substr(equals + 1)), line_};
        if (found.name.empty()) return problem("no directive before the '='; write DIRECTIVE = VALUE");
        return found;
    }
    return std::nullopt;
}

}  // namespace berth::config
