#include "runtime/config/values.hpp"

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kShown = 64;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_name_start(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Leading zeros are refused: Singularity would read them as octal.
template <typename T>
std::optional<T> decimal(std::string_view text) noexcept {
    return text.size() > 1 && text.front() == '0' ? std::nullopt : whole_number<T>(text);
}

/// setuid(2) and its kin give the highest uid a meaning of its own, so it is none; 0 would be root.
bool is_account(std::string_view text) noexcept {
    if (text.empty() || text == "root") return false;
    if (is_digit(text.front())) {
        const auto uid = decimal<uid_t>(text);
        return uid && *uid != 0 && *uid != std::numeric_limits<uid_t>::max();
    }
    const auto usable = [](char c) { return is_name_start(c) || is_digit(c) || c == '.' || c == '-'; };
    return is_name_start(text.front()) && std::ranges::all_of(text, usable);
}

/// Whether there is such an option is for those to say who know the options.
bool is_option(std::string_view text) noexcept {
    const std::string_view name = text.substr(0, text.find('='));
    const auto usable = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; };
    return text.empty() || (!name.empty() && name.front() != '-' && std::ranges::all_of(name, usable));
}

bool is_valid_entry(ValueType type, const std::string& entry) {
    switch (type) {
        case ValueType::paths: return absolute_path(entry).has_value();
        case ValueType::binds: return bind_entry(entry).has_value();
        default: return !entry.empty();
    }
}

/// Singularity's documents call the empty list NULL. Its programs look for a user of that name.
std::optional<std::string> invalid_list(ValueType type, std::string_view value) {
    for (const std::string& entry : list_entries(value)) {
        if (entry.empty()) return "has an empty entry between its commas";
        if (entry == "NULL") return "has the entry 'NULL'; for an empty list leave the value empty";
        if (!is_valid_entry(type, entry)) return "has the entry '" + printable(entry, kShown) + "'";
    }
    return std::nullopt;
}

bool is_valid_scalar(const Directive& directive, std::string_view value) {
    switch (directive.type) {
        case ValueType::boolean:
        case ValueType::choice: return std::ranges::count(directive.values, value) > 0;
        case ValueType::number: return decimal<std::uint64_t>(value).has_value();
        case ValueType::path: return value.empty() || absolute_path(value).has_value();
        case ValueType::account: return is_account(value);
        case ValueType::option: return is_option(value);
        default: return true;
    }
}

}  // namespace

std::optional<std::string> invalid_value(const Directive& directive, std::string_view value) {
    if (directive.repeatable() && directive.type != ValueType::option) return invalid_list(directive.type, value);
    if (is_valid_scalar(directive, value)) return std::nullopt;
    return value.empty() ? "has no value" : "is '" + printable(value, kShown) + "'";
}

std::optional<std::string> refused_value(const Directive& directive, std::string_view value) {
    for (const RefusedValue& refused : directive.refused)
        if (refused.value.empty() ? !value.empty() : refused.value == value)
            return "= " + printable(value, kShown) + " is refused: " + std::string(refused.why);
    return std::nullopt;
}

std::vector<std::string> list_entries(std::string_view value) {
    if (value.empty()) return {};
    std::vector<std::string> entries = split(value, ',');
    for (std::string& entry : entries) entry = std::string(trim(entry));
    return entries;
}

std::optional<std::string> absolute_path(std::string_view text) {
    if (!text.starts_with('/') || std::ranges::count(split(text, '/'), "..") > 0) return std::nullopt;
    return normal_path(text);
}

std::optional<BindPath> bind_entry(std::string_view entry) {
    const std::vector<std::string> parts = split(entry, ':');
    if (parts.size() > 3) return std::nullopt;
    const bool has_mode = parts.size() == 3;
    if (has_mode && parts[2] != "ro" && parts[2] != "rw") return std::nullopt;
    auto source = absolute_path(parts[0]);
    auto destination = absolute_path(parts.size() > 1 ? parts[1] : parts[0]);
    if (!source || !destination || *destination == "/") return std::nullopt;
    return BindPath{std::move(*source), std::move(*destination), has_mode && parts[2] == "ro", {}};
}

}  // namespace berth::config
