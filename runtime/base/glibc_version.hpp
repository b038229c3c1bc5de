// Releases of glibc, as the versions of its symbols name them.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace berth {

/// 2.34, 2.2.5.
struct GlibcVersion {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    auto operator<=>(const GlibcVersion&) const = default;  // NOLINT(modernize-use-nullptr): a 0 that clang 14 itself puts there
};

/// "2.34", "2.2.5".
[[nodiscard]] std::string to_string(const GlibcVersion& version);

/// Reads "2.34" or "2.2.5".
[[nodiscard]] std::optional<GlibcVersion> parse_glibc_version(std::string_view text);

/// Reads "GLIBC_2.34"; nothing for other names (GLIBC_PRIVATE, GLIBCXX_3.4).
[[nodiscard]] std::optional<GlibcVersion> glibc_of_symbol(std::string_view symbol_version);

}  // namespace berth
