// cgroups.toml: limits for the control group of a container. Singularity's file; the site has one, and users name
// theirs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/problem.hpp"

namespace berth::config {

/// One key that the file may have. Numbers lie between `least` and `most`; -1 is "no limit", or "any", where `none` is
/// set.
struct CgroupKey {
    std::string_view table;     ///< "memory", "blockIO.weightDevice"; "" for the file itself, "rdma.NAME" for any NAME
    std::string_view name;      ///< in the table
    std::string_view expected;  ///< what the value must be, as the end of a sentence
    std::int64_t least = 0;
    std::int64_t most = 0;
    bool none = false;
};

/// Every key, in the order in which documents list them; any other is a problem. (Those of [rdma] and [unified] are
/// names.)
[[nodiscard]] std::span<const CgroupKey> cgroup_keys() noexcept;

/// Everything that one reading of a text finds.
struct CgroupsReading {
    CgroupLimits limits;
    std::vector<Problem> problems;  ///< in the order of their lines, at most kMaxProblems
};

/// Largest cgroups.toml that is read, in bytes.
inline constexpr std::size_t kMaxCgroupsSize = std::size_t{1} << 16;
/// Most entries of each of its lists.
inline constexpr std::size_t kMaxCgroupEntries = 256;

/// Reads the text of a cgroups.toml; `file` is only named in messages and in each limit's `from` ("FILE:12:
/// memory.limit"). Touches nothing else, and needs nothing but memory: a process that seccomp confines may call it.
/// Strict: what is not understood, or would mean something else than it seems to, is a problem. Whether a node can
/// honour a limit is decided elsewhere (policy/cgroup_files.hpp). Source: the OCI runtime specification,
/// config-linux.md, "Control groups".
[[nodiscard]] CgroupsReading read_cgroups(std::string_view text, const std::string& file);

/// The limits, or the first problem as Category::config.
[[nodiscard]] Result<CgroupLimits> parse_cgroups(std::string_view text, const std::string& file);

/// The cgroups.toml beside a berth.conf: the site's own limits.
[[nodiscard]] std::string cgroups_path(const std::string& berth_conf);

/// Opens by open_trusted() and parses; no limits where there is no such file. Category::config.
[[nodiscard]] Result<CgroupLimits> load_cgroups(const std::string& path);

}  // namespace berth::config
