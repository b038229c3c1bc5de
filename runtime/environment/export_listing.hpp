// Reads what a shell's `export -p` prints.
#pragma once

#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/environment/environment.hpp"

namespace berth {

inline constexpr std::size_t kMaxExportListing = std::size_t{8} << 20;  ///< bytes; stop reading a shell's output there
inline constexpr std::size_t kMaxExportedVariables = 16384;

/// The variables in the output of dash, busybox ash, bash (also in POSIX mode), ksh, mksh or zsh:
/// `export NAME=WORD`, `declare -x NAME=WORD` or `typeset -x NAME=WORD`, the word in any of '…', "…", $'…' and plain
/// text. Names without a value and bash's arrays, which no process inherits, are left out. Untrusted text; the work is
/// linear. Errors: image: the line that can not be read, more than the bounds, or no variable at all (the shell ended
/// before it printed).
[[nodiscard]] Result<Variables> parse_export_p(std::string_view output);

}  // namespace berth
