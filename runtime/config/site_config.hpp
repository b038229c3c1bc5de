// berth.conf: what the site allows and sets, each value with the line that said so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/directives.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/problem.hpp"

namespace berth::config {

/// One entry of `bind path`. Both paths are absolute and normal, and hold no "..".
struct BindPath {
    std::string source;
    std::string destination;
    bool read_only = false;
    Origin origin{};

    bool operator==(const BindPath&) const = default;
};

enum class MountDev { yes, minimal, no };
enum class RootCapabilities { full, file, no };

/// Entries each with their own line; the list's own origin is the first line that gave one.
using StringList = Setting<std::vector<Setting<std::string>>>;

/// The directives in effect, at the built-in defaults until a file says otherwise.
/// The members are named as the directives are, with '_' for the blanks.
struct SiteConfig {
    Setting<bool> user_bind_control{true};
    Setting<std::vector<BindPath>> bind_path{};
    Setting<MountDev> mount_dev{MountDev::yes};
    Setting<bool> mount_home{true};
    Setting<bool> mount_tmp{true};
    Setting<bool> mount_proc{true};
    Setting<bool> mount_sys{true};
    /// Mounts of the host appear in the container later too (slave propagation), or never (private).
    Setting<bool> mount_slave{true};
    Setting<bool> config_passwd{true};
    Setting<bool> config_group{true};
    Setting<bool> config_resolv_conf{true};
    Setting<bool> allow_container_sif{true};
    Setting<bool> allow_container_encrypted{true};
    Setting<bool> allow_container_squashfs{true};
    Setting<bool> allow_container_extfs{true};
    Setting<bool> allow_container_dir{true};
    /// Absolute normal paths without "..", not resolved; an empty list limits nothing.
    StringList limit_container_paths{};
    /// User names or numeric uids; not looked up here.
    StringList limit_container_owners{};
    /// Group names or numeric gids; not looked up here.
    StringList limit_container_groups{};
    /// What root has in a container: every capability, what capability.json gives to root, or none.
    Setting<RootCapabilities> root_default_capabilities{RootCapabilities::full};
    /// Only images that are signed by keys of the site's keyring may run; for root, too.
    Setting<bool> require_signature{false};
    /// Folder of the copies of images that were verified, and of what verifications found. Root makes it.
    Setting<std::string> image_cache{"/var/cache/berth"};
    /// What the copies may take together, in MiB.
    Setting<std::uint64_t> image_cache_size{20480};
    /// The account of the FUSE image server that root starts: a name or a numeric uid, never root.
    Setting<std::string> image_server_user{"berth"};
};

/// A well-formed assignment of a known directive, in the order of the file.
struct DirectiveLine {
    const Directive* directive = nullptr;
    std::string value;
    Origin origin;
};

/// Everything that one reading of a text finds.
struct Reading {
    SiteConfig config;
    std::vector<DirectiveLine> lines;
    std::vector<Problem> problems;
};

/// At most this many problems of one file are reported; the last one then says that reading stopped.
inline constexpr std::size_t kMaxProblems = 100;

/// Largest berth.conf that is read, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 20;

/// Reads the text of a berth.conf; `file` is only named in origins and messages. Touches nothing else.
[[nodiscard]] Reading read(std::string_view text, const std::string& file);

/// The configuration, or the first problem as Category::config.
[[nodiscard]] Result<SiteConfig> parse(std::string_view text, const std::string& file);

/// Every problem of the text, in the order of its lines.
[[nodiscard]] std::vector<Problem> check(std::string_view text, const std::string& file);

/// Opens by open_trusted() (root-owned, not writable by others, the folders above it likewise), reads and parses.
/// Needs no privilege. Every failure, a missing file too, is Category::config and names the path and the remedy.
[[nodiscard]] Result<SiteConfig> load(const std::string& path);

}  // namespace berth::config
