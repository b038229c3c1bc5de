// Reading parsed JSON strictly: every error names the file and the place in it ("syscalls[3].action").
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/strict_json.hpp"

namespace berth::config {

/// A value of what parse_strict_json() read, with its place. Refers to that and to the file's name; outlives neither.
class JsonPlace {
public:
    JsonPlace(const nlohmann::json& value, const std::string& file) : value_(&value), file_(&file) {}

    /// "FILE: PATH: WHAT", Category::config.
    [[nodiscard]] Error error(const std::string& what) const;

    /// The same for a word that is none of `known`: "WORD is WHAT; did you mean …".
    [[nodiscard]] Error unknown(std::string_view word, const std::string& what,
                                std::span<const std::string_view> known) const;

    /// Whether this is an object with members of these names only.
    [[nodiscard]] Status object(std::span<const std::string_view> keys) const;

    /// The member of that name (a literal) of an object. None, and null, have no value: has_value().
    [[nodiscard]] JsonPlace member(const char* key) const;
    [[nodiscard]] bool has_value() const noexcept { return !value_->is_null(); }

    /// The elements of an array; of null, none.
    [[nodiscard]] Result<std::vector<JsonPlace>> elements() const;
    [[nodiscard]] Result<std::string> text() const;
    [[nodiscard]] Result<std::vector<std::string>> texts() const;
    /// Whether this, where it has a value, is an object whose members, of any names, are texts.
    [[nodiscard]] Status texts_by_name() const;
    /// false where there is no value.
    [[nodiscard]] Result<bool> flag() const;
    /// A whole number of at most `limit`.
    [[nodiscard]] Result<std::uint64_t> number(std::uint64_t limit) const;

private:
    /// One step of the path: a member, or an element. The text is only made for an error.
    struct Step {
        const char* key = nullptr;
        std::size_t index = 0;
    };
    [[nodiscard]] JsonPlace inner(const nlohmann::json& value, Step step) const;

    const nlohmann::json* value_;
    const std::string* file_;
    std::array<Step, kMaxJsonDepth + 1> steps_{};
    std::size_t depth_ = 0;
};

}  // namespace berth::config
