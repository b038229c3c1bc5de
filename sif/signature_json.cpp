#include "sif/signature_json.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "runtime/base/text.hpp"

namespace berth::sif {
namespace {

using Json = nlohmann::json;

/// Watches the parser; the first thing that is wrong is kept.
class Watcher {
public:
    bool see(int depth, Json::parse_event_t event, const Json& parsed) {
        if (depth > kMaxJsonDepth) return fault(fmt::format("nested more than {} levels deep", kMaxJsonDepth));
        if (event == Json::parse_event_t::object_start) names_.emplace_back();
        if (event == Json::parse_event_t::object_end) names_.pop_back();
        if (event == Json::parse_event_t::key) {
            const auto& name = parsed.get_ref<const std::string&>();
            if (!names_.back().insert(name).second)
                return fault(fmt::format("member \"{}\" appears twice", printable(name, 64)));
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

Result<Json> parse_strict_json(std::string_view text, const std::string& what) {
    // The parser takes a NUL for the text's end, and would not look at what follows.
    if (text.find('\0') != std::string_view::npos) return Error{Category::image, 0, what + ": not valid JSON"};
    Watcher watcher;
    Json value = Json::parse(
        text.begin(), text.end(),
        [&watcher](int depth, Json::parse_event_t event, const Json& parsed) {
            return watcher.see(depth, event, parsed);
        },
        false);
    if (!watcher.what().empty()) return Error{Category::image, 0, what + ": " + watcher.what()};
    if (value.is_discarded()) return Error{Category::image, 0, what + ": not valid JSON"};
    return value;
}

}  // namespace berth::sif
