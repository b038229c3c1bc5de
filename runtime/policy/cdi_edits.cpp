#include "runtime/policy/cdi_edits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <string_view>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using config::CdiContainerEdits;
using config::CdiDevice;
using config::CdiDeviceNode;
using config::CdiHook;
using config::CdiMount;
using config::CdiSpec;
using config::CdiSpecs;

constexpr std::size_t kMostNamed = 16;  // of devices, in one message
/// True of every bind of Berth's, or without effect on one.
constexpr std::array<std::string_view, 10> kHeldOptions = {"bind",   "rbind",    "nosuid", "nodev",  "private",
                                                           "rprivate", "slave", "rslave", "exec", "defaults"};
constexpr std::array<std::string_view, 3> kBindTypes = {"", "none", "bind"};
/// Hooks that run before the container begins, in this order.
constexpr std::array<std::string_view, 3> kHookTimes = {"prestart", "createRuntime", "createContainer"};

/// Puts `value` where one with the same key stands, or at the end.
template <typename T, typename Key>
void replace_or_add(std::vector<T>& list, T value, Key key) {
    const auto earlier = std::ranges::find(list, std::invoke(key, value), key);
    if (earlier != list.end())
        *earlier = std::move(value);
    else
        list.push_back(std::move(value));
}

template <typename T>
void add_once(std::vector<T>& list, const T& value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

const CdiDevice* device_of(const CdiSpec& spec, const CdiName& name) {
    if (spec.kind != name.kind) return nullptr;
    const auto found = std::ranges::find(spec.devices, name.device, &CdiDevice::name);
    return found == spec.devices.end() ? nullptr : &*found;
}

Error not_defined(const CdiName& name, const CdiSpecs& specs) {
    std::set<std::string> devices;
    std::set<std::string> kinds;
    for (const CdiSpec& spec : specs.specs) {
        kinds.insert(spec.kind);
        for (const CdiDevice& device : spec.devices)
            if (spec.kind == name.kind) devices.insert(device.name);
    }
    const auto& known = devices.empty() ? kinds : devices;
    std::string list;
    std::size_t count = 0;
    for (const std::string& each : known) {
        if (++count > kMostNamed) break;
        list += (list.empty() ? "" : ", ") + each;
    }
    if (count > kMostNamed) list += " …";
    const std::string what = devices.empty() ? "kinds that are there" : "devices of this kind";
    return Error{Category::usage, 0,
                 fmt::format("CDI device {}: no specification on this node has it; {}: {}", name.to_string(), what,
                             list.empty() ? "none" : list)};
}

struct Found {
    const CdiSpec* spec = nullptr;
    const CdiDevice* device = nullptr;
};

/// The device in the latest folder that has it. No file that cannot be read may stand there or in a later one.
Result<Found> find_device(const CdiName& name, const CdiSpecs& specs) {
    Found found;
    const CdiSpec* rival = nullptr;
    for (const CdiSpec& spec : specs.specs) {
        const CdiDevice* const device = device_of(spec, name);
        if (device == nullptr || (found.spec != nullptr && spec.folder < found.spec->folder)) continue;
        rival = found.spec != nullptr && spec.folder == found.spec->folder ? found.spec : nullptr;
        found = {&spec, device};
    }
    for (const config::BrokenCdiFile& broken : specs.broken) {
        const bool could_define = !broken.kind || *broken.kind == name.kind;
        const bool outweighed = found.spec != nullptr && broken.folder < found.spec->folder;
        if (could_define && !outweighed)
            return Error{Category::config, broken.error.number,
                         fmt::format("CDI device {}: a file that may define it cannot be read: {}", name.to_string(), broken.error.message)};
    }
    if (found.spec == nullptr) return not_defined(name, specs);
    if (rival != nullptr)
        return Error{Category::config, 0,
                     fmt::format("CDI device {}: both {} and {} define it; remove one of the two", name.to_string(),
                                 printable(rival->file, 4096), printable(found.spec->file, 4096))};
    return found;
}

class Resolver {
public:
    Resolver(const CdiSpecs& specs, std::span<const config::Setting<std::string>> allowed_hooks)
        : specs_(specs), allowed_hooks_(allowed_hooks) {}

    Status add(const CdiName& name) {
        BERTH_TRY(const Found found, find_device(name, specs_));
        device_ = name.to_string();
        file_ = printable(found.spec->file, 4096);
        rule("CDI device " + device_, "given");
        if (used_.insert(found.spec).second) BERTH_CHECK(apply(found.spec->edits));
        return apply(found.device->edits);
    }

    CdiEdits take() {
        // As the reference implementation does: what lies higher is mounted first.
        const auto depth = [](const CdiBind& bind) { return std::ranges::count(bind.destination, '/'); };
        std::ranges::stable_sort(edits_.mounts, {}, depth);
        std::ranges::stable_sort(edits_.hooks, {}, [](const CdiHook& hook) { return std::ranges::find(kHookTimes, hook.name); });
        for (const config::BrokenCdiFile& broken : specs_.broken)
            edits_.warnings.push_back("left out, and not needed here: " + broken.error.message);
        return std::move(edits_);
    }

private:
    Error refusal(const std::string& what, Category category = Category::unsupported) const {
        return Error{category, 0, fmt::format("CDI device {}: {}: {}", device_, file_, what)};
    }

    void rule(std::string subject, std::string outcome) {
        edits_.rulings.push_back({std::move(subject), std::move(outcome), file_});
    }

    Status apply(const CdiContainerEdits& edits) {
        if (edits.intel_rdt) return refusal("intelRdt: Berth sets no shares of caches and memory bandwidth");
        for (const auto& variable : edits.env)
            replace_or_add(edits_.env, variable, &std::pair<std::string, std::string>::first);
        for (const CdiDeviceNode& node : edits.device_nodes) BERTH_CHECK(apply(node));
        for (const config::CdiNetDevice& device : edits.net_devices) BERTH_CHECK(apply(device));
        for (const CdiMount& mount : edits.mounts) BERTH_CHECK(apply(mount));
        for (const CdiHook& hook : edits.hooks) BERTH_CHECK(apply(hook));
        for (const gid_t gid : edits.additional_gids) add_once(edits_.additional_gids, gid);
        return {};
    }

    Status apply(const CdiDeviceNode& node) {
        const std::string shown = printable(node.path, 256);
        if (node.path == "/dev" || !is_beneath(node.path, "/dev"))
            return refusal("deviceNodes: " + shown + ": Berth puts device nodes beneath /dev only");
        if (node.type == 'p') return refusal("deviceNodes: " + shown + ": a FIFO is no device");
        replace_or_add(edits_.nodes, node, &CdiDeviceNode::path);
        rule("device " + shown, "the host's " + printable(node.host_path, 256) + ", with the host's owner and mode");
        return {};
    }

    Status apply(const config::CdiNetDevice& device) {
        if (device.host_interface != device.name)
            return refusal(fmt::format("netDevices: {}: containers have the host's network, where interfaces keep their names",
                                       printable(device.host_interface, 64)));
        rule("network interface " + printable(device.name, 64), "there: containers have the host's network");
        return {};
    }

    Status apply(const CdiMount& mount) {
        const std::string shown = "mounts: " + printable(mount.container_path, 256) + ": ";
        if (std::ranges::find(kBindTypes, mount.type) == kBindTypes.end())
            return refusal(shown + "type '" + printable(mount.type, 64) + "' is not carried out; Berth binds files and folders of the host");
        CdiBind bind{mount.host_path, mount.container_path, false, false};
        for (const std::string& option : mount.options) {
            if (option == "ro" || option == "rw")
                bind.read_only = option == "ro";
            else if (option == "noexec")
                bind.no_exec = true;
            else if (std::ranges::find(kHeldOptions, option) == kHeldOptions.end())
                return refusal(shown + "option '" + printable(option, 64) + "' is not carried out");
        }
        rule("bind " + printable(bind.source, 256), fmt::format("mounted at {}{}", printable(bind.destination, 256), bind.read_only ? " read-only" : ""));
        replace_or_add(edits_.mounts, std::move(bind), &CdiBind::destination);
        return {};
    }

    Status apply(const CdiHook& hook) {
        const auto meaning = meaning_of(hook);
        if (std::holds_alternative<cdi_hook::Program>(meaning)) return apply_program(hook);
        std::string outcome;
        if (const auto* links = std::get_if<cdi_hook::Links>(&meaning)) {
            for (const CdiLink& link : links->links) replace_or_add(edits_.links, link, &CdiLink::path);
            outcome = fmt::format("done by Berth: {} links", links->links.size());
        } else if (const auto* libraries = std::get_if<cdi_hook::LibraryFolders>(&meaning)) {
            for (const std::string& folder : libraries->folders) add_once(edits_.library_folders, folder);
            outcome = fmt::format("done by Berth: {} folders in LD_LIBRARY_PATH", libraries->folders.size());
        } else if (const auto* unneeded = std::get_if<cdi_hook::NotNeeded>(&meaning)) {
            outcome = "not run: " + unneeded->why;
        }
        rule("hook " + name_of(hook), std::move(outcome));
        return {};
    }

    Status apply_program(const CdiHook& hook) {
        const std::string path = printable(hook.path, 256);
        const std::string what = fmt::format("the hook {} ({})", name_of(hook), hook.name);
        if (std::ranges::find(kHookTimes, hook.name) == kHookTimes.end())
            return refusal(what + ": only hooks that run before the container begins are run: prestart, createRuntime and createContainer");
        const auto allowed = std::ranges::find(allowed_hooks_, hook.path, &config::Setting<std::string>::value);
        if (allowed == allowed_hooks_.end())
            return refusal(fmt::format("this node does not allow {}; in berth.conf, allow cdi hook = {} does", what, path), Category::denied);
        edits_.hooks.push_back(hook);
        edits_.rulings.push_back({"hook " + name_of(hook), "run as the caller", fmt::format("{}: allow cdi hook = {}", allowed->origin.to_string(), path)});
        return {};
    }

    const CdiSpecs& specs_;
    std::span<const config::Setting<std::string>> allowed_hooks_;
    CdiEdits edits_;
    std::set<const CdiSpec*> used_;
    std::string device_;  ///< of the edits that are applied
    std::string file_;
};

}  // namespace

Result<CdiEdits> resolve_cdi(std::span<const CdiName> names, const CdiSpecs& specs,
                             std::span<const config::Setting<std::string>> allowed_hooks) {
    Resolver resolver(specs, allowed_hooks);
    for (const CdiName& name : names) BERTH_CHECK(resolver.add(name));
    return resolver.take();
}

}  // namespace berth
