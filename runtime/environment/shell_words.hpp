// Words of the small shell behind run_plain_scripts: quoting and ${…}. Grammar: POSIX.1-2017, Shell Command
// Language 2.2 and 2.6.2, without what dash, bash and busybox ash do differently.
#pragma once

#include <string>
#include <string_view>

#include "runtime/environment/shell_variables.hpp"

namespace berth {

/// A position in a script. All reading is forward, so the work is linear in the text.
struct ShellText {
    std::string_view text;
    std::size_t at = 0;

    [[nodiscard]] bool ended() const noexcept { return at >= text.size(); }
    /// NUL at the end, which no script may hold otherwise.
    [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
        return text.size() - at > ahead ? text[at + ahead] : '\0';
    }
    [[nodiscard]] bool skip(std::string_view expected) noexcept {
        if (!text.substr(at).starts_with(expected)) return false;
        at += expected.size();
        return true;
    }
    /// The name here, stepped over; "" when there is none.
    [[nodiscard]] std::string_view take_name() noexcept;
};

struct ShellWord {
    std::string text;
    bool expanded_bare = false;  ///< held an expansion outside quotes
    bool splittable = false;     ///< … whose text a shell may split or take as a pattern
};

/// Ends of words: blank, newline, ';' and the script's end.
[[nodiscard]] bool ends_shell_word(const ShellText& script) noexcept;

/// Reads words at a script's position. Functions return false where a real shell has to be asked.
class ShellWordReader {
public:
    ShellWordReader(ShellText& script, ShellVariables& variables) noexcept : script_(script), variables_(variables) {}

    /// The word here, which may be empty, expanded into `word`; with nullptr read over without expanding.
    [[nodiscard]] bool read(ShellWord* word);

private:
    enum class Quote { none, doubled };
    bool double_quoted(ShellWord* word, bool inside_braces);
    bool single_quoted(ShellWord* word);
    bool expansion(ShellWord* word, Quote quote, bool inside_braces);
    bool braces(ShellWord* word, Quote quote);
    bool operand(ShellWord* word, Quote quote);
    bool operand_byte(ShellWord* word, Quote quote);
    bool value_of(std::string_view name, ShellWord* word, Quote quote);
    bool append(ShellWord* word, std::string_view text);

    ShellText& script_;
    ShellVariables& variables_;
    int depth_ = 0;
};

}  // namespace berth
