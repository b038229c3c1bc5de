#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/text.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {
namespace {

struct Describer {
    const Plan& plan;

    std::string operator()(const effect::OpenSources&) const {
        return fmt::format("open {} host paths as the caller and copy their mounts", plan.sources.size());
    }
    std::string operator()(const effect::LimitResources& e) const {
        std::string text = "limit";
        for (const auto& limit : e.limits) text += (text.size() > 5 ? ", " : " ") + limit.setting.key + (is_device_rules(limit) ? "" : " to " + printable(limit.effective));
        return text;
    }
    std::string operator()(const effect::NewNamespaces& e) const {
        const char* propagation = e.slave ? "slave" : "private";
        if (e.user) return fmt::format("new user namespace (uid {}, gid {}) and mount namespace ({})", e.uid, e.gid, propagation);
        return fmt::format("new mount namespace ({})", propagation);
    }
    std::string operator()(const effect::StartImageServer& e) const {
        return fmt::format("start the image server: {} bytes at offset {}{}", e.bytes, e.offset,
                           e.tree ? fmt::format(", checked against the hash tree at {}", e.tree->offset) : "");
    }
    std::string operator()(const effect::MountImage& e) const {
        if (e.driver == Driver::directory) return "mount the image's folder: read-only, nosuid, nodev";
        return fmt::format("mount the image by {}: {} bytes at offset {}, read-only, nosuid, nodev", to_string(e.driver), e.bytes, e.offset);
    }
    std::string operator()(const effect::LayerMountPoints& e) const {
        return fmt::format("layer over the image: missing mount points of {}{}{}", e.points.size(),
                           e.passwd ? ", the caller in /etc/passwd" : "", e.group ? ", the caller's groups in /etc/group" : "");
    }
    std::string operator()(const effect::Bind& e) const {
        return fmt::format("bind {} at {}{}", printable(plan.sources[e.source].path), printable(e.destination),
                           fmt::format("{}{}", e.read_only ? ", read-only" : "", e.no_exec ? ", noexec" : ""));
    }
    std::string operator()(const effect::MountTmpfs& e) const {
        const bool ramfs = e.type == config::MemoryFs::ramfs;
        return fmt::format("{} at {}, mode {:04o}{}", ramfs ? "ramfs" : "tmpfs", printable(e.destination), e.mode,
                           ramfs || e.mib == 0 ? "" : fmt::format(", {} MiB", e.mib));
    }
    std::string operator()(const effect::MakeDevices& e) const {
        std::string text = "make /dev:";
        for (const auto& node : e.nodes) text += " " + printable(node.name);
        for (const auto& link : e.links) text += " " + link.name;
        return e.terminals ? text + ", with terminals of its own" : text;
    }
    std::string operator()(const effect::MakeLibraries& e) const {
        std::string text = fmt::format("make {}, with these bound into it, read-only:", kContainerLibraries);
        for (const auto& file : e.files) text += fmt::format(" {} as {}", printable(plan.sources[file.source].path), printable(fmt::format("{}", fmt::join(file.names, " "))));
        return text;
    }
    std::string operator()(const effect::MakeFolder& e) const { return "make sure that " + printable(e.path) + " exists"; }
    std::string operator()(const effect::RunHook& e) const {
        return fmt::format("run the hook {} ({}) as the caller, for at most {} s", printable(e.hook.path), e.hook.name, e.limit.count());
    }
    std::string operator()(const effect::PivotRoot&) const { return "make it the root and detach the host's"; }
    std::string operator()(const effect::EnterNamespaces&) const { return "enter the mount namespace, copied for this task"; }
    std::string operator()(const effect::DropBoundingSet& e) const {
        return e.kept == 0 ? "empty the capability bounding set" : "leave in the capability bounding set: " + to_string(e.kept);
    }
    std::string operator()(const effect::DropCapabilities& e) const {
        return e.kept == 0 ? "empty every capability set" : "leave in every capability set: " + to_string(e.kept);
    }
    std::string operator()(const effect::NoNewPrivileges&) const { return "set no_new_privs"; }
    std::string operator()(const effect::BecomeIdentity& e) const {
        std::string text = "become";
        if (e.uid) text += fmt::format(" uid {}", *e.uid);
        if (!e.gids.empty()) text += fmt::format(" gid {}", fmt::join(e.gids, ":"));
        return text;
    }
    std::string operator()(const effect::OpenLabel& e) const {
        return fmt::format("open where {} takes a label", to_string(e.module));
    }
    std::string operator()(const effect::SetLabel& e) const {
        return fmt::format("have {} label the command {}", to_string(e.module), printable(e.label));
    }
    std::string operator()(const effect::InstallFilters& e) const {
        std::string text = "install the seccomp filters of";
        for (const auto& profile : e.profiles) text += " " + printable(profile);
        return text;
    }
    std::string operator()(const effect::ChangeDirectory& e) const {
        if (e.required) return "change to " + printable(e.path);
        return fmt::format("change to {}, or else {}, or else /", printable(e.path), printable(e.fallback));
    }
    std::string operator()(const effect::CloseDescriptors&) const { return "close descriptors above 2 at exec"; }
};

struct Namer {
    const char* operator()(const effect::LimitResources&) const { return "LimitResources"; }
    const char* operator()(const effect::OpenSources&) const { return "OpenSources"; }
    const char* operator()(const effect::NewNamespaces&) const { return "NewNamespaces"; }
    const char* operator()(const effect::StartImageServer&) const { return "StartImageServer"; }
    const char* operator()(const effect::MountImage&) const { return "MountImage"; }
    const char* operator()(const effect::LayerMountPoints&) const { return "LayerMountPoints"; }
    const char* operator()(const effect::Bind&) const { return "Bind"; }
    const char* operator()(const effect::MountTmpfs&) const { return "MountTmpfs"; }
    const char* operator()(const effect::MakeDevices&) const { return "MakeDevices"; }
    const char* operator()(const effect::MakeLibraries&) const { return "MakeLibraries"; }
    const char* operator()(const effect::MakeFolder&) const { return "MakeFolder"; }
    const char* operator()(const effect::RunHook&) const { return "RunHook"; }
    const char* operator()(const effect::PivotRoot&) const { return "PivotRoot"; }
    const char* operator()(const effect::EnterNamespaces&) const { return "EnterNamespaces"; }
    const char* operator()(const effect::DropBoundingSet&) const { return "DropBoundingSet"; }
    const char* operator()(const effect::DropCapabilities&) const { return "DropCapabilities"; }
    const char* operator()(const effect::NoNewPrivileges&) const { return "NoNewPrivileges"; }
    const char* operator()(const effect::BecomeIdentity&) const { return "BecomeIdentity"; }
    const char* operator()(const effect::OpenLabel&) const { return "OpenLabel"; }
    const char* operator()(const effect::SetLabel&) const { return "SetLabel"; }
    const char* operator()(const effect::InstallFilters&) const { return "InstallFilters"; }
    const char* operator()(const effect::ChangeDirectory&) const { return "ChangeDirectory"; }
    const char* operator()(const effect::CloseDescriptors&) const { return "CloseDescriptors"; }
};

}  // namespace

std::string describe(const Effect& effect, const Plan& plan) { return std::visit(Describer{plan}, effect); }

const char* name_of(const Effect& effect) noexcept { return std::visit(Namer{}, effect); }

}  // namespace berth
