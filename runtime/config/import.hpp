// A singularity.conf or apptainer.conf as a berth.conf: what each line does here, and the file with the rest commented out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::config {

enum class Verdict {
    same,     ///< it does here what it does there
    differs,  ///< it is carried out, with a difference
    holds,    ///< accepted: what it says holds anyway
    refused   ///< berth.conf cannot have this line
};

/// "same", "holds anyway", …
[[nodiscard]] const char* to_string(Verdict verdict) noexcept;

/// A line that says something (no comment, not blank).
struct ImportedLine {
    unsigned line = 0;
    std::string text;  ///< without the blanks around it; any bytes
    Verdict verdict = Verdict::same;
    std::string explanation;  ///< one line: the difference, why it holds, or why it is refused and what to write instead
};

struct Import {
    std::vector<ImportedLine> lines;  ///< in the order of the file
    /// The whole file; a refused line is a comment, after another that says why. Accepted by parse_file().
    std::string berth_conf;

    [[nodiscard]] bool accepted() const noexcept;
};

/// `file` is only named. Category::config for a text that is no such file at all: more problems than are told
/// (kMaxProblems), or one that commenting out does not mend.
[[nodiscard]] Result<Import> import_conf(std::string_view text, const std::string& file);

}  // namespace berth::config
