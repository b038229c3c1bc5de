// Names of devices as the Container Device Interface writes them: vendor.com/class=name.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth {

/// A fully qualified name in its two parts.
struct CdiName {
    std::string kind;    ///< "nvidia.com/gpu"
    std::string device;  ///< "0"

    /// "nvidia.com/gpu=0".
    [[nodiscard]] std::string to_string() const { return kind + "=" + device; }
    bool operator==(const CdiName&) const = default;
};

/// Whether this is a vendor (a DNS name) and a class, "nvidia.com/gpu".
/// Source: the CDI specification (github.com/cncf-tags/container-device-interface, SPEC.md), "Kind".
[[nodiscard]] bool is_cdi_kind(std::string_view text) noexcept;

/// Whether a device of a specification may have this name. ':' is taken beside what the text of the specification names:
/// everybody reads it, and NVIDIA names parts of a GPU by it ("0:1").
[[nodiscard]] bool is_cdi_device(std::string_view text) noexcept;

/// Category::usage names what is wrong, and what is expected.
[[nodiscard]] Result<CdiName> parse_cdi_name(std::string_view text);

}  // namespace berth
