#include "runtime/base/strict_json.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using Json = nlohmann::json;

/// Builds the value from the parser's events, and ends the reading at the first thing that is wrong. The parser's own
/// builder keeps the last of two members of one name.
class Builder final : public nlohmann::json_sax<Json> {
public:
    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return put(value); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t& /*value*/) override { return false; }  // JSON has none
    bool start_object(std::size_t /*elements*/) override { return open(Json::object()); }
    bool start_array(std::size_t /*elements*/) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        const auto [member, is_first] = open_.back()->emplace(name, nullptr);
        if (!is_first) return fault("member \"" + printable(name, 64) + "\" appears twice");
        member_ = &*member;
        return true;
    }

    bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*error*/) override {
        position_ = position;
        return fault("not valid JSON");
    }

    [[nodiscard]] const std::string& what() const noexcept { return what_; }
    /// Of a text that is no JSON: how many bytes were read.
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] Json take() { return std::move(value_); }

private:
    template <typename Value>
    bool put(Value&& value) {
        place(std::forward<Value>(value));
        return true;
    }

    Json* place(Json value) {
        if (open_.empty()) return &(value_ = std::move(value));
        if (open_.back()->is_object()) return &(*member_ = std::move(value));
        open_.back()->push_back(std::move(value));
        return &open_.back()->back();
    }

    bool open(Json value) {
        if (open_.size() == kMaxJsonDepth)
            return fault("nested more than " + std::to_string(kMaxJsonDepth) + " levels deep");
        open_.push_back(place(std::move(value)));
        return true;
    }

    bool close() {
        open_.pop_back();
        return true;
    }

    bool fault(std::string what) {
        what_ = std::move(what);
        return false;
    }

    Json value_;
    std::vector<Json*> open_;  ///< the objects and arrays that have not ended; none grows while one within it is open
    Json* member_ = nullptr;   ///< of the innermost object: what comes next
    std::string what_;
    std::size_t position_ = 0;
};

}  // namespace

Result<Json> parse_strict_json(std::string_view text, const std::string& what, Category category) {
    // The parser takes a NUL for the text's end, and would not look at what follows.
    if (text.find('\0') != std::string_view::npos) return Error{category, 0, what + ": not valid JSON"};
    Builder builder;
    if (Json::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
    std::string message = what + ": " + builder.what();
    if (builder.position() > 0) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(builder.position(), text.size()));
        message += " (line " + std::to_string(1 + std::count(text.begin(), end, '\n')) + ")";
    }
    return Error{category, 0, std::move(message)};
}

}  // namespace berth
