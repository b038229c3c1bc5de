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
    binds,    ///< a list of SOURCE[:DESTINATION[:ro]]
    option    ///< NAME[=VALUE] of one runtime option a line; the value may hold commas
};

/// What comes of a directive here.
enum class Standing {
    in_effect,  ///< it is carried out
    holds       ///< what it says holds here anyway, or is about something that Berth does not do: nothing to carry out
};

/// Whether a directive may stand in a section.
enum class Place {
    anywhere,
    global  ///< before the first section only: it is about the node, not about a job
};

/// A value that is not accepted, because what it says does not hold here.
struct RefusedValue {
    std::string_view value;  ///< "": every value but the empty one
    std::string_view why;    ///< and the remedy; the end of a sentence that begins "NAME = VALUE is refused: "
};

/// "yes/no", "list of paths" …: how messages and documents call a type.
[[nodiscard]] std::string_view to_string(ValueType type) noexcept;

/// One directive of singularity.conf (3.3 to today's SingularityCE), of apptainer.conf, or of ours.
struct Directive {
    std::string_view name;
    ValueType type;
    /// As a file would spell it; empty where the default is "nothing".
    std::string_view default_value;
    /// What a boolean or choice may be, refused values too; empty for every other type.
    std::span<const std::string_view> values;
    Standing standing;
    /// One sentence: what it does here, or, where it holds anyway, what it is about.
    std::string_view meaning;
    /// Sentences: how that differs from Singularity and Apptainer, or why it holds. Empty: not at all.
    std::string_view difference{};
    /// The value at which that shows, in effect. Empty: at every one.
    std::string_view differs_at{};
    std::span<const RefusedValue> refused{};
    Place place = Place::anywhere;

    /// Lists may be given by several lines; all others once.
    [[nodiscard]] constexpr bool repeatable() const noexcept {
        return type == ValueType::names || type == ValueType::paths || type == ValueType::binds ||
               type == ValueType::option;
    }
    /// What may stand after the '=', for messages: "yes, no or minimal", "an absolute path" …
    [[nodiscard]] std::string allowed() const;
};

/// Every directive, in the order in which documents list them.
[[nodiscard]] std::span<const Directive> directives() noexcept;

/// nullptr when no directive has this name. Names are compared exactly, as Singularity does.
[[nodiscard]] const Directive* find_directive(std::string_view name) noexcept;

/// The table of all directives, as docs/configuration.md has it (`berth config list --markdown`).
[[nodiscard]] std::string directives_markdown();

/// "yes, no or minimal".
[[nodiscard]] std::string join_choices(std::span<const std::string_view> choices);

}  // namespace berth::config
