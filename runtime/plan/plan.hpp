// What will be done: a printable, comparable list of effects. Made from a Decision and HostFacts by a pure function;
// carried out by a StepRunner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/policy/decision.hpp"

namespace berth {

/// When, and with whose powers, a step runs.
enum class Phase {
    prepare,  ///< once a step a node, before its tasks are forked: as root, or as root of the caller's user namespace
    limit,    ///< once a task, under Slurm: as root, in slurmstepd, when the task is in its control groups
    enter,    ///< in each task, still with those powers
    user      ///< in each task, as the user
};

[[nodiscard]] const char* to_string(Phase phase) noexcept;

/// A host object that effects refer to by its place in Plan::sources. Opened as the caller, by path.
struct SourceSpec {
    std::string path;
    bool required = true;
    bool operator==(const SourceSpec&) const = default;
};

/// A place in the container that must exist before something is mounted on it.
struct MountPoint {
    std::string path;
    bool optional = false;  ///< an error about it leaves it out
    bool operator==(const MountPoint&) const = default;
};

namespace effect {

/// Takes copies of the host's mounts that sources lie on (open_tree), while still in the host's namespace.
struct OpenSources {
    bool operator==(const OpenSources&) const = default;
};
/// Slurm's own control groups are tightened, or one is made for this container.
struct LimitResources {
    std::vector<DecidedLimit> limits;
    bool operator==(const LimitResources&) const = default;
};
/// A mount namespace, and for an unprivileged caller a user namespace that maps only the caller.
struct NewNamespaces {
    bool user = false;
    uid_t uid = 0;
    gid_t gid = 0;
    bool slave = true;
    bool operator==(const NewNamespaces&) const = default;
};
/// The process that will serve the image's FUSE mount. First, and in the host's mount namespace: it takes its time to
/// start, and must not be in the namespace that holds the mount.
struct StartImageServer {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::optional<HashTreeInfo> tree;  ///< what it reads is checked against it
    bool operator==(const StartImageServer&) const = default;
};
struct MountImage {
    Driver driver = Driver::fuse;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t loop_devices = 0;  ///< by the kernel only: devices below this number may be used
    bool operator==(const MountImage&) const = default;
};
/// Missing mount points, /etc/passwd and /etc/group: a layer over the image (overlayfs, nothing writable).
struct LayerMountPoints {
    std::vector<MountPoint> points;
    bool passwd = false;
    bool group = false;
    bool operator==(const LayerMountPoints&) const = default;
};
struct Bind {
    std::size_t source = 0;
    std::string destination;
    bool read_only = false;
    bool devices = false;  ///< device nodes work through it
    bool no_exec = false;
    bool operator==(const Bind&) const = default;
};
/// A new and empty file system in memory.
struct MountTmpfs {
    std::string destination;
    unsigned mode = 0755;
    uid_t uid = 0;  ///< the owner of its root
    gid_t gid = 0;
    std::uint64_t mib = 0;  ///< its size; 0: no limit
    config::MemoryFs type = config::MemoryFs::tmpfs;  ///< a ramfs has no size
    bool operator==(const MountTmpfs&) const = default;
};
/// A /dev of our own: a tmpfs with the named nodes and folders of the host bound into it, and links.
struct MakeDevices {
    struct Node {
        std::string name;  ///< beneath /dev: "null", or in a folder of it, "dri/renderD128"
        std::size_t source = 0;
        bool operator==(const Node&) const = default;
    };
    struct Link {
        std::string name;
        std::string target;
        bool operator==(const Link&) const = default;
    };
    std::vector<Node> nodes;
    std::vector<Link> links;
    bool terminals = false;  ///< a devpts of its own at /dev/pts
    bool operator==(const MakeDevices&) const = default;
};
/// A folder of our own at kContainerLibraries: a tmpfs with files of the host's bound into it, read-only, each under its
/// first name, and the other names links to that. One bind a file: each costs, and there may be a hundred names.
struct MakeLibraries {
    struct File {
        std::size_t source = 0;
        std::vector<std::string> names;
        bool operator==(const File&) const = default;
    };
    std::vector<File> files;
    bool operator==(const MakeLibraries&) const = default;
};
/// A folder that must exist where nothing is mounted on it; made only in a tmpfs of the container's own.
struct MakeFolder {
    std::string path;
    bool operator==(const MakeFolder&) const = default;
};
/// All hooks of a container together. The caller may stop them, and slurmstepd waits meanwhile: see step_client.cpp.
inline constexpr std::chrono::seconds kHooksTime{15};
/// A program of the site's, as a CDI specification wants it run, as the caller and without powers. What it answers decides.
struct RunHook {
    config::CdiHook hook;
    std::chrono::seconds limit{};
    bool operator==(const RunHook&) const = default;
};
/// The container's root becomes the namespace's root and the host's is detached.
struct PivotRoot {
    bool operator==(const PivotRoot&) const = default;
};
/// Joins the prepared mount namespace and takes a copy of it for this task alone.
struct EnterNamespaces {
    bool operator==(const EnterNamespaces&) const = default;
};
/// The bounding set keeps `kept` alone. With `kept`, permitted capabilities outlast a change to the user by others
/// (slurmstepd), until DropCapabilities.
struct DropBoundingSet {
    CapabilitySet kept = 0;
    bool operator==(const DropBoundingSet&) const = default;
};
/// Every set of the command is `kept`, the ambient one too.
struct DropCapabilities {
    CapabilitySet kept = 0;
    bool operator==(const DropCapabilities&) const = default;
};
struct NoNewPrivileges {
    bool operator==(const NoNewPrivileges&) const = default;
};
/// Another user and other groups than the caller's: root's wish. Permitted capabilities outlast it.
struct BecomeIdentity {
    std::optional<uid_t> uid;
    std::vector<gid_t> gids;  ///< the first is the primary one; empty: unchanged
    bool operator==(const BecomeIdentity&) const = default;
};
/// Where a security module takes the label for the next exec. Opened beneath the root of a procfs, through no other mount.
struct OpenLabel {
    SecurityModule module = SecurityModule::apparmor;
    bool operator==(const OpenLabel&) const = default;
};
struct SetLabel {
    SecurityModule module = SecurityModule::apparmor;
    std::string label;
    bool operator==(const SetLabel&) const = default;
};
/// The command's seccomp filters, compiled before: one a profile.
struct InstallFilters {
    std::vector<std::string> profiles;
    bool operator==(const InstallFilters&) const = default;
};
struct ChangeDirectory {
    std::string path;
    bool required = false;
    std::string fallback;
    bool operator==(const ChangeDirectory&) const = default;
};
/// Descriptors above 2 are closed at exec, but for those that the launcher handed to the task on purpose.
struct CloseDescriptors {
    bool operator==(const CloseDescriptors&) const = default;
};

}  // namespace effect

using Effect =
    std::variant<effect::LimitResources, effect::OpenSources, effect::NewNamespaces, effect::StartImageServer, effect::MountImage,
                 effect::LayerMountPoints, effect::Bind, effect::MountTmpfs, effect::MakeDevices, effect::MakeLibraries, effect::MakeFolder,
                 effect::RunHook, effect::PivotRoot, effect::EnterNamespaces, effect::DropBoundingSet, effect::DropCapabilities,
                 effect::NoNewPrivileges, effect::BecomeIdentity, effect::OpenLabel, effect::SetLabel, effect::InstallFilters,
                 effect::ChangeDirectory, effect::CloseDescriptors>;

struct Step {
    Phase phase = Phase::prepare;
    Effect effect;
    bool operator==(const Step&) const = default;
};

struct Plan {
    std::vector<SourceSpec> sources;
    std::vector<Step> steps;
    bool operator==(const Plan&) const = default;
};

/// What this node has, gathered before planning.
struct HostFacts {
    /// Device nodes, and folders of them, beneath /dev that the caller may use; by name, which may have a folder's before it.
    std::vector<std::string> devices;
    bool dev_pts = true;
    bool dev_shm = true;
};

/// What each task of a step does for itself.
struct TaskSpec {
    effect::ChangeDirectory start;
    CapabilitySet capabilities = 0;
    bool no_new_privileges = true;
    effect::BecomeIdentity identity;
    std::optional<effect::SetLabel> label;
    std::vector<std::string> profiles;  ///< of the seccomp filters, for messages
    bool operator==(const TaskSpec&) const = default;
};

[[nodiscard]] TaskSpec task_spec(const Decision& decision);

/// The steps of one task (phases enter and user), after the prepare phase of its step. `enters`: the task is not yet
/// in the prepared namespace.
[[nodiscard]] std::vector<Step> task_steps(const TaskSpec& task, bool enters);

[[nodiscard]] Plan make_plan(const Decision& decision, const ImageInfo& image, const JobContext& job, const HostFacts& host);

/// One line for a person: "bind /data at /data, read-only".
[[nodiscard]] std::string describe(const Effect& effect, const Plan& plan);

/// A step's name for logs and tests: "MountImage".
[[nodiscard]] const char* name_of(const Effect& effect) noexcept;

}  // namespace berth
