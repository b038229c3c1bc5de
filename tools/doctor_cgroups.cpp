// Control groups, for berth doctor: their version, and what Slurm and users can do with them.
// Sources: cgroups(7), the kernel's cgroup-v2.rst, slurm.conf(5), cgroup.conf(5), Slurm's page on cgroup/v2.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "runtime/base/text.hpp"
#include "tools/doctor_checks.hpp"

namespace berth::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCgroups = "/sys/fs/cgroup";

std::string joined(const auto& words) { return fmt::format("{}", fmt::join(words, " ")); }

bool is_cgroup_plugin(const std::optional<std::string>& setting) { return setting && setting->find("cgroup") != std::string::npos; }

/// The controllers that this node's Slurm is configured to use. `version` 2 has no freezer, devices and cpuacct, and
/// needs no controller in their place, except for accounting.
std::set<std::string> controllers_of_slurm(const Surroundings& node, int version) {
    const std::string folder = slurm_folder(node);
    const auto slurm = [&](std::string_view name) { return is_cgroup_plugin(slurm_setting(node, folder + "/slurm.conf", name)); };
    const auto constrained = [&](std::string_view name) {
        return slurm("TaskPlugin") && lower(slurm_setting(node, folder + "/cgroup.conf", name).value_or("no")) == "yes";
    };
    std::set<std::string> wanted;
    if (constrained("ConstrainCores")) wanted.insert("cpuset");
    if (constrained("ConstrainRAMSpace") || constrained("ConstrainSwapSpace")) wanted.insert("memory");
    if (slurm("JobAcctGatherType")) wanted.insert({version == 1 ? "cpuacct" : "cpu", "memory"});
    if (version == 1 && slurm("ProctrackType")) wanted.insert("freezer");
    if (version == 1 && constrained("ConstrainDevices")) wanted.insert("devices");
    return wanted;
}

std::set<std::string> without(const std::set<std::string>& wanted, const std::vector<std::string>& present) {
    std::set<std::string> missing;
    for (const auto& each : wanted)
        if (std::ranges::count(present, each) == 0) missing.insert(each);
    return missing;
}

std::vector<Finding> version_1(const Surroundings& node) {
    std::vector<std::string> mounted;
    for (const auto& line : split(text_of(node, "/proc/self/mounts"), '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() < 4 || fields[2] != "cgroup") continue;
        for (const auto& option : split(fields[3], ','))
            if (option != "rw" && option != "ro" && option.find("atime") == std::string::npos && !option.starts_with("no"))
                mounted.push_back(option);
    }
    if (mounted.empty()) return {{Health::warn, "cgroups", "none are mounted in /sys/fs/cgroup", "mount them, for Slurm's limits"}};
    std::vector<Finding> findings{{Health::ok, "cgroups", "version 1: " + joined(mounted), ""}};
    if (const auto missing = without(controllers_of_slurm(node, 1), mounted); !missing.empty())
        findings.push_back({Health::warn, "cgroups of Slurm", "slurm.conf and cgroup.conf ask for hierarchies that are not mounted: " + joined(missing),
                            "mount them at boot (mount -t cgroup -o NAME NAME /sys/fs/cgroup/NAME), or CgroupAutomount=yes in cgroup.conf"});
    return findings;
}

/// user@UID.service, where systemd lets that user make cgroups: the caller's or, for root, one of those that are there.
std::string user_service(const Surroundings& node) {
    std::error_code failed;
    for (const auto& slice : fs::directory_iterator(node.root + kCgroups + "/user.slice", failed)) {
        const std::string name = slice.path().filename().string();
        if (!name.starts_with("user-") || !name.ends_with(".slice")) continue;
        const std::string uid = name.substr(5, name.size() - 11);
        const std::string service = "/user.slice/" + name + "/user@" + uid + ".service";
        const bool asked = ::geteuid() == 0 ? uid != "0" : uid == std::to_string(::geteuid());
        if (asked && exists(node, kCgroups + service)) return service;
    }
    return {};
}

Finding delegation(const Surroundings& node) {
    const std::string subject = "cgroups of users";
    const std::string service = user_service(node);
    if (service.empty()) return {Health::ok, subject, "no user's systemd runs here, so that nothing is handed down", ""};
    const auto given = words_of(text_of(node, kCgroups + service + "/cgroup.controllers"));
    const auto missing = without({"cpu", "memory", "pids"}, given);
    const std::string detail = service + ": " + (given.empty() ? "no controllers" : joined(given));
    if (missing.empty()) return {Health::ok, subject, detail, ""};
    return {Health::warn, subject, detail + "; without " + joined(missing) + ", users cannot limit that for themselves",
            "systemctl edit user@.service: [Service] Delegate=cpu cpuset io memory pids"};
}

/// The scopes in which slurmstepd keeps its steps: "/system.slice/slurmstepd.scope", or "/system.slice/NODE_slurmstepd.scope".
std::vector<std::string> slurm_scopes(const Surroundings& node) {
    std::vector<std::string> scopes;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(node.root + kCgroups + "/system.slice", failed))
        if (entry.path().filename().string().ends_with("slurmstepd.scope")) scopes.push_back("/system.slice/" + entry.path().filename().string());
    return scopes;
}

/// What every level above the scope has to pass on, or steps cannot be limited.
Finding slurm_scope(const Surroundings& node, const std::string& scope, const std::set<std::string>& wanted) {
    const std::string subject = "cgroups of Slurm";
    for (const std::string& level : std::array<std::string, 2>{"", "/system.slice"}) {
        const auto passed = words_of(text_of(node, kCgroups + level + "/cgroup.subtree_control"));
        if (const auto missing = without(wanted, passed); !missing.empty())
            return {Health::warn, subject,
                    fmt::format("{} passes on {}, and not {}, which slurm.conf and cgroup.conf ask for", level.empty() ? "/" : level,
                                passed.empty() ? "nothing" : joined(passed), joined(missing)),
                    "Delegate=yes in slurmd's service; EnableControllers=yes in cgroup.conf where this Slurm knows it; restart slurmd"};
    }
    return {Health::ok, subject, scope + (wanted.empty() ? "; slurm.conf and cgroup.conf ask for no controller" : ": " + joined(wanted)), ""};
}

std::vector<Finding> version_2(const Surroundings& node) {
    const auto controllers = words_of(text_of(node, std::string(kCgroups) + "/cgroup.controllers"));
    const auto wanted = controllers_of_slurm(node, 2);
    std::vector<Finding> findings;
    if (const auto missing = without(wanted, controllers); !missing.empty())
        findings.push_back({Health::warn, "cgroups", "version 2: " + joined(controllers) + "; slurm.conf and cgroup.conf ask for " + joined(missing),
                            "no version 1 hierarchy may hold it: boot with systemd.unified_cgroup_hierarchy=1, and without cgroup_disable="});
    else
        findings.push_back({Health::ok, "cgroups", "version 2: " + joined(controllers), ""});
    findings.push_back(delegation(node));
    for (const auto& scope : slurm_scopes(node)) findings.push_back(slurm_scope(node, scope, wanted));
    return findings;
}

}  // namespace

std::vector<Finding> examine_cgroups(const Surroundings& node) {
    // Only the root of version 2's hierarchy has this file there.
    if (exists(node, std::string(kCgroups) + "/cgroup.controllers")) return version_2(node);
    return version_1(node);
}

}  // namespace berth::tools
