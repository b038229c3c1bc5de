// What was found of a GPU's stack, kept on the node until the driver, ld.so's cache or the list changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/gpu_list.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// Folder of what was found: a file a stack, written by root, for all to read. Made where it is missing.
inline constexpr const char* kGpuRecords = "/run/berth/gpu";

/// The state of a node that a record is about: a change of any part makes the record void.
struct GpuRecordKey {
    std::vector<std::string> parts;  ///< identities of files (file_identity()), the driver's version
    bool operator==(const GpuRecordKey&) const = default;
};

/// Device, inode, size and times of a file, as one text; "" where there is none.
[[nodiscard]] std::string file_identity(const std::string& path);

/// The record of the stack in `folder`, if it is root's alone and about this very state. Reads nothing else.
[[nodiscard]] std::optional<GpuFacts> read_gpu_record(const std::string& folder, config::GpuStack stack, const GpuRecordKey& key);

/// Replaces the record, at once (rename). Needs root; a node without a place for it does without.
Status write_gpu_record(const std::string& folder, config::GpuStack stack, const GpuRecordKey& key, const GpuFacts& found);

/// All about one stack on this node, but for the devices: from the record, else looked up, by the list beside this berth.conf
/// or by nvidia-container-cli where the site wants that; and kept, by root. Category::config for a list or program that is
/// wrong.
[[nodiscard]] Result<GpuFacts> gpu_facts(config::GpuStack stack, const config::SitePolicy& policy);

/// The same without a look at the record.
[[nodiscard]] Result<GpuFacts> find_gpu_facts(config::GpuStack stack, const config::SitePolicy& policy);

}  // namespace berth
