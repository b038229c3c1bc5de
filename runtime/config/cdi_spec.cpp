#include "runtime/config/cdi_spec.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "runtime/base/cdi_name.hpp"
#include "runtime/base/strict_json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/json_place.hpp"
#include "runtime/config/strict_yaml.hpp"
#include "runtime/config/values.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kShown = 64;
constexpr std::size_t kLongestPath = 4095;
constexpr std::uint64_t kNoId = std::numeric_limits<std::uint32_t>::max();  // "unchanged" to setgid(2) and its kin
constexpr std::uint64_t kMaxMajor = 4095;                                   // makedev(3), the kernel's own
constexpr std::uint64_t kMaxMinor = (1U << 20) - 1;

constexpr std::array<std::string_view, 5> kSpecKeys = {"annotations", "cdiVersion", "containerEdits", "devices", "kind"};
constexpr std::array<std::string_view, 3> kDeviceKeys = {"annotations", "containerEdits", "name"};
constexpr std::array<std::string_view, 7> kEditKeys = {"additionalGids", "deviceNodes", "env",       "hooks",
                                                       "intelRdt",       "mounts",      "netDevices"};
constexpr std::array<std::string_view, 9> kNodeKeys = {"fileMode", "gid",         "hostPath", "major", "minor",
                                                       "path",     "permissions", "type",     "uid"};
constexpr std::array<std::string_view, 4> kMountKeys = {"containerPath", "hostPath", "options", "type"};
constexpr std::array<std::string_view, 5> kHookKeys = {"args", "env", "hookName", "path", "timeout"};
constexpr std::array<std::string_view, 2> kNetKeys = {"hostInterfaceName", "name"};
constexpr std::array<std::string_view, 7> kRdtKeys = {"closID",      "enableCMT",   "enableMBM", "enableMonitoring",
                                                      "l3CacheSchema", "memBwSchema", "schemata"};
constexpr std::array<std::string_view, 6> kHookNames = {"prestart",       "createRuntime", "createContainer",
                                                        "startContainer", "poststart",     "poststop"};

/// In the order of their release.
constexpr std::array<std::string_view, 8> kVersions = {"0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
enum Version : std::size_t { v030, v040, v050, v060, v070, v080, v100, v110 };

Result<std::string> read_path(const JsonPlace& place) {
    BERTH_TRY(const std::string text, place.text());
    const auto path = absolute_path(text);
    const bool odd = text.find('\0') != std::string::npos || text.find('\n') != std::string::npos;
    if (!path || odd || text.size() > kLongestPath)
        return place.error("'" + printable(text, kShown) + "' is no absolute path without '..'");
    return *path;
}

/// "" where there is none.
Result<std::string> read_optional_text(const JsonPlace& place) {
    if (!place.has_value()) return std::string();
    return place.text();
}

template <typename T>
Result<std::optional<T>> read_optional_number(const JsonPlace& place, std::uint64_t limit) {
    if (!place.has_value()) return std::optional<T>();
    BERTH_TRY(const std::uint64_t number, place.number(limit));
    return std::optional<T>(static_cast<T>(number));
}

bool is_assignment(std::string_view text) {
    const auto equals = text.find('=');
    return equals != std::string_view::npos && equals > 0 && text.find('\0') == std::string_view::npos &&
           text.substr(0, equals).find_first_of(" \t\r\n") == std::string_view::npos;
}

Result<std::vector<std::string>> read_assignments(const JsonPlace& place) {
    BERTH_TRY(const auto list, place.elements());
    std::vector<std::string> words;
    for (const JsonPlace& each : list) {
        BERTH_TRY(words.emplace_back(), each.text());
        if (!is_assignment(words.back())) return each.error("'" + printable(words.back(), kShown) + "' is no NAME=VALUE");
    }
    return words;
}

Result<CdiHook> read_hook(const JsonPlace& place) {
    BERTH_CHECK(place.object(kHookKeys));
    CdiHook hook;
    BERTH_TRY(hook.name, place.member("hookName").text());
    if (std::ranges::find(kHookNames, hook.name) == kHookNames.end())
        return place.member("hookName").unknown(hook.name, "no name of a hook", kHookNames);
    BERTH_TRY(hook.path, read_path(place.member("path")));
    BERTH_TRY(hook.arguments, place.member("args").texts());
    for (const std::string& argument : hook.arguments)
        if (argument.find('\0') != std::string::npos) return place.member("args").error("has a NUL in it");
    BERTH_TRY(hook.env, read_assignments(place.member("env")));
    BERTH_TRY(hook.timeout_seconds, read_optional_number<std::uint32_t>(place.member("timeout"), kNoId));
    if (hook.timeout_seconds == 0U) return place.member("timeout").error("must be greater than zero");
    return hook;
}

Result<CdiNetDevice> read_net_device(const JsonPlace& place) {
    BERTH_CHECK(place.object(kNetKeys));
    CdiNetDevice device;
    BERTH_TRY(device.host_interface, place.member("hostInterfaceName").text());
    BERTH_TRY(device.name, place.member("name").text());
    if (device.host_interface.empty() || device.name.empty()) return place.error("has an empty name");
    return device;
}

/// Each key must be in the version of the specification that the file names.
class Reader {
public:
    Result<CdiSpec> read(const JsonPlace& top, const std::string& file) {
        BERTH_CHECK(top.object(kSpecKeys));
        BERTH_CHECK(read_version(top.member("cdiVersion")));
        CdiSpec spec;
        spec.file = file;
        BERTH_TRY(spec.kind, read_kind(top.member("kind")));
        BERTH_CHECK(read_annotations(top.member("annotations")));
        BERTH_TRY(spec.edits, read_edits(top.member("containerEdits")));
        BERTH_TRY(const auto devices, top.member("devices").elements());
        std::map<std::string, std::size_t, std::less<>> seen;
        for (const JsonPlace& each : devices) {
            BERTH_TRY(auto device, read_device(each));
            const auto [earlier, is_first] = seen.try_emplace(device.name, spec.devices.size());
            if (!is_first)
                return each.error("the device '" + device.name + "' is devices[" + std::to_string(earlier->second) + "] already");
            spec.devices.push_back(std::move(device));
        }
        if (spec.devices.empty()) return top.member("devices").error("names no device");
        return spec;
    }

private:
    Status read_version(const JsonPlace& place) {
        BERTH_TRY(const std::string text, place.text());
        const auto found = std::ranges::find(kVersions, std::string_view(text).substr(text.starts_with('v') ? 1 : 0));
        if (found == kVersions.end())
            return place.error("'" + printable(text, kShown) + "' is no version that Berth reads: those are " +
                               std::string(kVersions.front()) + " to " + std::string(kVersions.back()));
        version_ = static_cast<std::size_t>(found - kVersions.begin());
        return {};
    }

    Status since(Version version, const JsonPlace& place) const {
        if (!place.has_value() || version_ >= version) return {};
        return place.error("is not in version " + std::string(kVersions[version_]) + " of the specification: write cdiVersion \"" +
                           std::string(kVersions[version]) + "\" or newer");
    }

    Result<std::string> read_kind(const JsonPlace& place) const {
        BERTH_TRY(const std::string kind, place.text());
        if (!is_cdi_kind(kind))
            return place.error("'" + printable(kind, kShown) + "' is no VENDOR/CLASS, as nvidia.com/gpu");
        if (kind.find('.', kind.find('/')) != std::string::npos) BERTH_CHECK(since(v060, place));
        return kind;
    }

    Status read_annotations(const JsonPlace& place) const {
        BERTH_CHECK(since(v060, place));
        return place.texts_by_name();
    }

    Result<CdiDevice> read_device(const JsonPlace& place) const {
        BERTH_CHECK(place.object(kDeviceKeys));
        CdiDevice device;
        const JsonPlace name = place.member("name");
        BERTH_TRY(device.name, name.text());
        if (!is_cdi_device(device.name))
            return name.error("'" + printable(device.name, kShown) + "' is no name of a device: letters and digits, with - _ . : between them");
        if (device.name.front() >= '0' && device.name.front() <= '9') BERTH_CHECK(since(v050, name));
        BERTH_CHECK(read_annotations(place.member("annotations")));
        BERTH_TRY(device.edits, read_edits(place.member("containerEdits")));
        return device;
    }

    Result<CdiContainerEdits> read_edits(const JsonPlace& place) const {
        CdiContainerEdits edits;
        if (!place.has_value()) return edits;
        BERTH_CHECK(place.object(kEditKeys));
        BERTH_TRY(const auto assignments, read_assignments(place.member("env")));
        for (const std::string& each : assignments)
            edits.env.emplace_back(each.substr(0, each.find('=')), each.substr(each.find('=') + 1));
        BERTH_TRY(edits.device_nodes, read_all(place.member("deviceNodes"), [this](const auto& each) { return read_node(each); }));
        BERTH_TRY(edits.mounts, read_all(place.member("mounts"), [this](const auto& each) { return read_mount(each); }));
        BERTH_TRY(edits.hooks, read_all(place.member("hooks"), read_hook));
        BERTH_CHECK(since(v110, place.member("netDevices")));
        BERTH_TRY(edits.net_devices, read_all(place.member("netDevices"), read_net_device));
        BERTH_TRY(edits.additional_gids, read_gids(place.member("additionalGids")));
        BERTH_TRY(edits.intel_rdt, read_intel_rdt(place.member("intelRdt")));
        return edits;
    }

    /// One value an element, by `read_one`.
    template <typename ReadOne>
    static auto read_all(const JsonPlace& place, ReadOne read_one)
        -> Result<std::vector<std::decay_t<decltype(read_one(place).value())>>> {
        BERTH_TRY(const auto list, place.elements());
        std::vector<std::decay_t<decltype(read_one(place).value())>> values;
        for (const JsonPlace& each : list) {
            BERTH_TRY(values.emplace_back(), read_one(each));
        }
        return values;
    }

    Result<CdiDeviceNode> read_node(const JsonPlace& place) const {
        BERTH_CHECK(place.object(kNodeKeys));
        CdiDeviceNode node;
        BERTH_TRY(node.path, read_path(place.member("path")));
        node.host_path = node.path;
        if (const JsonPlace host = place.member("hostPath"); host.has_value()) {
            BERTH_CHECK(since(v050, host));
            BERTH_TRY(node.host_path, read_path(host));
        }
        BERTH_TRY(const std::string type, read_optional_text(place.member("type")));
        if (type.size() > 1 || std::string_view("bcup").find(type) == std::string_view::npos)
            return place.member("type").error("'" + printable(type, kShown) + "' is none of b, c, u and p");
        if (!type.empty()) node.type = type.front();
        BERTH_TRY(node.major, read_optional_number<std::uint32_t>(place.member("major"), kMaxMajor));
        BERTH_TRY(node.minor, read_optional_number<std::uint32_t>(place.member("minor"), kMaxMinor));
        BERTH_TRY(node.mode, read_optional_number<mode_t>(place.member("fileMode"), 07777));
        BERTH_TRY(node.permissions, read_optional_text(place.member("permissions")));
        if (node.permissions != "none" && node.permissions.find_first_not_of("rwm") != std::string::npos)
            return place.member("permissions").error("'" + printable(node.permissions, kShown) + "' is neither letters of rwm nor none");
        BERTH_TRY(node.uid, read_optional_number<uid_t>(place.member("uid"), kNoId - 1));
        BERTH_TRY(node.gid, read_optional_number<gid_t>(place.member("gid"), kNoId - 1));
        return node;
    }

    Result<CdiMount> read_mount(const JsonPlace& place) const {
        BERTH_CHECK(place.object(kMountKeys));
        CdiMount mount;
        BERTH_TRY(mount.host_path, read_path(place.member("hostPath")));
        BERTH_TRY(mount.container_path, read_path(place.member("containerPath")));
        if (mount.container_path == "/") return place.member("containerPath").error("the container's root cannot be covered");
        BERTH_CHECK(since(v040, place.member("type")));
        BERTH_TRY(mount.type, read_optional_text(place.member("type")));
        BERTH_TRY(mount.options, place.member("options").texts());
        return mount;
    }

    Result<std::vector<gid_t>> read_gids(const JsonPlace& place) const {
        BERTH_CHECK(since(v070, place));
        BERTH_TRY(const auto list, place.elements());
        std::vector<gid_t> gids;
        for (const JsonPlace& each : list) {
            BERTH_TRY(const std::uint64_t gid, each.number(kNoId - 1));
            if (gid != 0) gids.push_back(static_cast<gid_t>(gid));
        }
        return gids;
    }

    Result<std::optional<CdiIntelRdt>> read_intel_rdt(const JsonPlace& place) const {
        if (!place.has_value()) return std::optional<CdiIntelRdt>();
        BERTH_CHECK(since(v070, place));
        BERTH_CHECK(place.object(kRdtKeys));
        CdiIntelRdt rdt;
        BERTH_TRY(rdt.clos_id, read_optional_text(place.member("closID")));
        for (const char* const key : {"l3CacheSchema", "memBwSchema"}) {
            BERTH_TRY(std::string schema, read_optional_text(place.member(key)));
            if (!schema.empty()) rdt.schemata.push_back(std::move(schema));
        }
        BERTH_CHECK(since(v110, place.member("schemata")));
        BERTH_TRY(const auto schemata, place.member("schemata").texts());
        rdt.schemata.insert(rdt.schemata.end(), schemata.begin(), schemata.end());
        BERTH_CHECK(since(v110, place.member("enableMonitoring")));
        for (const char* const key : {"enableMonitoring", "enableCMT", "enableMBM"}) {
            BERTH_TRY(const bool wanted, place.member(key).flag());
            rdt.monitoring = rdt.monitoring || wanted;
        }
        for (const char* const key : {"enableCMT", "enableMBM"})
            if (place.member(key).has_value() && version_ >= v110)
                return place.member(key).error("is no longer in version 1.1.0 of the specification: write enableMonitoring");
        return std::optional(std::move(rdt));
    }

    std::size_t version_ = v030;  ///< an index of kVersions
};

}  // namespace

Result<CdiSpec> parse_cdi_spec(std::string_view text, const std::string& file, CdiFormat format) {
    const std::string shown = printable(file, 4096);
    if (text.size() > kMaxCdiSpecSize) return Error{Category::config, 0, shown + ": a CDI specification may have 1 MiB"};
    if (format == CdiFormat::json) {
        BERTH_TRY(const auto json, parse_strict_json(text, shown, Category::config));
        return Reader().read(JsonPlace(json, file), file);
    }
    BERTH_TRY(const auto yaml, parse_strict_yaml(text, shown));
    return Reader().read(JsonPlace(yaml, file), file);
}

std::optional<std::string> guess_cdi_kind(std::string_view text) {
    constexpr std::string_view kWord = "kind";
    const auto at = text.find(kWord);
    if (at == std::string_view::npos || text.find(kWord, at + 1) != std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + kWord.size());
    const auto colon = text.find_first_not_of("\"' \t");
    if (colon == std::string_view::npos || text[colon] != ':') return std::nullopt;
    text.remove_prefix(colon + 1);
    const auto begin = text.find_first_not_of("\"' \t\r\n");
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::string kind(text.substr(0, text.find_first_of("\"' \t\r\n,}#")));
    return is_cdi_kind(kind) ? std::optional(kind) : std::nullopt;
}

}  // namespace berth::config
