// The pages of the manual: the templates of docs/man with the code's own tables put in.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth::tools {

/// The text as roff (groff_man(7)) shows it unchanged, and never takes it for a request or an escape. What is between
/// backquotes becomes bold. One line; line ends become blanks.
[[nodiscard]] std::string roff(std::string_view text);

/// The page that a template makes. `@version@` becomes `version` everywhere; a line that is `@NAME@` alone becomes a
/// table: @options@ (runtime/request), @directives@, @directives-that-hold@ (runtime/config), @ecl-keys@,
/// @ecl-group-keys@, @checks@ (tools/doctor.hpp), @capabilities@ (runtime/base). Any other such line is Category::usage
/// with `name` and the line.
[[nodiscard]] Result<std::string> manual_page(std::string_view page, const std::string& name, const std::string& version);

}  // namespace berth::tools
