// Arithmetic on sizes and offsets that came from outside: an overflow is an answer, never a wrap.
#pragma once

#include <concepts>
#include <limits>
#include <optional>

namespace berth {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) noexcept {
    T sum{};
    if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
    return sum;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_multiply(T a, T b) noexcept {
    T product{};
    if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
    return product;
}

/// The value as another integer type, where it fits.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> checked_cast(From value) noexcept {
    To result{};
    if (__builtin_add_overflow(value, From{0}, &result)) return std::nullopt;
    return result;
}

}  // namespace berth
