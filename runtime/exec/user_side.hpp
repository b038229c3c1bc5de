// Everything that opens a path which a user named, or reads a byte which a user wrote. It runs as that user:
// in the same process when Berth has no privilege, else in a confined process of its own (AgentUserSide).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/child.hpp"
#include "runtime/base/glibc_version.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/environment/image_scripts.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/seccomp_filter.hpp"
#include "runtime/exec/step_devices.hpp"
#include "runtime/plan/plan.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// An image opened for reading (a folder: O_PATH), and what its bytes say: kind, offset, bytes, architecture.
/// The other members of `info` are filled by describe_image_file().
struct OpenedImage {
    UniqueFd fd;
    ImageInfo info;
};

/// Lines for the container's /etc/passwd and /etc/group.
struct CallerEntries {
    uid_t uid = 0;
    std::string user;
    std::string passwd_line;  ///< "" : none is added
    std::vector<std::pair<gid_t, std::string>> groups;
};

class UserSide {
public:
    virtual ~UserSide() = default;

    /// Opens and reads the image. A relative path starts at the caller's working directory.
    /// Category::image or usage for what is wrong with it.
    virtual Result<OpenedImage> open_image(const std::string& path) = 0;

    /// One O_PATH descriptor a source, in order; an empty one where an optional source cannot be opened.
    virtual Result<std::vector<UniqueFd>> open_sources(const std::vector<SourceSpec>& sources) = 0;

    /// Names beneath /dev (devices, and folders that hold some) that the caller may use, without the standard ones. Of the
    /// folders of GPUs each node: "dri/renderD128".
    virtual Result<std::vector<std::string>> usable_devices() = 0;

    /// Reads the seccomp profile that the caller names and compiles it for `target`. A relative path starts at the
    /// caller's working directory. Category::usage for what is wrong with it.
    virtual Result<SeccompFilter> compile_profile(const std::string& path, const SeccompTarget& target) = 0;

    /// Reads the cgroups.toml that the caller names. A relative path starts at the caller's working directory.
    /// Category::usage for what is wrong with it.
    virtual Result<CgroupLimits> read_limits(const std::string& path) = 0;

    /// Where file systems of the host's are mounted that hold files (for `mount hostfs`): absolute, normal paths.
    virtual Result<std::vector<std::string>> host_mounts() = 0;

    /// Writes the container's /etc/passwd and /etc/group (the image's own, less the caller's ids, and the caller's
    /// entries) into `passwd` and `group` (-1: not wanted), and returns the image's environment scripts.
    /// `root` is the image's root folder.
    virtual Result<std::vector<ImageScript>> read_container(int root, int passwd, int group,
                                                            const CallerEntries& entries) = 0;

    /// The glibc of the image whose root folder is `root`, by its libc.so.6; nothing where it has none of this architecture.
    virtual Result<std::optional<GlibcVersion>> image_glibc(int root) = 0;
};

/// Works in this process: for callers without privilege.
[[nodiscard]] std::unique_ptr<UserSide> direct_user_side();

/// Forks a process that becomes `identity` for good, drops every capability, confines itself with seccomp and answers
/// from there. It starts in the folder `working_directory` (O_PATH; -1: "/"), and dies with its owner.
/// `guard`: see become(); without it the user could stop the process, and slurmstepd with it for as long as it waits.
/// `devices`: it may use what the step may, and outlives the agent. nullptr: what the owner's cgroup may.
/// Needs root. A crash, a lie or silence of it is an error of the call, never more.
[[nodiscard]] Result<std::unique_ptr<UserSide>> agent_user_side(const Identity& identity, std::optional<uid_t> guard,
                                                                int working_directory, const StepDevices* devices = nullptr);

/// Asks `process` over the socket: agent_user_side() with any answers. Takes both.
[[nodiscard]] std::unique_ptr<UserSide> user_side_behind(UniqueFd socket, Child process);

/// Fills what the deciding process must see for itself: path, device, inode, sizes, owner, root_controlled;
/// and checks what the reader said (offset, bytes) against the file.
[[nodiscard]] Status describe_image_file(int fd, ImageInfo& info);

}  // namespace berth
