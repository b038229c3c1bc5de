#include "runtime/base/cdi_name.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::size_t kLongestVendor = 253;
constexpr std::size_t kLongestWord = 63;      // of a DNS name's labels, and of classes
constexpr std::size_t kLongestDevice = 255;   // the specification sets none

bool is_alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Letters and digits, with characters of `inside` between them.
bool is_word(std::string_view text, std::string_view inside, std::size_t longest) noexcept {
    return !text.empty() && text.size() <= longest && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
           std::ranges::all_of(text, [&](char c) { return is_alphanumeric(c) || inside.find(c) != std::string_view::npos; });
}

bool is_vendor(std::string_view text) noexcept {
    if (text.size() > kLongestVendor) return false;
    while (true) {
        const auto dot = text.find('.');
        if (!is_word(text.substr(0, dot), "-", kLongestWord)) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace

bool is_cdi_kind(std::string_view text) noexcept {
    const auto slash = text.find('/');
    return slash != std::string_view::npos && is_vendor(text.substr(0, slash)) &&
           is_word(text.substr(slash + 1), "-_.", kLongestWord);
}

bool is_cdi_device(std::string_view text) noexcept { return is_word(text, "-_.:", kLongestDevice); }

Result<CdiName> parse_cdi_name(std::string_view text) {
    const auto wrong = [&](const char* reason) {
        return Error{Category::usage, 0,
                     "CDI device '" + printable(text, 64) + "' " + reason + ": expected VENDOR/CLASS=NAME, as nvidia.com/gpu=0"};
    };
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return wrong("has no '='");
    if (!is_cdi_kind(text.substr(0, equals))) return wrong("does not begin with a vendor and a class");
    if (!is_cdi_device(text.substr(equals + 1)))
        return wrong("does not end with a name (letters and digits, with - _ . : between them)");
    return CdiName{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

}  // namespace berth
