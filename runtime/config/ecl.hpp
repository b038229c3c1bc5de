// ecl.toml, the execution control list: whose signature an image needs, by the folder it lies in. Singularity's file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/problem.hpp"

namespace berth::config {

enum class EclMode {
    whitelist,    ///< one of the keys has signed
    whitestrict,  ///< each of the keys has signed
    blacklist     ///< a known key has signed, and none of these
};

/// The word of the file: "whitelist", …
[[nodiscard]] const char* to_string(EclMode mode) noexcept;

/// One key that the file may have.
struct EclKey {
    std::string_view name;
    bool in_group;  ///< of an [[execgroup]], not of the file
    std::string_view type;
    std::string_view meaning;  ///< one or more sentences
};

/// Every key, in the order in which documents list them; any other is a problem.
[[nodiscard]] std::span<const EclKey> ecl_keys() noexcept;

/// One [[execgroup]].
struct EclGroup {
    std::string tag;  ///< any text, for messages
    EclMode mode = EclMode::whitelist;
    std::string folder;             ///< absolute and normal, not resolved; "": every folder that no other group names
    bool recursive = false;         ///< the folders beneath it too; Berth's own
    std::vector<std::string> keys;  ///< fingerprints of primary keys: 40 or 64 upper-case hex digits
    Origin origin{};                ///< of the line [[execgroup]]
    /// Names of the only options that a user may give with an image that the group admits; nothing: any. Berth's own.
    std::optional<std::vector<std::string>> options{};

    bool operator==(const EclGroup&) const = default;
};

/// Without a file: not activated.
struct Ecl {
    Setting<bool> activated{false};
    std::vector<EclGroup> groups;  ///< in the order of the file; no two name the same folder

    bool operator==(const Ecl&) const = default;
};

/// Everything that one reading of a text finds.
struct EclReading {
    Ecl ecl;
    std::vector<Problem> problems;  ///< in the order of their lines, at most kMaxProblems
};

/// Largest ecl.toml that is read, in bytes.
inline constexpr std::size_t kMaxEclSize = std::size_t{1} << 20;

/// Reads the text of an ecl.toml; `file` is only named in origins and messages. Touches nothing else.
/// Strict: what is not understood, or would mean something else than it seems to, is a problem.
[[nodiscard]] EclReading read_ecl(std::string_view text, const std::string& file);

/// The list, or the first problem as Category::config.
[[nodiscard]] Result<Ecl> parse_ecl(std::string_view text, const std::string& file);

/// The ecl.toml that belongs to a berth.conf: it lies beside it.
[[nodiscard]] std::string ecl_path(const std::string& berth_conf);

/// Opens by open_trusted() (root-owned, not writable by others, the folders above it likewise), reads and parses. Where
/// no such file exists, the list is not activated. Needs no privilege. Every failure is Category::config.
[[nodiscard]] Result<Ecl> load_ecl(const std::string& path);

}  // namespace berth::config
