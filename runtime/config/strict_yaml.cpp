#include "runtime/config/strict_yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <span>
#include <sstream>

#include "runtime/base/json_tree.hpp"
#include "runtime/base/text.hpp"

namespace berth::config {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShown = 64;
constexpr std::array<std::string_view, 3> kTrue = {"true", "True", "TRUE"};
constexpr std::array<std::string_view, 3> kFalse = {"false", "False", "FALSE"};
/// Booleans of YAML 1.1, texts of YAML 1.2.
constexpr std::array<std::string_view, 16> kOldBooleans = {"y",  "Y",  "yes", "Yes", "YES", "n",   "N",   "no",
                                                           "No", "NO", "on",  "On",  "ON",  "off", "Off", "OFF"};

bool is_one_of(std::span<const std::string_view> words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// What a plain scalar's text is as a number, if it is one; `wrong` says why it is none that could be read.
std::optional<Json> as_number(std::string_view text, std::string& wrong) {
    const bool negative = text.starts_with('-');
    std::string_view digits = text;
    if (negative || text.starts_with('+')) digits.remove_prefix(1);
    int base = 10;
    if (text.starts_with("0o")) base = 8;
    if (text.starts_with("0x")) base = 16;
    if (base != 10) digits.remove_prefix(2);
    const char* const end = digits.data() + digits.size();
    std::uint64_t magnitude = 0;
    const auto whole = std::from_chars(digits.data(), end, magnitude, base);
    if (whole.ptr == end && whole.ec != std::errc::invalid_argument) {
        const std::string shown = "'" + printable(text, kShown) + "'";
        if (base == 10 && digits.size() > 1 && digits.front() == '0')
            wrong = shown + " is octal in one version of YAML and decimal in another; write 0o… for octal, or a text in quotes";
        else if (whole.ec != std::errc{} || (negative && magnitude > std::uint64_t{1} << 62))
            wrong = shown + " is too great a number";
        if (negative) return Json(-static_cast<std::int64_t>(magnitude));
        return Json(magnitude);
    }
    if (base != 10 || digits.empty() || (!is_digit(digits.front()) && digits.front() != '.')) return std::nullopt;
    double value = 0;
    const auto real = std::from_chars(digits.data(), end, value);
    if (real.ptr != end || real.ec == std::errc::invalid_argument) return std::nullopt;
    return Json(negative ? -value : value);
}

/// Builds the value from the parser's events. The parser cannot be stopped: after a fault, events count no more.
class Events final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (!begins(mark, "?", anchor)) return;
        note(tree_.wants_name() ? tree_.fault("a member has no name") : tree_.put(nullptr));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        if (begins(mark, "?", 0)) note(tree_.fault("an alias (*NAME) is not read; write out what it stands for"));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
        if (!begins(mark, tag, anchor)) return;
        if (tree_.wants_name())
            note(tree_.name(text));
        else
            note(tag == "!" ? tree_.put(text) : put_plain(text));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        if (begins(mark, tag, anchor)) open(Json::array());
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        if (begins(mark, tag, anchor)) open(Json::object());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] JsonTree& tree() noexcept { return tree_; }
    [[nodiscard]] const YAML::Mark& mark() const noexcept { return mark_; }

private:
    bool begins(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (failed_) return false;
        mark_ = mark;
        // "?": plain and without a tag; "!": in quotes, or a text because it says so.
        if (anchor != 0) note(tree_.fault("an anchor (&NAME) is not read; leave it out"));
        else if (tag != "?" && tag != "!") note(tree_.fault("a tag (!NAME) is not read; leave it out"));
        return !failed_;
    }

    void note(bool fine) { failed_ = failed_ || !fine; }

    void open(Json empty) {
        note(tree_.wants_name() ? tree_.fault("a member's name must be a text") : tree_.open(std::move(empty)));
    }

    void close() {
        if (!failed_) note(tree_.close());
    }

    bool put_plain(const std::string& text) {
        if (is_one_of(kTrue, text)) return tree_.put(true);
        if (is_one_of(kFalse, text)) return tree_.put(false);
        if (is_one_of(kOldBooleans, text))
            return tree_.fault("'" + text + "' is true or false in one version of YAML and a text in another; write true, false or a text in quotes");
        std::string wrong;
        auto number = as_number(text, wrong);
        if (!wrong.empty()) return tree_.fault(std::move(wrong));
        return tree_.put(number ? std::move(*number) : Json(text));
    }

    JsonTree tree_;
    YAML::Mark mark_;  ///< where the latest event was
    bool failed_ = false;
};

Error refusal(const std::string& what, const std::string& reason, int line) {
    return Error{Category::config, 0, what + ": " + printable(reason, 512) + " (line " + std::to_string(line + 1) + ")"};
}

/// YAML has none of these, and the library takes one of them for the text's end.
Status check_characters(std::string_view text, const std::string& what) {
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
    };
    const auto found = std::ranges::find_if(text, is_control);
    if (found == text.end()) return {};
    return refusal(what, "a control character", static_cast<int>(std::count(text.begin(), found, '\n')));
}

}  // namespace

Result<Json> parse_strict_yaml(std::string_view text, const std::string& what) {
    BERTH_CHECK(check_characters(text, what));
    Events events;
    try {
        std::istringstream stream{std::string(text)};
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(events)) return Error{Category::config, 0, what + ": holds nothing"};
        if (events.failed()) return refusal(what, events.tree().what(), events.mark().line);
        Json value = events.tree().take();
        Events more;
        if (parser.HandleNextDocument(more)) return refusal(what, "a second document begins", more.mark().line);
        return value;
    } catch (const YAML::Exception& error) {
        // Events that came before it may be wrong only because the text is.
        return refusal(what, "not valid YAML: " + error.msg, error.mark.line);
    } catch (const std::exception& error) {
        return Error{Category::config, 0, what + ": not valid YAML: " + printable(error.what(), 256)};
    }
}

}  // namespace berth::config
