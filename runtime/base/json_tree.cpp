#include "runtime/base/json_tree.hpp"

#include "runtime/base/text.hpp"

namespace berth {

bool JsonTree::put(Json value) {
    place(std::move(value));
    return true;
}

bool JsonTree::open(Json empty) {
    if (open_.size() == kMaxJsonDepth) return fault("nested more than " + std::to_string(kMaxJsonDepth) + " levels deep");
    Json* const opened = place(std::move(empty));
    open_.push_back(opened);
    return true;
}

bool JsonTree::close() {
    open_.pop_back();
    return true;
}

bool JsonTree::name(const std::string& name) {
    const auto [member, is_first] = open_.back()->emplace(name, nullptr);
    if (!is_first) return fault("member \"" + printable(name, 64) + "\" appears twice");
    member_ = &*member;
    return true;
}

bool JsonTree::fault(std::string what) {
    if (what_.empty()) what_ = std::move(what);
    return false;
}

JsonTree::Json* JsonTree::place(Json value) {
    if (open_.empty()) return &(value_ = std::move(value));
    if (open_.back()->is_object()) {
        *member_ = std::move(value);
        return std::exchange(member_, nullptr);
    }
    open_.back()->push_back(std::move(value));
    return &open_.back()->back();
}

}  // namespace berth
