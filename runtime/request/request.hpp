// What the user asked for: options and arguments as plain data. Nothing here is trusted or decided.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/cdi_name.hpp"

namespace berth {

/// SRC[:DST[:ro]]: a host path to be seen in the container. Both absolute once parsed; DST is resolved in the image.
struct BindRequest {
    std::string source;
    std::string destination;
    bool read_only = false;
};

enum class HomeMode {
    caller,  ///< the caller's home directory at its own path
    none,    ///< --no-home
    custom   ///< --home SRC[:DST]
};

struct HomeRequest {
    HomeMode mode = HomeMode::caller;
    std::string source;       ///< custom only
    std::string destination;  ///< custom only
};

enum class Isolation { shared, contain };          ///< contain: no host home, /tmp, /var/tmp and working directory
enum class Environment { inherit, clean };         ///< clean: only what the runtime needs of the host's variables
enum class Explain { off, text, json };

/// NAME=VALUE sets; NAME alone takes the value that the caller's environment has, over the image's.
struct EnvironmentChange {
    std::string name;
    std::optional<std::string> value;
};

/// --security: what confines the command further, and (root only) whom it runs as.
struct SecurityRequest {
    std::optional<std::string> seccomp;   ///< a profile's path as given
    std::optional<std::string> apparmor;  ///< a profile's name
    std::optional<std::string> selinux;   ///< a context
    std::optional<uid_t> uid;
    std::vector<gid_t> gids;  ///< the first is the primary one; empty: not given
};

struct Request {
    std::string image;  ///< a path as given; "" or "none": no container
    std::vector<BindRequest> binds;
    HomeRequest home;
    std::optional<std::string> working_directory;  ///< --pwd, absolute, inside the container
    Isolation isolation = Isolation::shared;
    Environment environment = Environment::inherit;
    std::vector<EnvironmentChange> environment_changes;
    bool verify = false;  ///< only an image that is signed by a key known here may run
    CapabilitySet add_capabilities = 0;
    CapabilitySet drop_capabilities = 0;
    bool keep_privileges = false;  ///< --keep-privs
    bool no_privileges = false;    ///< --no-privs
    SecurityRequest security;
    CgroupLimits limits;                     ///< --memory and its like
    std::optional<std::string> limits_file;  ///< --apply-cgroups: a cgroups.toml as given; what options ask for stands over it
    std::vector<CdiName> cdi_devices;  ///< --cdi: each once, in the order given
    bool nv = false;    ///< --nv: NVIDIA's libraries and programs, and its devices
    bool rocm = false;  ///< --rocm: AMD's
    Explain explain = Explain::off;
    std::vector<std::string> given;  ///< names of the options that the user set, each once

    [[nodiscard]] bool wants_container() const noexcept { return !image.empty() && image != "none"; }
};

}  // namespace berth
