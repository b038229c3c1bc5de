#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/config/origin.hpp"

namespace berth::config {

/// One thing wrong with a site file, kept apart from its place so that it can be shown as text and as JSON.
struct Problem {
    Origin where;
    std::string message;

    /// "FILE:LINE: MESSAGE".
    [[nodiscard]] std::string to_string() const { return where.to_string() + ": " + message; }
    /// The same as Category::config.
    [[nodiscard]] Error error() const { return Error{Category::config, 0, to_string()}; }

    bool operator==(const Problem&) const = default;
};

}  // namespace berth::config
