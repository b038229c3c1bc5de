// Texts that are a number and nothing else.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace berth {

/// The number that all of the text is: digits of `base`, and before them a '-' where the type has a sign. Nothing for another
/// text (an empty one, blanks, '+', a prefix such as 0x), and for a number that the type cannot hold.
template <std::integral Number>
[[nodiscard]] std::optional<Number> whole_number(std::string_view text, int base = 10) noexcept {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data(), end, number, base);
    return failed == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

}  // namespace berth
