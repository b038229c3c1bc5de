#include "runtime/base/quantity.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "runtime/base/checked.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {
namespace {

constexpr std::size_t kMostFractionDigits = 6;
constexpr std::size_t kShown = 64;
constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

/// DIGITS[.DIGITS] times `unit`, rounded down. `unit` is at most 2^40, so that a fraction cannot overflow.
std::optional<std::uint64_t> times(std::string_view text, std::uint64_t unit) {
    const auto point = text.find('.');
    const auto whole = whole_number<std::uint64_t>(text.substr(0, point));
    if (!whole) return std::nullopt;
    const auto product = checked_multiply(*whole, unit);
    if (!product || point == std::string_view::npos) return product;
    const std::string_view decimals = text.substr(point + 1);
    const auto fraction = whole_number<std::uint64_t>(decimals);
    if (!fraction || decimals.size() > kMostFractionDigits) return std::nullopt;
    std::uint64_t divisor = 1;
    for (std::size_t i = 0; i < decimals.size(); ++i) divisor *= 10;
    return checked_add(*product, *fraction * unit / divisor);
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// What one of the unit stands for; nothing for a text that is no unit.
std::optional<std::uint64_t> unit_of(std::string_view text) {
    std::string unit(text);
    std::ranges::transform(unit, unit.begin(), lower);
    if (unit.empty() || unit == "b") return 1;
    const auto power = std::string_view("kmgt").find(unit[0]);
    const std::string_view rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
    return std::uint64_t{1} << (10 * (power + 1));
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto unit = unit_of(text.substr(end));
    const auto bytes = unit ? times(text.substr(0, end), *unit) : std::nullopt;
    if (!bytes || *bytes > kLargest)
        return Error{
            Category::usage, 0,
            "'" + printable(text, kShown) + "' is no size; write a number of bytes, or one with k, m, g or t: 512m"};
    return *bytes;
}

Result<std::int64_t> parse_cpus(std::string_view text) {
    constexpr std::uint64_t kLeast = 1000;
    constexpr std::uint64_t kMost = 8192 * kCpuPeriod;
    const auto quota = times(text, kCpuPeriod);
    if (!quota || *quota < kLeast || *quota > kMost)
        return Error{
            Category::usage, 0,
            "'" + printable(text, kShown) + "' is no number of CPUs; write one from 0.01 to 8192, such as 0.5"};
    return static_cast<std::int64_t>(*quota);
}

}  // namespace berth
