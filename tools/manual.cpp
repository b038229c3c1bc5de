#include "tools/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/directives.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/request/options.hpp"
#include "tools/doctor.hpp"

namespace berth::tools {
namespace {

constexpr std::string_view kVersion = "@version@";
/// Some values are longer than a line that could be adjusted.
constexpr const char* kLayout = ".ad l\n";

/// A name: not to be hyphenated.
std::string bold(std::string_view text) { return "\\fB\\%" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

/// An entry of a list: both are roff.
std::string entry(const std::string& title, const std::string& text) { return ".TP\n" + title + "\n" + text + "\n"; }

/// A character beyond ASCII, by its number: no encoding has to be agreed on; an ellipsis by its dots, which every terminal has.
/// Takes the bytes off the text.
std::string take_character(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = std::min<std::size_t>(first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2, text.size());
    unsigned point = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    text.remove_prefix(length);
    constexpr unsigned kEllipsis = 0x2026;
    return point == kEllipsis ? "..." : fmt::format("\\[u{:04X}]", point);
}

std::string argument_text(const Option& option) {
    if (!option.takes_argument()) return "";
    if (option.needs_argument()) return " " + italic(option.argument);
    return "[=" + italic(option.argument.substr(1, option.argument.size() - 2)) + "]";
}

std::string options_table() {
    std::string text;
    for (const Option& option : options()) {
        const bool everywhere = option.scope == Scope::everywhere;
        std::string others = "Under Slurm: " + bold("--" + std::string(option.slurm_name));
        if (!option.slurm_alias.empty()) others += " or " + bold("--" + std::string(option.slurm_alias));
        others += ".";
        if (everywhere) others += " Environment: " + bold(environment_name(option)) + ".";
        const std::string title = everywhere ? bold("--" + std::string(option.name)) + argument_text(option) : italic(option.argument) + ", the argument";
        text += entry(title, roff(option.meaning) + ".\n" + others);
    }
    return text;
}

std::string directives_table(config::Standing standing) {
    std::string text;
    for (const config::Directive& directive : config::directives()) {
        if (directive.standing != standing) continue;
        const std::string usual = directive.default_value.empty() ? "none" : bold(directive.default_value);
        std::string more = "\nDefault: " + usual + ".";
        if (directive.repeatable()) more += " May stand on several lines.";
        if (directive.place == config::Place::global) more += " Not in a section.";
        if (!directive.difference.empty()) more += "\n" + roff(directive.difference);
        for (const auto& refused : directive.refused)
            more += "\n" + (refused.value.empty() ? "Any value" : bold(refused.value)) + " is refused: " + roff(refused.why) + ".";
        text += entry(bold(directive.name) + " = " + italic(directive.allowed()), roff(directive.meaning) + more);
    }
    return text;
}

std::string ecl_table(bool in_group) {
    std::string text;
    for (const config::EclKey& key : config::ecl_keys())
        if (key.in_group == in_group) text += entry(bold(key.name) + " = " + italic(key.type), roff(key.meaning));
    return text;
}

std::string checks_table() {
    std::string text;
    for (const Check& check : doctor_checks()) text += entry(bold(check.name), roff(check.looks_at));
    return text;
}

std::string capabilities_table() {
    std::string text;
    for (int number = 0; number < kCapabilityCount; ++number) text += bold(capability_name(number)) + (number + 1 < kCapabilityCount ? ",\n" : ".\n");
    return text;
}

struct Table {
    std::string_view placeholder;
    std::string (*make)();
};

constexpr std::array<Table, 7> kTables = {{{"@options@", options_table},
                                           {"@directives@", [] { return directives_table(config::Standing::in_effect); }},
                                           {"@directives-that-hold@", [] { return directives_table(config::Standing::holds); }},
                                           {"@ecl-keys@", [] { return ecl_table(false); }},
                                           {"@ecl-group-keys@", [] { return ecl_table(true); }},
                                           {"@checks@", checks_table},
                                           {"@capabilities@", capabilities_table}}};

std::string with_version(std::string line, const std::string& version) {
    for (auto at = line.find(kVersion); at != std::string::npos; at = line.find(kVersion, at))
        line.replace(at, kVersion.size(), version);
    return line;
}

}  // namespace

std::string roff(std::string_view text) {
    // Zero width: a dot or an apostrophe that comes first would make the line a request.
    std::string result = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
    bool is_bold = false;
    while (!text.empty()) {
        const char c = text.front();
        if (static_cast<unsigned char>(c) >= 0x80) {
            result += take_character(text);
            continue;
        }
        text.remove_prefix(1);
        switch (c) {
            case '\\': result += "\\(rs"; break;
            case '-': result += "\\-"; break;
            case '^': result += "\\(ha"; break;
            case '~': result += "\\(ti"; break;
            case '\n': result += ' '; break;
            case ':': result += text.empty() || text.starts_with(' ') ? ":" : ":\\:"; break;  // search paths are longer than a line
            case '`':
                is_bold = !is_bold;
                result += is_bold ? "\\fB" : "\\fR";
                break;
            default: result += c;
        }
    }
    return result;
}

Result<std::string> manual_page(std::string_view page, const std::string& name, const std::string& version) {
    std::string text;
    unsigned number = 0;
    for (const std::string& each : split(page, '\n')) {
        ++number;
        const std::string line = with_version(each, version);
        if (!line.starts_with('@')) {
            text += line + "\n" + (line.starts_with(".TH ") ? kLayout : "");
            continue;
        }
        const auto table = std::ranges::find(kTables, line, &Table::placeholder);
        if (table == kTables.end())
            return Error{Category::usage, 0, fmt::format("{}:{}: there is no table {}", name, number, printable(line))};
        text += table->make();
    }
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
}

}  // namespace berth::tools
