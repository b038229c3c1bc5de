#include "runtime/base/strict_json.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using Json = nlohmann::json;

/// Watches the parser; the first thing that is wrong is kept.
class Watcher {
public:
    bool see(int depth, Json::parse_event_t event, const Json& parsed) {
        if (depth > kMaxJsonDepth) return fault("nested more than " + std::to_string(kMaxJsonDepth) + " levels deep");
        if (event == Json::parse_event_t::object_start) names_.emplace_back();
        if (event == Json::parse_event_t::object_end) names_.pop_back();
        if (event == Json::parse_event_t::key) {
            const auto& name = parsed.get_ref<const std::string&>();
            if (!names_.back().insert(name).second)
                return fault("member \"" + printable(name, 64) + "\" appears twice");
        }
        return true;
    }
    [[nodiscard]] const std::string& what() const noexcept { return what_; }

private:
    bool fault(std::string what) {
        if (what_.empty()) what_ = std::move(what);
        return true;  // what is kept decides; a discarded part would only change what the later events are
    }

    std::vector<std::set<std::string>> names_;
    std::string what_;
};

}  // namespace

Result<Json> parse_strict_json(std::string_view text, const std::string& what, Category category) {
    // The parser takes a NUL for the text's end, and would not look at what follows.
    if (text.find('\0') != std::string_view::npos) return Error{category, 0, what + ": not valid JSON"};
    Watcher watcher;
    try {
        Json value = Json::parse(text.begin(), text.end(),
                                 [&watcher](int depth, Json::parse_event_t event, const Json& parsed) {
                                     return watcher.see(depth, event, parsed);
                                 });
        if (watcher.what().empty()) return value;
    } catch (const Json::parse_error& error) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
        const auto line = 1 + std::count(text.begin(), end, '\n');
        if (watcher.what().empty())
            return Error{category, 0, what + ": not valid JSON (line " + std::to_string(line) + ")"};
    } catch (const Json::exception&) {  // a number that no type holds
        if (watcher.what().empty()) return Error{category, 0, what + ": not valid JSON"};
    }
    return Error{category, 0, what + ": " + watcher.what()};
}

}  // namespace berth
