#include "runtime/base/glibc_version.hpp"

#include <array>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {

std::string to_string(const GlibcVersion& version) {
    const std::string text = std::to_string(version.major) + "." + std::to_string(version.minor);
    return version.patch == 0 ? text : text + "." + std::to_string(version.patch);
}

std::optional<GlibcVersion> parse_glibc_version(std::string_view text) {
    if (text.size() > 32) return std::nullopt;
    const auto parts = split(text, '.');
    if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
    std::array<unsigned, 3> numbers{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto number = whole_number<unsigned>(parts[i]);
        if (!number) return std::nullopt;
        numbers[i] = *number;
    }
    return GlibcVersion{numbers[0], numbers[1], numbers[2]};
}

std::optional<GlibcVersion> glibc_of_symbol(std::string_view symbol_version) {
    constexpr std::string_view kPrefix = "GLIBC_";
    return symbol_version.starts_with(kPrefix) ? parse_glibc_version(symbol_version.substr(kPrefix.size())) : std::nullopt;
}

}  // namespace berth
