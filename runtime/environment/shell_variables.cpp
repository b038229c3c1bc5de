#include "runtime/environment/shell_variables.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/environment/image_scripts.hpp"

namespace berth {
namespace {

/// Assigning or reading these does something else in at least one of dash, busybox ash, bash, ksh, mksh and zsh.
constexpr auto kMagic = std::to_array<std::string_view>({"_",
                                                         "IFS",
                                                         "PWD",
                                                         "OLDPWD",
                                                         "SHLVL",
                                                         "RANDOM",
                                                         "SRANDOM",
                                                         "SECONDS",
                                                         "LINENO",
                                                         "PPID",
                                                         "UID",
                                                         "EUID",
                                                         "GID",
                                                         "EGID",
                                                         "OPTIND",
                                                         "SHELLOPTS",
                                                         "GROUPS",
                                                         "HISTCMD",
                                                         "DIRSTACK",
                                                         "FUNCNAME",
                                                         "PIPESTATUS",
                                                         "KSH_VERSION",
                                                         "USER_ID",
                                                         "PATHSEP",
                                                         "PGRP",
                                                         "POSIXLY_CORRECT",
                                                         "EPOCHSECONDS",
                                                         "EPOCHREALTIME",
                                                         "HISTFILE"});

/// Ordinary variables that some shell sets when it starts. PS1 is not among them: environment_shell_program unsets it.
constexpr auto kPreset = std::to_array<std::string_view>(
    {"TERM", "SHELL", "HOSTNAME", "HOSTTYPE", "MACHTYPE", "OSTYPE", "COLUMNS", "LINES", "PS2", "PS3", "PS4", "OPTARG",
     "OPTERR", "LOGNAME", "USERNAME", "HOST", "VENDOR", "FCEDIT", "MAILCHECK"});

bool is_magic(std::string_view name) noexcept {
    return name.starts_with("BASH") || name.starts_with("COMP_") || name.starts_with("KSH") ||
           name.starts_with("ZSH") || std::ranges::count(kMagic, name) != 0;
}

}  // namespace

bool is_shell_name_byte(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_shell_name(std::string_view name) noexcept {
    return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
           std::ranges::all_of(name, is_shell_name_byte);
}

ShellVariables::ShellVariables(const Variables& exported) {
    for (const auto& [name, value] : exported) variables_.emplace(name, Variable{value, true});
}

std::optional<ShellVariables::Value> ShellVariables::read(std::string_view name) const {
    if (is_magic(name) || given_.contains(name)) return std::nullopt;
    const auto found = variables_.find(name);
    if (found != variables_.end() && found->second.value) return Value{true, *found->second.value};
    if (std::ranges::count(kPreset, name) != 0) return std::nullopt;
    return Value{};
}

ShellVariables::Variable* ShellVariables::entry(std::string_view name) {
    if (is_magic(name)) return nullptr;
    const auto found = variables_.find(name);
    if (found != variables_.end()) return &found->second;
    if (variables_.size() >= kMaxScriptVariables) return nullptr;
    return &variables_.emplace(name, Variable{}).first->second;
}

bool ShellVariables::assign(std::string_view name, std::string value) {
    Variable* variable = entry(name);
    if (variable == nullptr || value.size() > kMaxScriptValue) return false;
    variable->value = std::move(value);
    given_.emplace(name);
    return true;
}

bool ShellVariables::mark_exported(std::string_view name) {
    Variable* variable = entry(name);
    if (variable == nullptr || (!variable->value && std::ranges::count(kPreset, name) != 0)) return false;
    variable->exported = true;
    return true;
}

bool ShellVariables::unset(std::string_view name) {
    if (is_magic(name)) return false;
    if (const auto found = variables_.find(name); found != variables_.end()) variables_.erase(found);
    return true;
}

bool ShellVariables::spend(std::size_t bytes) noexcept {
    if (bytes > kMaxScriptExpansion - spent_) return false;
    spent_ += bytes;
    return true;
}

Variables ShellVariables::exported() const {
    Variables result;
    for (const auto& [name, variable] : variables_)
        if (variable.exported && variable.value) result.emplace(name, *variable.value);
    return result;
}

}  // namespace berth
