#include "runtime/environment/export_listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "runtime/base/text.hpp"
#include "runtime/environment/shell_words.hpp"

namespace berth {
namespace {

int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 16;
}

void append_utf8(std::string& out, unsigned code) {
    const auto put = [&out](unsigned byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
        put(0xC0 | (code >> 6));
    } else {
        if (code < 0x10000) {
            put(0xE0 | (code >> 12));
        } else {
            put(0xF0 | (code >> 18));
            put(0x80 | ((code >> 12) & 0x3F));
        }
        put(0x80 | ((code >> 6) & 0x3F));
    }
    put(0x80 | (code & 0x3F));
}

/// Functions return false at text that is not of the expected form.
class Listing {
public:
    explicit Listing(std::string_view output) noexcept : text_{output} {}

    bool read(Variables& variables) {
        while (!text_.ended()) {
            if (text_.skip("\n")) continue;
            entry_ = text_.at;
            if (!entry(variables) || !(text_.ended() || text_.skip("\n"))) return false;
            if (variables.size() > kMaxExportedVariables) return false;
        }
        return true;
    }

    /// The beginning of the entry that was not understood.
    [[nodiscard]] std::string_view rest() const noexcept { return text_.text.substr(entry_); }

private:
    bool entry(Variables& variables);
    bool word(std::string& value);
    bool single_quoted(std::string& value);
    bool double_quoted(std::string& value);
    bool ansi_quoted(std::string& value);
    bool escape(std::string& value);
    bool control(std::string& value);
    bool array();
    std::optional<unsigned> digits(unsigned base, int at_most) noexcept;

    ShellText text_;
    std::size_t entry_ = 0;
};

bool Listing::entry(Variables& variables) {
    if (!text_.skip("export ") && !text_.skip("declare ") && !text_.skip("typeset ")) return false;
    while (text_.skip("-")) {
        while (is_shell_name_byte(text_.peek())) ++text_.at;
        if (!text_.skip(" ")) return false;
    }
    const std::string name(text_.take_name());
    if (name.empty()) return false;
    if (!text_.skip("=")) return true;
    if (text_.skip("(")) return array();
    std::string value;
    if (!word(value)) return false;
    variables.insert_or_assign(name, std::move(value));
    return true;
}

bool Listing::word(std::string& value) {
    while (!text_.ended() && text_.peek() != '\n') {
        const char c = text_.peek();
        bool fine = true;
        if (text_.skip("'")) {
            fine = single_quoted(value);
        } else if (text_.skip("\"")) {
            fine = double_quoted(value);
        } else if (text_.skip("$'")) {
            fine = ansi_quoted(value);
        } else if (text_.skip("\\")) {
            fine = text_.peek() != '\0';
            if (fine) value += text_.text[text_.at++];
        } else if (c == ' ' || c == '(' || c == ')' || c == '\0') {
            fine = false;
        } else {
            value += c;
            ++text_.at;
        }
        if (!fine) return false;
    }
    return true;
}

bool Listing::single_quoted(std::string& value) {
    const std::size_t end = text_.text.find('\'', text_.at);
    if (end == std::string_view::npos) return false;
    const std::string_view inside = text_.text.substr(text_.at, end - text_.at);
    text_.at = end + 1;
    value += inside;
    return inside.find('\0') == std::string_view::npos;
}

bool Listing::double_quoted(std::string& value) {
    while (!text_.skip("\"")) {
        if (text_.peek() == '\0') return false;
        if (text_.peek() == '\\' && text_.peek(1) == '\n') {
            text_.at += 2;
            continue;
        }
        const char next = text_.peek(1);
        if (text_.peek() == '\\' && (next == '$' || next == '`' || next == '"' || next == '\\')) ++text_.at;
        value += text_.text[text_.at++];
    }
    return true;
}

bool Listing::ansi_quoted(std::string& value) {
    while (!text_.skip("'")) {
        if (text_.peek() == '\0') return false;
        if (text_.skip("\\")) {
            if (!escape(value)) return false;
        } else {
            value += text_.text[text_.at++];
        }
    }
    return true;
}

std::optional<unsigned> Listing::digits(unsigned base, int at_most) noexcept {
    unsigned number = 0;
    int count = 0;
    for (; count < at_most && static_cast<unsigned>(digit_value(text_.peek())) < base; ++count)
        number = number * base + static_cast<unsigned>(digit_value(text_.text[text_.at++]));
    if (count == 0) return std::nullopt;
    return number;
}

/// Behind the backslash. bash's, ksh's and mksh's escapes, and zsh's \C- and \M-.
bool Listing::escape(std::string& value) {
    constexpr std::string_view kLetters = "abeEfnrtv\\'\"?";
    constexpr std::string_view kBytes = "\a\b\x1B\x1B\f\n\r\t\v\\'\"?";
    const char c = text_.peek();
    if (const auto letter = kLetters.find(c); c != '\0' && letter != std::string_view::npos) {
        ++text_.at;
        value += kBytes[letter];
        return true;
    }
    if (c == 'c' || c == 'C' || c == 'M') return control(value);
    std::optional<unsigned> number;
    const bool is_unicode = c == 'u' || c == 'U';
    if (c >= '0' && c <= '7') {
        number = digits(8, 3);
    } else if (c == 'x' || is_unicode) {
        ++text_.at;
        number = digits(16, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    }
    if (!number || *number == 0 || *number > (is_unicode ? 0x10FFFFu : 0xFFu)) return false;
    if (is_unicode)
        append_utf8(value, *number);
    else
        value += static_cast<char>(static_cast<unsigned char>(*number));
    return true;
}

/// \cX, or zsh's \C-X, \M-X and \M-\C-X.
bool Listing::control(std::string& value) {
    const bool meta = text_.skip("M-");
    const bool is_control = meta ? text_.skip("\\C-") : (text_.skip("C-") || text_.skip("c"));
    if (text_.ended() || (!meta && !is_control)) return false;
    auto byte = static_cast<unsigned char>(text_.text[text_.at++]);
    if (is_control) byte = byte == '?' ? 0x7F : static_cast<unsigned char>(byte & 0x1F);
    if (meta) byte = static_cast<unsigned char>(byte | 0x80);
    value += static_cast<char>(byte);
    return byte != 0;
}

/// Behind the "(" of bash's `declare -ax NAME=([0]="a" [1]="b")`.
bool Listing::array() {
    while (!text_.skip(")")) {
        std::string ignored;
        if (text_.ended()) return false;
        if (text_.skip("\"")) {
            if (!double_quoted(ignored)) return false;
        } else if (text_.skip("$'")) {
            if (!ansi_quoted(ignored)) return false;
        } else if (text_.skip("'")) {
            if (!single_quoted(ignored)) return false;
        } else {
            ++text_.at;
        }
    }
    return true;
}

}  // namespace

Result<Variables> parse_export_p(std::string_view output) {
    const auto failure = [](std::string message) { return Error{Category::image, 0, std::move(message)}; };
    if (output.size() > kMaxExportListing)
        return failure(
            fmt::format("the image's environment scripts left more than {} MiB of variables; set fewer of them",
                        kMaxExportListing >> 20));
    Variables variables;
    if (Listing listing(output); !listing.read(variables))
        return failure(fmt::format("the image's shell printed variables in a form that Berth does not know, at '{}'",
                                   printable(listing.rest(), 80)));
    if (variables.empty())
        return failure("the image's shell printed no variables; look for 'exit' or 'exec' in /.singularity.d/env/*.sh");
    return variables;
}

}  // namespace berth
