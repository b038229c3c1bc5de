// What a decision rests on, beside the Request and the SiteConfig: plain data that somebody else gathered.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/glibc_version.hpp"
#include "runtime/config/gpu_list.hpp"
#include "runtime/policy/cdi_container.hpp"

namespace berth {

enum class ImageKind { sif, squashfs, directory };

/// A hash tree in the image's file over its squashfs, and the digest at its root: sif/hash_tree.hpp.
struct HashTreeInfo {
    std::uint64_t offset = 0;  ///< in the file, bytes
    std::uint64_t bytes = 0;
    std::array<std::byte, 32> root{};
    bool operator==(const HashTreeInfo&) const = default;
};

/// Whom a cryptographic check names, never what a descriptor claims.
struct ImageSigner {
    std::string key;   ///< the primary key's fingerprint
    std::string name;  ///< a user id; anyone's bytes
    bool operator==(const ImageSigner&) const = default;
};

/// Why what is mounted is still what was verified.
enum class Held {
    unchangeable,  ///< nobody but root (without privilege: nobody but root and the caller) could change the file
    hash_tree,     ///< every block is checked when it is read
    copy           ///< a copy of root's was verified, and is mounted instead of the file
};

/// What came of the check of an image's signatures.
struct SignatureInfo {
    std::string problem;  ///< one line; empty: every signature of the image's group is good, and `held` holds
    std::vector<ImageSigner> signers;
    Held held = Held::unchangeable;
    std::optional<HashTreeInfo> tree;  ///< with Held::hash_tree
    std::string copy{};                ///< with Held::copy: the SHA-256 of the whole file, in hex digits
};

/// What an image is. Read by a process without privilege; everything about the file itself (path, owner, mode,
/// identity) is read again by the deciding process from the open descriptor.
struct ImageInfo {
    ImageKind kind = ImageKind::sif;
    std::string path;          ///< the kernel's name for the open file: absolute, links resolved
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t file_bytes = 0;
    uid_t owner = 0;
    gid_t group = 0;
    std::uint64_t offset = 0;  ///< where the squashfs begins in the file, bytes
    std::uint64_t bytes = 0;   ///< its length, bytes
    std::string architecture;  ///< Go's name ("amd64"); "" when the image does not say
    /// Root owns the file and every folder above it, and nobody else may write any of them, on a file system whose
    /// content no user serves: the bytes cannot change under the kernel, and are the site's own.
    bool root_controlled = false;
    bool site_file_system = false;  ///< no user's process serves the file system that the image lies on
    std::optional<SignatureInfo> signature;  ///< nothing: nobody asked for a check
};

enum class SecurityModule { apparmor, selinux };

/// "AppArmor", "SELinux".
[[nodiscard]] const char* to_string(SecurityModule module) noexcept;

enum class Launch { command_line, slurm };

/// Who runs, and where. Under Slurm from slurmstepd; never from the environment.
struct JobContext {
    Launch launch = Launch::command_line;
    bool privileged = false;  ///< Berth itself holds root's powers here (slurmstepd, sudo)
    uid_t uid = 0;            ///< whom the container runs as
    gid_t gid = 0;
    std::vector<gid_t> groups;
    std::string user;         ///< login name, "" when the uid has none
    std::string home;
    std::string gecos;
    std::string shell;
    std::vector<std::pair<gid_t, std::string>> group_names;  ///< those of gid and groups that have one
    std::string working_directory;  ///< absolute
    std::string architecture;       ///< of this node, Go's name
    CapabilitySet available_capabilities = 0;      ///< what Berth itself has here, and can hand on
    std::vector<SecurityModule> security_modules;  ///< those that are active on this node
    std::uint32_t job = 0;          ///< Slurm only
    std::uint32_t step = 0;         ///< Slurm only
    pid_t daemon = 0;               ///< Slurm only: the step's slurmstepd
    std::string batch_script;       ///< Slurm's copy of the script, for the batch step; else ""
    std::optional<std::string> partition;  ///< Slurm only; nothing: not known
    std::optional<std::string> account;    ///< Slurm only; nothing: not known, "": the job has none
};

/// Where the container sees the libraries of the host's; LD_LIBRARY_PATH names it.
inline constexpr const char* kContainerLibraries = "/.singularity.d/libs";

/// A file of the host's that belongs to a GPU's driver.
struct GpuFile {
    enum class Kind { library, program, file };
    Kind kind = Kind::library;
    std::string source;       ///< on the host: absolute, every link resolved
    std::string destination;  ///< in the container: absolute and normal; of a library, a name in kContainerLibraries
    bool operator==(const GpuFile&) const = default;
};

/// What a node has of a GPU maker's stack, and what of it this step may use.
struct GpuFacts {
    std::string driver;           ///< what the kernel's driver says of itself; "": it is not there
    std::vector<GpuFile> files;
    std::optional<GlibcVersion> needs_glibc;  ///< the newest that one of the libraries wants
    std::vector<std::string> left_out;  ///< what was found and is not used, each with the reason; for people
    std::vector<std::string> devices;   ///< nodes of its GPUs beneath /dev that the step may open: "nvidia0", "dri/renderD128"
    bool operator==(const GpuFacts&) const = default;
};

/// The CDI specifications of this node, and what of the node they meet.
struct CdiFacts {
    config::CdiSpecs specs;
    CdiHost host;
};

/// Names in the site's configuration, looked up on this node, and what else of the node the configuration asks for.
struct SiteNames {
    std::map<std::string, uid_t> users;
    std::map<std::string, gid_t> groups;
    std::map<std::string, std::string> paths;  ///< configured path → the same with every link resolved
    /// For `mount hostfs`: where file systems of the host's are mounted, but for those of the kernel's. Absolute, normal.
    std::vector<std::string> host_mounts;
    std::optional<CdiFacts> cdi;                ///< where a request names CDI devices
    std::map<config::GpuStack, GpuFacts> gpus;  ///< the stacks that are wanted: see wants_gpus()
};

}  // namespace berth
