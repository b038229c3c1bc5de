// Settings (policy/cgroup_files.hpp) of the control group in a folder: what stands, what is written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

/// Whether there is the setting's file to write; false where only its other file is there, which has a setting of its own.
/// Category::unsupported without either.
[[nodiscard]] Result<bool> has_file(const std::string& folder, const CgroupSetting& setting);

/// What stands, as tightened() takes it. Category::unsupported where the node has no such file.
[[nodiscard]] Result<std::string> standing_value(const std::string& folder, const CgroupSetting& setting);

/// Writes `text` (the setting's own, or a tighter one) and, where it is a number, reads back that it holds. Needs the right to
/// write the file. Category::unsupported where the node has no such file, or takes the value without effect.
[[nodiscard]] Status write_setting(const std::string& folder, const CgroupSetting& setting, const std::string& text);

/// One line when the kernel killed a process of the cgroup `folder` because memory ran out: by one of `limits`, or by a
/// limit above. Nothing when it killed none.
[[nodiscard]] std::optional<std::string> out_of_memory_at(const std::string& folder, const std::vector<DecidedLimit>& limits);

}  // namespace berth
