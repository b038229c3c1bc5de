// capability.json: which users and groups may have which capabilities in a container. Singularity's file and format,
// with names of accounts alone: {"users": {"ann": ["CAP_NET_RAW"]}, "groups": {"net": ["CAP_NET_ADMIN"]}}
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/problem.hpp"

namespace berth::config {

/// Names of accounts and what the site lets each have; the origin is the line that names the account.
using CapabilityAccounts = std::map<std::string, Setting<CapabilitySet>, std::less<>>;

/// Without a file: nobody may have any.
struct CapabilityGrants {
    std::string file;  ///< where all of it was read; "": there is no file
    CapabilityAccounts users;
    CapabilityAccounts groups;

    bool operator==(const CapabilityGrants&) const = default;
};

/// Everything that one reading of a text finds.
struct CapabilityReading {
    CapabilityGrants grants;
    std::vector<Problem> problems;  ///< in the order of their lines, at most kMaxProblems; each names the place as
                                    ///< users.ann[0] does
};

/// Largest capability.json that is read or written, in bytes.
inline constexpr std::size_t kMaxCapabilityFileSize = std::size_t{1} << 20;

/// Whether the text could name a user or a group: UTF-8 that can be printed, without ':' and '/', no blank at its ends,
/// at most 256 bytes.
[[nodiscard]] bool is_account_name(std::string_view name);

/// Reads the text of a capability.json; `file` is only named in origins and messages. Touches nothing else. Strict: an
/// unknown key or capability, one that is spelled otherwise than capabilities(7) does, a duplicate and a wrong type are
/// problems. An empty text names nobody: Singularity installs the file so.
[[nodiscard]] CapabilityReading read_capability_file(std::string_view text, const std::string& file);

/// The grants, or the first problem as Category::config.
[[nodiscard]] Result<CapabilityGrants> parse_capability_file(std::string_view text, const std::string& file);

/// The text of a file that says this, laid out as Singularity's: a capability a line. Sorted; accounts that may have none
/// are left out. Names must be is_account_name().
[[nodiscard]] std::string to_text(const CapabilityGrants& grants);

/// The capability.json that belongs to a berth.conf: it lies beside it.
[[nodiscard]] std::string capability_path(const std::string& berth_conf);

/// Opens by open_trusted() (root-owned, not writable by others, the folders above it likewise), reads and parses. Where
/// no such file exists, nobody may have any. Needs no privilege. Every failure is Category::config.
[[nodiscard]] Result<CapabilityGrants> load_capabilities(const std::string& path);

}  // namespace berth::config
