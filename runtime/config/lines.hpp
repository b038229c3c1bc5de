// The syntax of berth.conf (that of singularity.conf), without any knowledge of directives.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "runtime/config/problem.hpp"

namespace berth::config {

/// `name = value` as written, blanks around both taken off; the views live as long as the text.
struct Assignment {
    std::string_view name;
    std::string_view value;
    unsigned line = 0;
};

/// `[KIND NAME]` as written, blanks around both taken off; which kinds there are is for others to say.
struct SectionHead {
    std::string_view kind;
    std::string_view name;
    unsigned line = 0;
};

using LineItem = std::variant<Assignment, SectionHead, Problem>;

/// Walks the assignments and sections of a text: `#` comments and blank lines are skipped, a byte order mark at the start and CRLF
/// line ends are allowed, the first '=' separates, everything after it belongs to the value.
/// Anything else is a problem. So is a control character, in comments too: a lone carriage return would otherwise hide
/// the directive after it.
class LineReader {
public:
    LineReader(std::string_view text, const std::string& file);

    /// The next item in the order of the file; nothing at the end.
    [[nodiscard]] std::optional<LineItem> next();

private:
    [[nodiscard]] LineItem section(std::string_view line) const;
    [[nodiscard]] Problem problem(std::string message) const { return {{file_, line_}, std::move(message)}; }

    std::string_view rest_;
    const std::string& file_;
    unsigned line_ = 0;
};

}  // namespace berth::config
