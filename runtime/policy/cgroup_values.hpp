// What the kernel's cgroup files hold, compared: which of two values is tighter. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth {

/// How two values of one file compare.
enum class Comparison {
    at_most,        ///< "N": less is tighter; "max" and "-1" are above every number
    weight,         ///< "N" or "default N", 1 to 10000: less is tighter
    device_weight,  ///< "MAJOR:MINOR N": likewise, against the device's line or else the default
    flag,           ///< "1" is tighter than "0"
    quota,          ///< "TIME PERIOD": the ratio; a TIME of "max" or "-1" is above every other
    set,            ///< "0-3,7": what both have
    per_device,     ///< "NAME N" or "NAME KEY=N …": each number as with at_most; what is not there is "max"
    unordered,      ///< no value is tighter than another
    denial,         ///< takes something away, whatever stands
    permission      ///< gives something, whatever stands
};

/// The value as Berth writes it: one line, sizes such as "512M" as bytes, lists in order. Nothing for a text that is no
/// value of its kind.
[[nodiscard]] std::optional<std::string> normal_value(Comparison comparison, std::string_view text);

/// What must be written to a file that holds `standing`, so that `asked` holds and nothing is loosened: `asked`, or
/// that part of it which is tighter; "" where what stands is as tight already. `asked` is a normal_value(). `standing`
/// is the text as the kernel gives it, with all its lines; that of two files joined by a blank where version 1 has the
/// quota and the period apart; what is in effect where version 2 leaves a set empty. Category::denied where it cannot
/// be done without loosening, or a set would be empty; Category::system where `standing` cannot be read.
[[nodiscard]] Result<std::string> tightened(Comparison comparison, std::string_view asked, std::string_view standing);

/// Two lines about one device (Comparison::per_device) as one: the keys of both, and `over`'s value where both have a key.
[[nodiscard]] Result<std::string> overlaid_device_line(std::string_view under, std::string_view over);

}  // namespace berth
