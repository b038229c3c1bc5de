#include "runtime/base/strict_json.hpp"

#include <algorithm>
#include <string>

namespace berth {
namespace {

using Json = nlohmann::json;

/// Ends the reading at the first thing that is wrong. The parser's own builder keeps the last of two members of one name.
class Builder final : public nlohmann::json_sax<Json> {
public:
    bool null() override { return tree_.put(nullptr); }
    bool boolean(bool value) override { return tree_.put(value); }
    bool number_integer(number_integer_t value) override { return tree_.put(value); }
    bool number_unsigned(number_unsigned_t value) override { return tree_.put(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return tree_.put(value); }
    bool string(string_t& value) override { return tree_.put(std::move(value)); }
    bool binary(binary_t& /*value*/) override { return false; }  // JSON has none
    bool start_object(std::size_t /*elements*/) override { return tree_.open(Json::object()); }
    bool start_array(std::size_t /*elements*/) override { return tree_.open(Json::array()); }
    bool end_object() override { return tree_.close(); }
    bool end_array() override { return tree_.close(); }
    bool key(string_t& name) override { return tree_.name(name); }

    bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*error*/) override {
        position_ = position;
        return tree_.fault("not valid JSON");
    }

    [[nodiscard]] JsonTree& tree() noexcept { return tree_; }
    /// Of a text that is no JSON: how many bytes were read.
    [[nodiscard]] std::size_t position() const noexcept { return position_; }

private:
    JsonTree tree_;
    std::size_t position_ = 0;
};

}  // namespace

Result<Json> parse_strict_json(std::string_view text, const std::string& what, Category category) {
    // The parser takes a NUL for the text's end, and would not look at what follows.
    if (text.find('\0') != std::string_view::npos) return Error{category, 0, what + ": not valid JSON"};
    Builder builder;
    if (Json::sax_parse(text.begin(), text.end(), &builder)) return builder.tree().take();
    std::string message = what + ": " + builder.tree().what();
    if (builder.position() > 0) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(builder.position(), text.size()));
        message += " (line " + std::to_string(1 + std::count(text.begin(), end, '\n')) + ")";
    }
    return Error{category, 0, std::move(message)};
}

}  // namespace berth
