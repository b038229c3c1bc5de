// From limits to the kernel's files: which file of which controller, on either version of control groups. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/policy/cgroup_values.hpp"

namespace berth {

enum class CgroupVersion { v1, v2 };

/// One thing to write, or why it cannot be.
struct CgroupSetting {
    std::string key;   ///< "memory.limit", whatever set it
    std::string from;  ///< what set it: "cgroups.toml:12: memory.limit", "--memory"
    /// v1: the hierarchy ("blkio"); v2: what cgroup.controllers must have ("io"). For rules about devices on v2:
    /// "devices", which is no controller there but a BPF program.
    std::string controller;
    std::string file;  ///< "memory.max"; "": nothing to write (it is so anyway, or a device rule on v2)
    std::string text;  ///< one that normal_value() knows, without a line's end; on v1 no limit is "-1"
    Comparison comparison = Comparison::unordered;
    /// A quota on v1, where `text` is "TIME PERIOD": TIME goes to `file`, PERIOD to this one.
    std::string period_file;
    /// The same limit where it has another file too (BFQ's, or a reservation's). What the node has of the two is
    /// written: reconcile() makes two settings of it, each of which names the other's file here.
    std::string other_file;
    std::string other_text;
    /// What this file of the same controller says must not be above `text` before it is written: checkBeforeUpdate.
    std::string usage_file;
    /// Why this version of control groups, or the other limits, leave it without effect: it must be refused. The end of
    /// a sentence that begins with `from`.
    std::optional<std::string> unsupported;

    bool operator==(const CgroupSetting&) const = default;
};

/// All that the limits ask for, in the order in which it must be written. Conversions of weights are those of runc and
/// crun (and so Singularity's): shares 2 to 262144 become 1 to 10000, weights 10 to 1000 likewise, each in a straight
/// line. Source: the kernel's Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst. That a key is supported here does
/// not say that the node has the file: some depend on the kernel and its scheduler. Read back what was written:
/// Linux 6.18 takes memory.kmem.limit_in_bytes and does nothing.
[[nodiscard]] std::vector<CgroupSetting> cgroup_settings(const CgroupLimits& limits, CgroupVersion version);

}  // namespace berth
