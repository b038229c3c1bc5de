// A specification file of the Container Device Interface: what a container needs so that a device works in it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::config {

struct CdiDeviceNode {
    std::string path;       ///< in the container; absolute, normal, as every path here
    std::string host_path;  ///< the same as `path` where the file names none
    char type = '\0';       ///< 'b', 'c', 'u' or 'p'; NUL: not said
    std::optional<std::uint32_t> major;
    std::optional<std::uint32_t> minor;
    std::optional<mode_t> mode;
    std::string permissions;  ///< of the device cgroup: letters of "rwm", "none", or "" for all
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;

    bool operator==(const CdiDeviceNode&) const = default;
};

struct CdiMount {
    std::string host_path;
    std::string container_path;
    std::string type;
    std::vector<std::string> options;

    bool operator==(const CdiMount&) const = default;
};

struct CdiHook {
    std::string name;  ///< when it runs: "createContainer" …
    std::string path;
    std::vector<std::string> arguments;  ///< the program's own name first
    std::vector<std::string> env;        ///< NAME=VALUE
    std::optional<std::uint32_t> timeout_seconds;

    bool operator==(const CdiHook&) const = default;
};

struct CdiNetDevice {
    std::string host_interface;
    std::string name;  ///< in the container

    bool operator==(const CdiNetDevice&) const = default;
};

/// resctrl settings; what the schemata mean is for the kernel to say.
struct CdiIntelRdt {
    std::string clos_id;
    std::vector<std::string> schemata;  ///< those of l3CacheSchema and memBwSchema, too
    bool monitoring = false;

    bool operator==(const CdiIntelRdt&) const = default;
};

struct CdiContainerEdits {
    std::vector<std::pair<std::string, std::string>> env;
    std::vector<CdiDeviceNode> device_nodes;
    std::vector<CdiNetDevice> net_devices;
    std::vector<CdiMount> mounts;
    std::vector<CdiHook> hooks;
    std::vector<gid_t> additional_gids;  ///< never 0, which means nothing there
    std::optional<CdiIntelRdt> intel_rdt;

    bool operator==(const CdiContainerEdits&) const = default;
};

struct CdiDevice {
    std::string name;
    CdiContainerEdits edits;

    bool operator==(const CdiDevice&) const = default;
};

struct CdiSpec {
    std::string file;  ///< for messages
    std::string kind;  ///< "nvidia.com/gpu"
    std::vector<CdiDevice> devices;  ///< at least one; no name twice
    CdiContainerEdits edits;         ///< for whoever uses one of the devices
    std::size_t folder = 0;          ///< which of the search folders it lies in; a later one outweighs an earlier one

    bool operator==(const CdiSpec&) const = default;
};

enum class CdiFormat { json, yaml };

/// Largest specification file that is read, in bytes.
inline constexpr std::size_t kMaxCdiSpecSize = std::size_t{1} << 20;

/// Reads the text of a specification of version 0.3.0 to 1.1.0; `file` is only named in messages. Touches nothing else.
/// Strict: an unknown key, a wrong type, a device twice, and a key that is newer than the version the file names are
/// errors. Annotations are checked and left out: they do not concern the container.
/// Category::config, "FILE: devices[1].containerEdits.mounts[0].hostPath: …"; for what is no JSON or YAML, with a line.
/// Source: github.com/cncf-tags/container-device-interface, SPEC.md, version 1.1.0.
[[nodiscard]] Result<CdiSpec> parse_cdi_spec(std::string_view text, const std::string& file, CdiFormat format);

/// The kind that a file which cannot be read seems to be about: the value of its only "kind". Nothing where that cannot
/// be told; the file may then be about any.
[[nodiscard]] std::optional<std::string> guess_cdi_kind(std::string_view text);

}  // namespace berth::config
