#include "runtime/environment/shell_words.hpp"

#include "runtime/environment/image_scripts.hpp"

namespace berth {
namespace {

constexpr int kMaxBraces = 8;

/// What an expansion outside quotes may hold without being split or matched against file names.
constexpr std::string_view kSplitting = " \t\n*?[]\\";

/// Stands for itself outside quotes. Left out: operators, patterns, `~`, and the braces of bash's lists.
bool is_plain_byte(char c) noexcept {
    return is_shell_name_byte(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view("/.,:=@%+-#!]").find(c) != std::string_view::npos;
}

/// bash has bugs with the bytes that it uses as marks.
bool is_shell_mark(char c) noexcept {
    return c == '\0' || c == '\x01' || c == '\x7F';
}

/// After a '$' that is no expansion inside double quotes.
bool leaves_dollar(char c) noexcept {
    return c != '\0' && std::string_view("\" /:.,%+").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view ShellText::take_name() noexcept {
    const std::size_t start = at;
    if (peek() >= '0' && peek() <= '9') return {};
    while (is_shell_name_byte(peek())) ++at;
    return text.substr(start, at - start);
}

bool ends_shell_word(const ShellText& script) noexcept {
    return script.ended() || std::string_view(" \t\n;").find(script.peek()) != std::string_view::npos;
}

bool ShellWordReader::append(ShellWord* word, std::string_view text) {
    if (word == nullptr) return true;
    if (word->text.size() + text.size() > kMaxScriptValue || !variables_.spend(text.size())) return false;
    word->text += text;
    return true;
}

bool ShellWordReader::read(ShellWord* word) {
    while (!ends_shell_word(script_)) {
        const char c = script_.peek();
        if (c == '\'') {
            if (!single_quoted(word)) return false;
        } else if (c == '"') {
            ++script_.at;
            if (!double_quoted(word, false)) return false;
        } else if (c == '$') {
            if (!expansion(word, Quote::none, false)) return false;
        } else if (c == '\\') {
            const char next = script_.peek(1);
            if (is_shell_mark(next)) return false;
            if (next != '\n' && !append(word, {&next, 1})) return false;
            script_.at += 2;
        } else {
            if (!is_plain_byte(c) || !append(word, {&c, 1})) return false;
            ++script_.at;
        }
    }
    return true;
}

bool ShellWordReader::single_quoted(ShellWord* word) {
    const std::size_t start = script_.at + 1;
    const std::size_t end = script_.text.find('\'', start);
    if (end == std::string_view::npos) return false;
    const std::string_view text = script_.text.substr(start, end - start);
    for (const char c : text)
        if (is_shell_mark(c)) return false;
    script_.at = end + 1;
    return append(word, text);
}

/// Behind the opening quote, to behind the closing one. Quotes inside "${X:-…}" are read a bit differently by each
/// shell: only what they agree on passes.
bool ShellWordReader::double_quoted(ShellWord* word, bool inside_braces) {
    while (!script_.skip("\"")) {
        const char c = script_.peek();
        if (is_shell_mark(c) || c == '`') return false;
        if (c == '$') {
            if (!expansion(word, Quote::doubled, inside_braces)) return false;
        } else if (c == '\\') {
            const char next = script_.peek(1);
            const bool escapes = next != '\0' && std::string_view("$`\"\\\n").find(next) != std::string_view::npos;
            if (!escapes && inside_braces) return false;
            if (!escapes && !append(word, "\\")) return false;
            if (escapes && next != '\n' && !append(word, {&next, 1})) return false;
            script_.at += escapes ? 2 : 1;
        } else {
            if (!append(word, {&c, 1})) return false;
            ++script_.at;
        }
    }
    return true;
}

bool ShellWordReader::expansion(ShellWord* word, Quote quote, bool inside_braces) {
    ++script_.at;
    if (word != nullptr && quote == Quote::none) word->expanded_bare = true;
    if (script_.skip("{")) return braces(word, quote);
    if (word == nullptr && (script_.skip("@") || script_.skip("*") || script_.skip("#") || script_.skip("?")))
        return true;
    if (const std::string_view name = script_.take_name(); !name.empty()) {
        if (script_.peek() == '\\' && script_.peek(1) == '\n') return false;  // the name goes on in the next line
        return value_of(name, word, quote);
    }
    return quote == Quote::doubled && !inside_braces && leaves_dollar(script_.peek()) && append(word, "$");
}

/// Behind "${".
bool ShellWordReader::braces(ShellWord* word, Quote quote) {
    const std::string_view name = script_.take_name();
    if (name.empty()) return false;
    if (script_.skip("}")) return value_of(name, word, quote);
    const bool or_empty = script_.skip(":");
    const bool alternative = script_.peek() == '+';
    if (!alternative && script_.peek() != '-') return false;
    ++script_.at;

    bool use_operand = false;
    if (word != nullptr) {
        const auto value = variables_.read(name);
        if (!value) return false;
        const bool counts_as_set = value->set && !(or_empty && value->text.empty());
        use_operand = counts_as_set == alternative;
        if (!use_operand && !alternative && !value_of(name, word, quote)) return false;
    }
    if (++depth_ > kMaxBraces || !operand(use_operand ? word : nullptr, quote)) return false;
    --depth_;
    return true;
}

/// The word in "${X:-word}", with its "}".
bool ShellWordReader::operand(ShellWord* word, Quote quote) {
    while (!script_.skip("}")) {
        const char c = script_.peek();
        if (c == '"') {
            ++script_.at;
            if (!double_quoted(word, quote == Quote::doubled)) return false;
        } else if (c == '$') {
            if (!expansion(word, quote, true)) return false;
        } else if (c == '\'' && quote == Quote::none) {
            if (!single_quoted(word)) return false;
        } else if (!operand_byte(word, quote)) {
            return false;
        }
    }
    return true;
}

bool ShellWordReader::operand_byte(ShellWord* word, Quote quote) {
    const char c = script_.peek();
    if (quote == Quote::none) {
        if (c != ' ' && !is_plain_byte(c)) return false;
        if (c == '#' || c == '!') return false;
        if (c == ' ' || c == ']') {
            if (word != nullptr) word->splittable = true;
        }
    } else if (is_shell_mark(c) || c == '\'' || c == '`' || c == '\\') {
        return false;
    }
    ++script_.at;
    return append(word, {&c, 1});
}

bool ShellWordReader::value_of(std::string_view name, ShellWord* word, Quote quote) {
    if (word == nullptr) return true;
    const auto value = variables_.read(name);
    if (!value) return false;
    if (quote == Quote::none && value->text.find_first_of(kSplitting) != std::string_view::npos)
        word->splittable = true;
    return append(word, value->text);
}

}  // namespace berth
