// Where a configured value came from: every decision that rests on one can name its file and line.
#pragma once

#include <string>

namespace berth::config {

/// A line of a site file; line 0 is the built-in default (or, with a file, the file as a whole).
struct Origin {
    std::string file;
    unsigned line = 0;

    /// "/etc/berth/berth.conf:12", the file's name alone for line 0, or "default" when there is no file either.
    /// Fit for one line of a log whatever the name holds.
    [[nodiscard]] std::string to_string() const;

    bool operator==(const Origin&) const = default;
};

/// A value and the place that set it.
template <class T>
struct Setting {
    T value{};
    Origin origin{};

    bool operator==(const Setting&) const = default;
};

}  // namespace berth::config
