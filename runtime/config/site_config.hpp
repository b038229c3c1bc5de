// berth.conf: what the site allows and sets, each value with the line that said so, and for which jobs.
#pragma once

#include <cstdint>
#include <optional>
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
enum class MemoryFs { tmpfs, ramfs };
enum class KernelMount {
    never,
    trusted,  ///< only images that nobody but root can change
    always    ///< images that users wrote, too
};
enum class SetuidMount {
    yes,
    no,
    iflimited  ///< yes where the site limits what users run, else no
};

/// Entries each with their own line; the list's own origin is the first line that gave one.
using StringList = Setting<std::vector<Setting<std::string>>>;

/// The directives in effect, at the built-in defaults until a file says otherwise, as they hold for one job.
/// The members are named as the directives are, with '_' for the blanks.
struct SiteConfig {
    Setting<bool> user_bind_control{true};
    /// NAME or NAME=VALUE each, in the order of the file. Whether there are such options is not checked here.
    StringList option_default{};
    /// Names of options; not checked here either.
    StringList option_deny{};
    Setting<bool> allow_user_ns{true};
    Setting<std::vector<BindPath>> bind_path{};
    Setting<MountDev> mount_dev{MountDev::yes};
    Setting<bool> mount_devpts{true};
    Setting<bool> mount_home{true};
    Setting<bool> mount_tmp{true};
    Setting<bool> mount_hostfs{false};
    Setting<bool> mount_proc{true};
    Setting<bool> mount_sys{true};
    /// Mounts of the host appear in the container later too (slave propagation), or never (private).
    Setting<bool> mount_slave{true};
    Setting<bool> config_passwd{true};
    Setting<bool> config_group{true};
    Setting<bool> config_resolv_conf{true};
    /// MiB; 0: no limit.
    Setting<std::uint64_t> sessiondir_max_size{64};
    Setting<MemoryFs> memory_fs_type{MemoryFs::tmpfs};
    /// Absolute path of a profile that every container gets, or "".
    Setting<std::string> seccomp_profile{};
    /// Folders of CDI specifications, the weakest first. Absolute normal paths.
    StringList cdi_spec_dirs{{{"/etc/cdi", {}}, {"/var/run/cdi", {}}}, {}};
    /// Absolute normal paths of programs that those may name as hooks.
    StringList allow_cdi_hook{};
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
    Setting<KernelMount> allow_kernel_mount{KernelMount::trusted};
    Setting<bool> allow_setuid{true};
    Setting<bool> allow_kernel_squashfs{true};
    Setting<SetuidMount> allow_setuid_mount_squashfs{SetuidMount::yes};
    /// Loop devices below this number may be used; 0: none.
    Setting<std::uint64_t> max_loop_devices{256};
    /// Folder of the copies of images that were verified, and of what verifications found. Root makes it.
    Setting<std::string> image_cache{"/var/cache/berth"};
    /// What the copies may take together, in MiB.
    Setting<std::uint64_t> image_cache_size{20480};
    /// The account of the FUSE image server that root starts: a name or a numeric uid, never root.
    Setting<std::string> image_server_user{"berth"};
    Setting<bool> always_use_nv{false};
    Setting<bool> always_use_rocm{false};
    /// NVIDIA's program lists what its stack consists of, not nvliblist.conf.
    Setting<bool> use_nvidia_container_cli{false};
    /// Absolute path, or "" for the usual folders.
    Setting<std::string> nvidia_container_cli_path{};
    /// Absolute path of the file for a line about each decision, or "".
    Setting<std::string> audit_log{};
    /// v2: controllers that Slurm leaves off may be enabled in its cgroups for a limit that is asked for.
    Setting<bool> enable_cgroup_controllers{false};
    /// For `berth build`: a path, or "" for the one on the PATH; 0 processors and "" of memory leave it to mksquashfs.
    Setting<std::string> mksquashfs_path{};
    Setting<std::uint64_t> mksquashfs_procs{0};
    Setting<std::string> mksquashfs_mem{};
};

/// A well-formed assignment of a known directive.
struct DirectiveLine {
    const Directive* directive = nullptr;
    std::string value;
    Origin origin;
};

enum class SectionKind {
    partition,  ///< of Slurm's
    account,    ///< of Slurm's, which spells accounts in lower case: compared without regard to case
    group       ///< a unix group of the job's user
};

/// The word of the file: "partition", …
[[nodiscard]] const char* to_string(SectionKind kind) noexcept;

/// `[KIND NAME]` and the lines below it.
struct Section {
    SectionKind kind = SectionKind::partition;
    std::string name;
    Origin origin;
    std::vector<DirectiveLine> lines;

    /// "[partition gpu]", for messages.
    [[nodiscard]] std::string head() const;
    [[nodiscard]] bool is_about(SectionKind other_kind, std::string_view other_name) const noexcept;
};

/// All that a berth.conf says, for every job.
struct SiteFile {
    std::vector<DirectiveLine> lines;  ///< before the first section, in the order of the file
    std::vector<Section> sections;     ///< no two of the same kind and name
};

/// What of a job chooses its sections. Facts of Slurm's daemons and of the node, never of the job's environment.
struct JobFacts {
    bool slurm = false;                    ///< a step of Slurm's; else `berth` on the command line
    std::optional<std::string> partition;  ///< nothing: not known, or not under Slurm
    std::optional<std::string> account;    ///< likewise; "": the job has none
    std::vector<std::string> groups;       ///< names of the groups that the job's user is in
};

/// The lines that hold for a job: those before the first section, then those of each section that fits, in the order of
/// the file. A directive in such a section replaces every earlier line of that directive, lists as a whole.
[[nodiscard]] std::vector<DirectiveLine> lines_for(const SiteFile& file, const JobFacts& facts);

/// The configuration that lines_for() makes.
[[nodiscard]] SiteConfig for_job(const SiteFile& file, const JobFacts& facts);

/// Whether a section is about a partition or an account, which only Slurm knows.
[[nodiscard]] bool wants_partition_or_account(const SiteFile& file) noexcept;

/// Category::config when a step's partition or account is not known, and a section is about it: the section might be
/// the one that limits this step.
[[nodiscard]] Status check_facts(const SiteFile& file, const JobFacts& facts);

/// Everything that one reading of a text finds.
struct Reading {
    SiteFile file;
    SiteConfig config;  ///< where no section holds
    std::vector<Problem> problems;  ///< all of them, in the order of the lines
};

/// At most this many problems of one file are reported; the last one then says that reading stopped.
inline constexpr std::size_t kMaxProblems = 100;

/// Largest berth.conf that is read, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 20;

/// Reads the text of a berth.conf; `file` is only named in origins and messages. Touches nothing else.
[[nodiscard]] Reading read(std::string_view text, const std::string& file);

/// The file, or the first problem as Category::config.
[[nodiscard]] Result<SiteFile> parse_file(std::string_view text, const std::string& file);

/// The configuration where no section holds, or the first problem as Category::config.
[[nodiscard]] Result<SiteConfig> parse(std::string_view text, const std::string& file);

/// Opens by open_trusted() (root-owned, not writable by others, the folders above it likewise), reads and parses.
/// Needs no privilege. Every failure, a missing file too, is Category::config and names the path and the remedy.
[[nodiscard]] Result<SiteFile> load_file(const std::string& path);

/// load_file(), where no section holds.
[[nodiscard]] Result<SiteConfig> load(const std::string& path);

}  // namespace berth::config
