#include "runtime/policy/cgroup_values.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "runtime/base/cpu_list.hpp"
#include "runtime/base/quantity.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kDefaultWeight = 100;  ///< of io.weight and of BFQ; what a device without a line has
constexpr std::size_t kShown = 96;

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (;;) {
        const auto begin = line.find_first_not_of(" \t\r\n");
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        const auto end = std::min(line.find_first_of(" \t\r\n"), line.size());
        words.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

std::optional<std::uint64_t> amount(std::string_view word) {
    if (word == "max" || word == "-1") return kNoLimit;
    const auto bytes = parse_bytes(word);
    return bytes ? std::optional(*bytes) : std::nullopt;
}

/// Of a file that holds one number.
std::optional<std::uint64_t> sole_amount(std::string_view text) {
    const auto words = words_of(text);
    return words.size() == 1 ? amount(words[0]) : std::nullopt;
}

std::string amount_text(std::uint64_t number) {
    return number == kNoLimit ? "max" : std::to_string(number);
}

std::optional<std::uint64_t> weight(std::string_view text) {
    constexpr std::uint64_t kMost = 10000;
    auto words = words_of(text.substr(0, text.find('\n')));
    if (words.size() == 2 && words[0] == "default") words.erase(words.begin());
    const auto number = words.size() == 1 ? amount(words[0]) : std::nullopt;
    return number && *number >= 1 && *number <= kMost ? number : std::nullopt;
}

struct Quota {
    std::uint64_t time = kNoLimit;
    std::uint64_t period = kCpuPeriod;

    /// The fractions time/period compared without a product that could overflow: periods have 31 bits at most.
    bool is_below(const Quota& other) const {
        if (time == kNoLimit || other.time == kNoLimit) return time != kNoLimit && other.time == kNoLimit;
        const auto whole = time / period;
        const auto other_whole = other.time / other.period;
        if (whole != other_whole) return whole < other_whole;
        return (time % period) * other.period < (other.time % other.period) * period;
    }
};

std::optional<Quota> quota(std::string_view text) {
    const auto words = words_of(text);
    if (words.empty() || words.size() > 2) return std::nullopt;
    const auto time = amount(words[0]);
    const auto period = words.size() == 2 ? amount(words[1]) : std::optional(kCpuPeriod);
    if (!time || !period || *period == 0 || *period > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    return Quota{*time, *period};
}

/// "NAME N", where the key is "", or "NAME KEY=N …".
struct DeviceLine {
    std::string_view name;
    std::vector<std::pair<std::string_view, std::uint64_t>> values;

    std::uint64_t of(std::string_view key) const {
        const auto found = std::ranges::find(values, key, [](const auto& each) { return each.first; });
        return found == values.end() ? kNoLimit : found->second;
    }
    std::string text() const {
        std::string line(name);
        for (const auto& [key, value] : values) {
            line += ' ';
            if (!key.empty()) line.append(key).append("=");
            line += amount_text(value);
        }
        return line;
    }
};

/// "8:0". The kernel takes "08:0" for the same device; one that is not ours to compare is none here.
bool is_canonical_device(std::string_view name) {
    const auto colon = name.find(':');
    const auto canonical = [](std::string_view number) { return whole_number<std::uint32_t>(number) && (number.size() == 1 || number[0] != '0'); };
    return colon == std::string_view::npos || (canonical(name.substr(0, colon)) && canonical(name.substr(colon + 1)));
}

std::optional<DeviceLine> device_line(std::string_view line) {
    const auto words = words_of(line);
    if (words.size() < 2 || !is_canonical_device(words[0])) return std::nullopt;
    DeviceLine device{words[0], {}};
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto sign = words[i].find('=');
        const auto value = amount(words[i].substr(sign == std::string_view::npos ? 0 : sign + 1));
        const std::string_view key = sign == std::string_view::npos ? std::string_view() : words[i].substr(0, sign);
        if (!value || (key.empty() && words.size() > 2)) return std::nullopt;
        device.values.emplace_back(key, *value);
    }
    return device;
}

Error unreadable(std::string_view standing) {
    return Error{Category::system, 0, "the kernel's value '" + printable(standing, kShown) + "' is not understood"};
}

using Number = std::optional<std::uint64_t>;

Result<std::string> tighter_number(Number (*read)(std::string_view), std::string_view asked,
                                   std::string_view standing) {
    const Number wanted = read(asked);
    const Number there = read(standing);
    if (!wanted || !there) return unreadable(standing);
    return *wanted < *there ? std::string(asked) : std::string();
}

Result<std::string> tighter_flag(std::string_view asked, std::string_view standing) {
    const Number there = sole_amount(standing);
    if (!there || *there > 1) return unreadable(standing);
    return asked == "1" && *there == 0 ? std::string(asked) : std::string();
}

Result<std::string> tighter_quota(std::string_view asked, std::string_view standing) {
    const auto wanted = quota(asked);
    const auto there = quota(standing);
    if (!wanted || !there) return unreadable(standing);
    return wanted->is_below(*there) ? std::string(asked) : std::string();
}

Result<DeviceLine> asked_line(std::string_view asked) {
    if (auto line = device_line(asked)) return *std::move(line);
    return Error{Category::internal, 0, "'" + printable(asked, kShown) + "' is no line about a device"};
}

Result<std::string> tighter_set(std::string_view asked, std::string_view standing) {
    BERTH_TRY(const auto wanted, parse_cpu_list(asked));
    const auto there = parse_cpu_list(standing);
    if (!there) return unreadable(standing);
    if (there->empty()) return std::string(asked);
    std::vector<unsigned> both;
    std::ranges::set_intersection(wanted, *there, std::back_inserter(both));
    if (both.empty())
        return Error{
            Category::denied, 0,
            "none of " + std::string(asked) + " is among " + format_cpu_list(*there) + ", which is all there is here"};
    return both == *there ? std::string() : format_cpu_list(both);
}

Result<std::string> tighter_device(std::string_view asked, std::string_view standing) {
    BERTH_TRY(DeviceLine wanted, asked_line(asked));
    for (const std::string& line : split(standing, '\n')) {
        const auto there = device_line(line);
        if (!there && !trim(line).empty()) return unreadable(line);
        if (there && there->name == wanted.name)
            std::erase_if(wanted.values, [&](const auto& each) { return each.second >= there->of(each.first); });
    }
    std::erase_if(wanted.values, [](const auto& each) { return each.second == kNoLimit; });
    return wanted.values.empty() ? std::string() : wanted.text();
}

Result<std::string> tighter_device_weight(std::string_view asked, std::string_view standing) {
    BERTH_TRY(const DeviceLine wanted, asked_line(asked));
    std::uint64_t otherwise = kDefaultWeight;
    std::optional<std::uint64_t> own;
    for (const std::string& line : split(standing, '\n')) {
        const auto there = device_line(line);
        if (there && there->name == "default") otherwise = there->of("");
        if (there && there->name == wanted.name) own = there->of("");
    }
    return wanted.of("") < own.value_or(otherwise) ? std::string(asked) : std::string();
}

Result<std::string> same_or_denied(std::string_view asked, std::string_view standing) {
    for (const std::string& line : split(standing, '\n'))
        if (trim(line) == asked) return std::string();
    return Error{Category::denied, 0,
                 "'" + printable(asked, kShown) + "' is not tighter than '" +
                     printable(trim(standing.substr(0, standing.find('\n'))), kShown) + "': no value is"};
}

}  // namespace

std::optional<std::string> normal_value(Comparison comparison, std::string_view text) {
    switch (comparison) {
        case Comparison::at_most: {
            const auto number = amount(text);
            return number ? std::optional(amount_text(*number)) : std::nullopt;
        }
        case Comparison::weight: {
            const auto number = weight(text);
            return number ? std::optional(std::to_string(*number)) : std::nullopt;
        }
        case Comparison::flag: return text == "0" || text == "1" ? std::optional(std::string(text)) : std::nullopt;
        case Comparison::quota: {
            const auto value = quota(text);
            return value ? std::optional(amount_text(value->time) + " " + std::to_string(value->period)) : std::nullopt;
        }
        case Comparison::set: {
            const auto numbers = parse_cpu_list(text);
            return numbers && !numbers->empty() ? std::optional(format_cpu_list(*numbers)) : std::nullopt;
        }
        case Comparison::device_weight:
        case Comparison::per_device: {
            const auto line = device_line(text);
            const bool fits = line && (comparison == Comparison::per_device || weight(text.substr(line->name.size())));
            return fits ? std::optional(line->text()) : std::nullopt;
        }
        case Comparison::unordered:
        case Comparison::denial:
        case Comparison::permission: return std::string(text);
    }
    return std::nullopt;
}

Result<std::string> overlaid_device_line(std::string_view under, std::string_view over) {
    BERTH_TRY(DeviceLine both, asked_line(under));
    BERTH_TRY(const DeviceLine more, asked_line(over));
    for (const auto& [key, value] : more.values) {
        const auto same = std::ranges::find(both.values, key, &std::pair<std::string_view, std::uint64_t>::first);
        if (same == both.values.end()) both.values.emplace_back(key, value);
        else same->second = value;
    }
    return both.text();
}

Result<std::string> tightened(Comparison comparison, std::string_view asked, std::string_view standing) {
    switch (comparison) {
        case Comparison::at_most: return tighter_number(sole_amount, asked, standing);
        case Comparison::weight: return tighter_number(weight, asked, standing);
        case Comparison::flag: return tighter_flag(asked, standing);
        case Comparison::quota: return tighter_quota(asked, standing);
        case Comparison::set: return tighter_set(asked, standing);
        case Comparison::device_weight: return tighter_device_weight(asked, standing);
        case Comparison::per_device: return tighter_device(asked, standing);
        case Comparison::unordered: return same_or_denied(asked, standing);
        case Comparison::denial: return std::string(asked);
        case Comparison::permission:
            return Error{Category::denied, 0, "'" + printable(asked, kShown) + "' would allow more than what stands"};
    }
    return Error{Category::internal, 0, "a comparison that does not exist"};
}

}  // namespace berth
