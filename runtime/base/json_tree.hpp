// A JSON value that is made from a parser's events, within bounds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// How deep arrays and objects may be nested. What Berth reads needs seven levels at most.
inline constexpr std::size_t kMaxJsonDepth = 8;

/// Each call says whether the reading may go on; the first that says no has left its reason in what().
class JsonTree {
public:
    using Json = nlohmann::json;

    /// A value that has nothing in it, or stands for itself.
    bool put(Json value);
    /// An object or array, empty as yet: what comes until close() belongs to it.
    bool open(Json empty);
    bool close();
    /// Of the member whose value comes next. Two of one name are refused: two readers could understand them differently.
    bool name(const std::string& name);
    /// Whether the innermost value that is open is an object that waits for a member's name.
    [[nodiscard]] bool wants_name() const noexcept { return !open_.empty() && open_.back()->is_object() && member_ == nullptr; }

    bool fault(std::string what);
    [[nodiscard]] const std::string& what() const noexcept { return what_; }
    [[nodiscard]] Json take() { return std::move(value_); }

private:
    Json* place(Json value);

    Json value_;
    std::vector<Json*> open_;  ///< the objects and arrays that have not ended; none grows while one within it is open
    Json* member_ = nullptr;   ///< of the innermost object: what comes next
    std::string what_;
};

}  // namespace berth
