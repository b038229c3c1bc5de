// The variables of the small shell behind run_plain_scripts.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/environment/environment.hpp"

namespace berth {

/// [A-Za-z_][A-Za-z0-9_]*
[[nodiscard]] bool is_shell_name(std::string_view name) noexcept;
[[nodiscard]] bool is_shell_name_byte(char c) noexcept;

/// Functions return false, or nullopt, where a real shell has to be asked: names that shells treat specially or preset,
/// and exceeded bounds. State is then of no further use.
class ShellVariables {
public:
    explicit ShellVariables(const Variables& exported);

    struct Value {
        bool set = false;
        std::string_view text;  ///< valid until the next change
    };
    [[nodiscard]] std::optional<Value> read(std::string_view name) const;

    /// Shells differ on whether `A=1 B=$A` sees the new A: within a command, a name given away can not be read.
    void start_command() noexcept { given_.clear(); }
    [[nodiscard]] bool assign(std::string_view name, std::string value);
    [[nodiscard]] bool mark_exported(std::string_view name);
    [[nodiscard]] bool unset(std::string_view name);

    /// Takes `bytes` from the work that scripts may cause.
    [[nodiscard]] bool spend(std::size_t bytes) noexcept;

    [[nodiscard]] Variables exported() const;

private:
    struct Variable {
        std::optional<std::string> value;
        bool exported = false;
    };
    Variable* entry(std::string_view name);

    std::map<std::string, Variable, std::less<>> variables_;
    std::set<std::string, std::less<>> given_;
    std::size_t spent_ = 0;
};

}  // namespace berth
