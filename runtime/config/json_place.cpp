#include "runtime/config/json_place.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kShown = 64;

}  // namespace

Error JsonPlace::error(const std::string& what) const {
    std::string path;
    for (const Step& step : std::span(steps_).first(depth_))
        if (step.key == nullptr)
            path += "[" + std::to_string(step.index) + "]";
        else
            path += (path.empty() ? "" : ".") + std::string(step.key);
    return Error{Category::config, 0, printable(*file_, 4096) + ": " + (path.empty() ? "" : path + ": ") + what};
}

Error JsonPlace::unknown(std::string_view word, const std::string& what,
                         std::span<const std::string_view> known) const {
    std::string message = "'" + printable(word, kShown) + "' is " + what;
    if (const auto near = closest(word, known)) message += "; did you mean '" + *near + "'?";
    return error(message);
}

Status JsonPlace::object(std::span<const std::string_view> keys) const {
    if (!value_->is_object()) return error("must be an object: {…}");
    for (const auto& [key, value] : value_->items())
        if (std::ranges::find(keys, key) == keys.end()) return unknown(key, "an unknown key", keys);
    return {};
}

JsonPlace JsonPlace::inner(const nlohmann::json& value, Step step) const {
    JsonPlace place = *this;
    place.value_ = &value;
    place.steps_.at(place.depth_++) = step;
    return place;
}

JsonPlace JsonPlace::member(const char* key) const {
    static const nlohmann::json nothing;
    const auto found = value_->find(key);
    return inner(found == value_->end() ? nothing : *found, {key, 0});
}

Result<std::vector<JsonPlace>> JsonPlace::elements() const {
    std::vector<JsonPlace> list;
    if (!has_value()) return list;
    if (!value_->is_array()) return error("must be a list: […]");
    list.reserve(value_->size());
    for (const auto& each : *value_) list.push_back(inner(each, {nullptr, list.size()}));
    return list;
}

Result<std::string> JsonPlace::text() const {
    if (!value_->is_string()) return error(has_value() ? "must be a text in quotes" : "is missing");
    return value_->get<std::string>();
}

Result<std::vector<std::string>> JsonPlace::texts() const {
    BERTH_TRY(const auto list, elements());
    std::vector<std::string> words;
    words.reserve(list.size());
    for (const JsonPlace& each : list) {
        BERTH_TRY(words.emplace_back(), each.text());
    }
    return words;
}

Status JsonPlace::texts_by_name() const {
    if (!has_value()) return {};
    if (!value_->is_object()) return error("must be an object: {…}");
    for (const auto& [key, value] : value_->items())
        if (!value.is_string()) return error("the member '" + printable(key, kShown) + "' must be a text in quotes");
    return {};
}

Result<bool> JsonPlace::flag() const {
    if (has_value() && !value_->is_boolean()) return error("must be true or false");
    return has_value() && value_->get<bool>();
}

Result<std::uint64_t> JsonPlace::number(std::uint64_t limit) const {
    const std::string range = "a whole number from 0 to " + std::to_string(limit);
    if (!has_value()) return error("is missing; give " + range);
    if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > limit) return error("must be " + range);
    return value_->get<std::uint64_t>();
}

}  // namespace berth::config
