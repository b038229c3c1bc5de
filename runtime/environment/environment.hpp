// The variables that a container's command gets. Pure: no system call, no getenv.
//
// As in Singularity since 3.6, the image's scripts see next to nothing of the host, so that `${X:-default}` in an image
// gives the image's default; what the image leaves unset is then taken from the host. The steps, in order:
//   before_scripts → run_plain_scripts or, in the container, environment_shell_program → after_scripts
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/request/request.hpp"

namespace berth {

/// Names and values as environ(7) has them; any byte but NUL in a value.
using Variables = std::map<std::string, std::string>;

/// Where programs are looked for when the image says nothing.
inline constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct ContainerFacts {
    std::string home;        ///< the home directory's path inside the container
    std::string image_path;  ///< as *_CONTAINER shall show it; "" leaves those variables out
    bool libraries = false;  ///< libraries of the host's are in /.singularity.d/libs: LD_LIBRARY_PATH then names it, too
    std::vector<std::pair<std::string, std::string>> variables{};  ///< that devices of the container want
    std::vector<std::string> library_folders{};                    ///< likewise, for LD_LIBRARY_PATH
};

/// "NAME=VALUE" entries as variables. Entries without a name or '=', or with a NUL, are dropped; the first of two
/// counts.
[[nodiscard]] Variables parse_environment(std::span<const std::string> entries);

/// What the image's scripts start from: HOME, the default PATH and the names of the container, nothing of the host's.
[[nodiscard]] Variables before_scripts(const ContainerFacts& facts);

/// Completes what the image's scripts left in `variables`. From weak to strong:
/// - the caller's variables that the image did not set: all but those that would mislead in a container (host library
///   paths, shell functions, settings of container runtimes), or with Environment::clean only kept_when_clean();
/// - the caller's SINGULARITYENV_X, APPTAINERENV_X, BERTHENV_X as X, then the request's environment_changes. Among
///   these PREPEND_PATH and APPEND_PATH extend PATH, PATH replaces it; an empty one of the three changes nothing.
///   Values are taken as they are: unlike Singularity's, no shell evaluates them;
/// - the variables of devices over the image's;
/// - the caller's variables that name the devices which Slurm gave the task are over the image's own;
/// - {BERTH,APPTAINER,SINGULARITY}_{CONTAINER,NAME}.
/// PWD and OLDPWD are the caller's: whoever enters another directory sets them.
void after_scripts(Variables& variables, const Variables& caller, const Request& request, const ContainerFacts& facts);

/// Whether --cleanenv lets the caller's variable of this name in.
[[nodiscard]] bool kept_when_clean(std::string_view name) noexcept;

}  // namespace berth
