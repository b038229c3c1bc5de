// The one option table: each runtime option is declared once, and the command line (`--NAME`), srun, sbatch and
// salloc (`--container-NAME`), the environment (`BERTH_NAME`) and the documentation are made from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/request/request.hpp"

namespace berth {

enum class Scope {
    everywhere,
    slurm_only  ///< on the command line the same is an argument (the image)
};

struct Option {
    std::string_view name;         ///< on the command line: --NAME
    std::string_view slurm_name;   ///< for srun, sbatch and salloc: --SLURM_NAME
    std::string_view slurm_alias;  ///< the spelling that pyxis's users know, or ""
    std::string_view argument;     ///< "" for a flag; "[VALUE]" for an optional one
    std::string_view meaning;      ///< one line of help
    Scope scope = Scope::everywhere;
    /// Puts the value into the request; a later value replaces an earlier one, lists grow.
    /// Category::usage names the option's value and what is expected.
    Status (*apply)(Request& request, std::string_view value) = nullptr;

    [[nodiscard]] bool takes_argument() const noexcept { return !argument.empty(); }
    [[nodiscard]] bool needs_argument() const noexcept { return takes_argument() && argument.front() != '['; }
};

[[nodiscard]] std::span<const Option> options();

/// The environment variable of an option: "no-home" → "BERTH_NO_HOME".
[[nodiscard]] std::string environment_name(const Option& option);

/// Applies one option that the user gave, and notes its name in Request::given.
[[nodiscard]] Status give(Request& request, const Option& option, std::string_view value);

/// Applies the BERTH_* variables of `environment` ("NAME=VALUE" entries): the weakest source, so first.
/// A flag's variable counts when it is neither empty nor "0", "no" or "false".
[[nodiscard]] Status apply_environment(Request& request, std::span<const std::string> environment);

/// The options' table as the Markdown of docs/options.md.
[[nodiscard]] std::string options_markdown();

}  // namespace berth
