// Reading parsed JSON strictly: every error names the file and the place in it ("syscalls[3].action").
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::config {

/// A value within a parsed file, with its place. Refers to both; does not outlive them.
class JsonPlace {
public:
    JsonPlace(const nlohmann::json& value, const std::string& file, std::string path = "")
        : value_(&value), file_(&file), path_(std::move(path)) {}

    /// "FILE: PATH: WHAT", Category::config.
    [[nodiscard]] Error error(const std::string& what) const;

    /// The same for a word that is none of `known`: "WORD is WHAT; did you mean …".
    [[nodiscard]] Error unknown(std::string_view word, const std::string& what,
                                std::span<const std::string_view> known) const;

    /// Whether this is an object with members of these names only.
    [[nodiscard]] Status object(std::span<const std::string_view> keys) const;

    /// The member of that name of an object. None, and null, have no value: has_value().
    [[nodiscard]] JsonPlace member(const char* key) const;
    [[nodiscard]] bool has_value() const noexcept { return !value_->is_null(); }

    /// The elements of an array; of null, none.
    [[nodiscard]] Result<std::vector<JsonPlace>> elements() const;
    [[nodiscard]] Result<std::string> text() const;
    [[nodiscard]] Result<std::vector<std::string>> texts() const;
    /// A whole number of at most `limit`.
    [[nodiscard]] Result<std::uint64_t> number(std::uint64_t limit) const;

private:
    const nlohmann::json* value_;
    const std::string* file_;
    std::string path_;
};

}  // namespace berth::config
