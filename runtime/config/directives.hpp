// The one table of everything that berth.conf knows by name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace berth::config {

enum class ValueType {
    boolean,  ///< `yes` or `no`
    choice,   ///< one of Directive::values
    number,   ///< a decimal number that fits 64 bits
    text,     ///< anything, or nothing
    path,     ///< an absolute path, or nothing
    account,  ///< a user name or a numeric uid, not root
    names,    ///< a list of names
    paths,    ///< a list of absolute paths
    binds     ///< a list of SOURCE[:DESTINATION[:ro]]
};

/// "yes/no", "list of paths" …: how messages and documents call a type.
[[nodiscard]] std::string_view to_string(ValueType type) noexcept;

/// One directive of singularity.conf (3.3 to today's SingularityCE), of apptainer.conf, or of ours.
struct Directive {
    std::string_view name;
    ValueType type;
    /// As a file would spell it; empty where the default is "nothing".
    std::string_view default_value;
    /// What a boolean or choice may be; empty for every other type.
    std::span<const std::string_view> values;
    /// False: known, but only the default is accepted.
    bool in_effect;
    /// One sentence.
    std::string_view meaning;
    /// Where only some of `values` are carried out: these. Empty otherwise.
    std::span<const std::string_view> supported{};

    /// Lists may be given by several lines and with commas; all others once.
    [[nodiscard]] constexpr bool repeatable() const noexcept {
        return type == ValueType::names || type == ValueType::paths || type == ValueType::binds;
    }
    /// What may stand after the '=', for messages: "yes, no or minimal", "an absolute path" …
    [[nodiscard]] std::string allowed() const;
};

/// Every directive, in the order in which documents list them.
[[nodiscard]] std::span<const Directive> directives() noexcept;

/// nullptr when no directive has this name. Names are compared exactly, as Singularity does.
[[nodiscard]] const Directive* find_directive(std::string_view name) noexcept;

/// "yes, no or minimal".
[[nodiscard]] std::string join_choices(std::span<const std::string_view> choices);

}  // namespace berth::config
