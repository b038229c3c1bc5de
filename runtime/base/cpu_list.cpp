#include "runtime/base/cpu_list.hpp"

#include <algorithm>
#include <bitset>
#include <optional>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {
namespace {

std::optional<unsigned> number(std::string_view text) {
    const auto value = whole_number<unsigned>(text);
    return value && *value <= kHighestCpu ? value : std::nullopt;
}

}  // namespace

Result<std::vector<unsigned>> parse_cpu_list(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    text = trim(text);
    if (text.empty()) return std::vector<unsigned>{};
    std::bitset<kHighestCpu + 1> found;
    for (const std::string& piece : split(text, ',')) {
        const std::string_view part = trim(piece);
        const auto dash = part.find('-');
        const auto first = number(part.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
        if (!first || !last || *first > *last)
            return Error{Category::usage, 0,
                         "'" + printable(part, 32) + "' is no part of a list such as \"0-3,7\" of numbers up to " +
                             std::to_string(kHighestCpu)};
        for (unsigned each = *first; each <= *last; ++each) found.set(each);
    }
    std::vector<unsigned> numbers;
    for (unsigned each = 0; each <= kHighestCpu; ++each)
        if (found.test(each)) numbers.push_back(each);
    return numbers;
}

std::string format_cpu_list(const std::vector<unsigned>& numbers) {
    std::string text;
    for (auto first = numbers.begin(); first != numbers.end();) {
        auto last = first;
        while (std::next(last) != numbers.end() && *std::next(last) == *last + 1) ++last;
        if (!text.empty()) text += ',';
        text += std::to_string(*first);
        if (last != first) text += '-' + std::to_string(*last);
        first = std::next(last);
    }
    return text;
}

}  // namespace berth
