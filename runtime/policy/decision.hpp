// What the site allows of a request: a pure function of what was asked, what is configured, who asks and what the
// image is. Touches nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/glibc_version.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/policy/inputs.hpp"
#include "runtime/policy/limits.hpp"
#include "runtime/policy/ruling.hpp"
#include "runtime/request/request.hpp"

namespace berth {

enum class Driver {
    kernel_squashfs,  ///< loop device and the kernel's squashfs: only for content that the site controls
    fuse,             ///< our server as a system user, its mount attached by root
    fuse_as_user,     ///< our server as the caller, in the caller's user namespace
    directory
};

[[nodiscard]] const char* to_string(Driver driver) noexcept;

enum class Tmp { host, fresh, image };
enum class Devices { host, minimal, image };

struct DecidedLabel {
    SecurityModule module = SecurityModule::apparmor;
    std::string text;
};

/// A host path that will be seen in the container.
struct DecidedBind {
    std::string source;
    std::string destination;
    bool read_only = false;
    bool required = true;  ///< false: left out, with a warning, where the host has no such path
};

/// A library of the host's, and the names it has in kContainerLibraries.
struct DecidedLibrary {
    std::string source;
    std::vector<std::string> names;
};

struct DecidedHome {
    enum class Kind { none, host, fresh } kind = Kind::none;
    std::string source;
    std::string destination;
};

struct Decision {
    std::optional<Error> refusal;  ///< set: nothing may be run; category denied or unsupported
    std::vector<Ruling> rulings;
    Driver driver = Driver::fuse;
    std::uint64_t loop_devices = 0;  ///< those below this number may be used, by the kernel's driver
    bool mount_slave = true;
    bool proc = true;
    bool sys = true;
    Devices devices = Devices::host;
    bool devpts = true;  ///< terminals of its own in a minimal /dev
    Tmp tmp = Tmp::host;
    config::MemoryFs memory_fs = config::MemoryFs::tmpfs;
    std::uint64_t memory_fs_mib = 0;  ///< of each memory file system; 0: no limit
    std::vector<std::string> host_mounts;  ///< at their own paths, beneath all that follows; left out where they cannot be opened
    DecidedHome home;
    std::vector<DecidedBind> device_files;  ///< what programs need beside a device: mounted before `binds`, left out where it is gone
    std::vector<std::string> device_nodes;  ///< beneath /dev, for a minimal one; the step may open them
    std::vector<DecidedLibrary> device_libraries;  ///< likewise
    std::optional<GlibcVersion> device_glibc;  ///< the glibc that these want, where the user asked for them
    std::vector<DecidedBind> binds;  ///< in the order in which they are mounted
    bool passwd = true;
    bool group = true;
    bool resolv_conf = true;
    std::string working_directory;       ///< where the command starts
    bool working_directory_required = false;  ///< the user named it: its absence is an error
    CapabilitySet capabilities = 0;           ///< of the command, in every set
    bool no_new_privileges = true;
    std::optional<uid_t> uid;                 ///< of the command, where root wants another; else the job's
    std::vector<gid_t> gids;                  ///< likewise; the first is the primary one
    std::optional<DecidedLabel> label;
    std::string site_profile;                 ///< the site's seccomp profile; "": none
    std::string user_profile;                 ///< the user's, as given; holds beside the site's
    CdiContainer cdi;                         ///< devices by CDI
    std::vector<DecidedLimit> limits;         ///< of control groups
    std::vector<std::string> warnings;        ///< for the user: what was asked and is not given
};

/// The GPU stacks that the request or the site wants: SiteNames::gpus must then have them.
[[nodiscard]] std::vector<config::GpuStack> wants_gpus(const Request& request, const config::SiteConfig& site);

/// Those of the names beneath /dev that are nodes of this maker's GPUs.
[[nodiscard]] std::vector<std::string> gpu_devices(config::GpuStack stack, const std::vector<std::string>& devices);

/// Why libraries that need a glibc will not load in an image that has another, or none; nothing where they will.
[[nodiscard]] std::optional<std::string> glibc_warning(const GlibcVersion& needed, const std::optional<GlibcVersion>& images);

/// Whether somebody asked that the image's signatures be checked: ImageInfo::signature must then be there.
[[nodiscard]] bool wants_signature(const Request& request, const config::SitePolicy& policy) noexcept;

/// Whether the site wants it: then its own keys count, and never the user's.
[[nodiscard]] bool site_wants_signature(const config::SitePolicy& policy) noexcept;

/// Whether somebody asks for limits of control groups.
[[nodiscard]] bool wants_limits(const Request& request, const config::SitePolicy& policy);

/// Decides. Never fails: a refusal is part of the decision, beside the rulings that led to it.
[[nodiscard]] Decision decide(const Request& request, const config::SitePolicy& policy, const SiteNames& names,
                              const JobContext& job, const ImageInfo& image, const LimitInputs& limits = {});

}  // namespace berth
