// What may stand after the '=' of a directive, by its type.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/directives.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {

/// Why the value is not one of the directive's type, as the end of a sentence that begins with the directive's name;
/// nothing when it is one.
[[nodiscard]] std::optional<std::string> invalid_value(const Directive& directive, std::string_view value);

/// Why a valid value is not accepted here, likewise; nothing when it is.
[[nodiscard]] std::optional<std::string> refused_value(const Directive& directive, std::string_view value);

/// The entries of a comma list, without blanks around them; an empty value has none, "a,,b" an empty one.
[[nodiscard]] std::vector<std::string> list_entries(std::string_view value);

/// The normal form of an absolute path without ".."; nothing for any other text.
[[nodiscard]] std::optional<std::string> absolute_path(std::string_view text);

/// SOURCE[:DESTINATION[:ro|rw]], without origin; nothing where a part is missing or wrong.
[[nodiscard]] std::optional<BindPath> bind_entry(std::string_view entry);

}  // namespace berth::config
