// What is mounted, and where the command starts.
#include "runtime/policy/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using config::SiteConfig;

/// More MiB than any node has: the kernel would take such a size for a small one.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

void judge_system_mounts(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site) {
    const bool contain = request.isolation == Isolation::contain;
    decision.mount_slave = site.mount_slave.value;
    judge.grant("mounts made later", decision.mount_slave ? "the host's appear in the container" : "the host's do not appear",
                rule_text("mount slave", site.mount_slave));
    decision.proc = site.mount_proc.value;
    judge.grant("/proc", decision.proc ? "mounted" : "left to the image", rule_text("mount proc", site.mount_proc));
    decision.sys = site.mount_sys.value;
    judge.grant("/sys", decision.sys ? "mounted" : "left to the image", rule_text("mount sys", site.mount_sys));

    if (site.mount_dev.value == config::MountDev::no) {
        decision.devices = Devices::image;
        judge.grant("/dev", "left to the image", rule_text(site.mount_dev.origin, "mount dev", "no"));
    } else if (site.mount_dev.value == config::MountDev::minimal) {
        decision.devices = Devices::minimal;
        judge.grant("/dev", "minimal", rule_text(site.mount_dev.origin, "mount dev", "minimal"));
    } else {
        decision.devices = contain ? Devices::minimal : Devices::host;
        judge.grant("/dev", contain ? "minimal" : "every device that the caller may open",
                    contain ? "--contain" : rule_text(site.mount_dev.origin, "mount dev", "yes"));
    }

    decision.devpts = site.mount_devpts.value;
    if (decision.devices == Devices::minimal)
        judge.grant("/dev/pts", decision.devpts ? "terminals of its own" : "none", rule_text("mount devpts", site.mount_devpts));
    decision.memory_fs = site.memory_fs_type.value;
    decision.memory_fs_mib = site.sessiondir_max_size.value < kNoLimit ? site.sessiondir_max_size.value : 0;
    if (contain && decision.memory_fs == config::MemoryFs::ramfs)
        judge.grant("memory file systems", "ramfs, without a limit", rule_text(site.memory_fs_type.origin, "memory fs type", "ramfs"));
    else if (contain)
        judge.grant("memory file systems", decision.memory_fs_mib == 0 ? "tmpfs, without a limit" : fmt::format("tmpfs of {} MiB each", decision.memory_fs_mib),
                    rule_text(site.sessiondir_max_size.origin, "sessiondir max size", std::to_string(site.sessiondir_max_size.value)));

    if (!site.mount_tmp.value) {
        decision.tmp = Tmp::image;
        judge.grant("/tmp, /var/tmp", "left to the image", rule_text("mount tmp", site.mount_tmp));
    } else {
        decision.tmp = contain ? Tmp::fresh : Tmp::host;
        judge.grant("/tmp, /var/tmp", contain ? "new and empty" : "the host's",
                    contain ? "--contain" : rule_text("mount tmp", site.mount_tmp));
    }
    const auto account_file = [&](const char* path, std::string_view directive, const config::Setting<bool>& setting) {
        judge.grant(path, setting.value ? "the image's, with the caller's entries" : "left to the image", rule_text(directive, setting));
        return setting.value;
    };
    decision.passwd = account_file("/etc/passwd", "config passwd", site.config_passwd);
    decision.group = account_file("/etc/group", "config group", site.config_group);
    decision.resolv_conf = site.config_resolv_conf.value;
    judge.grant("/etc/resolv.conf", decision.resolv_conf ? "the host's" : "left to the image",
                rule_text("config resolv_conf", site.config_resolv_conf));
}

void judge_home(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site, const JobContext& job) {
    const auto left_out = [&](std::string rule) { judge.grant("home", "not mounted", std::move(rule)); };
    if (request.home.mode == HomeMode::none) return left_out("--no-home");
    if (!site.mount_home.value) {
        if (request.home.mode == HomeMode::custom)
            return judge.refuse("home", rule_text("mount home", site.mount_home),
                                fmt::format("--home: this site does not mount home directories ({})",
                                            rule_text("mount home", site.mount_home)));
        return left_out(rule_text("mount home", site.mount_home));
    }
    if (request.home.mode == HomeMode::custom) {
        if (!site.user_bind_control.value)
            return judge.refuse("home", rule_text("user bind control", site.user_bind_control),
                                fmt::format("--home: this site does not let users choose mounts ({})",
                                            rule_text("user bind control", site.user_bind_control)));
        decision.home = {DecidedHome::Kind::host, request.home.source, request.home.destination};
        return judge.grant("home", request.home.source + " at " + request.home.destination, "--home");
    }
    const std::string home = normal_path(job.home);
    if (job.home.empty() || job.home.front() != '/' || home == "/") return left_out("the account has no home directory of its own");
    if (request.isolation == Isolation::contain) {
        decision.home = {DecidedHome::Kind::fresh, {}, home};
        return judge.grant("home", "new and empty at " + home, "--contain");
    }
    decision.home = {DecidedHome::Kind::host, home, home};
    judge.grant("home", home, rule_text("mount home", site.mount_home));
}

/// Folders of an operating system: the host's would hide the image's own.
bool is_system_folder(const std::string& path) {
    constexpr std::array<std::string_view, 13> kExact = {"/",    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64",
                                                         "/mnt", "/opt", "/root", "/sbin", "/usr", "/var"};
    constexpr std::array<std::string_view, 8> kTrees = {"/dev", "/proc", "/sys", "/bin", "/lib", "/lib64", "/sbin", "/usr"};
    return std::find(kExact.begin(), kExact.end(), path) != kExact.end() ||
           std::any_of(kTrees.begin(), kTrees.end(), [&](std::string_view tree) { return is_beneath(path, tree); });
}

bool already_seen(const Decision& decision, const std::string& path) {
    if (decision.home.kind == DecidedHome::Kind::host && decision.home.source == decision.home.destination &&
        is_beneath(path, decision.home.destination))
        return true;
    if (decision.tmp == Tmp::host && (is_beneath(path, "/tmp") || is_beneath(path, "/var/tmp"))) return true;
    if (std::ranges::any_of(decision.host_mounts, [&](const std::string& mount) { return is_beneath(path, mount); })) return true;
    return std::any_of(decision.binds.begin(), decision.binds.end(), [&](const DecidedBind& bind) {
        return bind.source == bind.destination && is_beneath(path, bind.destination);
    });
}

/// What is mounted beneath another one comes with it. /tmp is `mount tmp`'s.
void judge_host_mounts(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site,
                       const SiteNames& names) {
    if (!site.mount_hostfs.value) return;
    const std::string rule = rule_text("mount hostfs", site.mount_hostfs);
    if (request.isolation == Isolation::contain) return judge.grant("the host's file systems", "not mounted", "--contain");
    constexpr std::array<std::string_view, 4> kNotOfHostfs = {"/boot", "/run", "/tmp", "/var"};
    constexpr std::size_t kMaxHostMounts = 128;
    std::vector<std::string> mounts = names.host_mounts;
    std::ranges::sort(mounts);
    const std::string* outer = nullptr;
    for (const std::string& mount : mounts) {
        const bool hidden = std::ranges::any_of(kNotOfHostfs, [&](std::string_view tree) { return is_beneath(mount, tree); });
        if (hidden || is_system_folder(mount) || (outer != nullptr && is_beneath(mount, *outer))) continue;
        outer = &mount;
        if (decision.host_mounts.size() == kMaxHostMounts)
            return judge.refuse("the host's file systems", rule,
                                fmt::format("the host has more than {} file systems for a container: set mount hostfs = no and name those that "
                                            "are needed by bind path ({})", kMaxHostMounts, rule), Category::unsupported);
        decision.host_mounts.push_back(mount);
        judge.grant("bind " + printable(mount), "mounted at " + printable(mount), rule);
    }
}

void judge_binds(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site) {
    for (const auto& entry : site.bind_path.value) {
        decision.binds.push_back({entry.source, entry.destination, entry.read_only, false});
        judge.grant("bind " + entry.source, "mounted at " + entry.destination,
                    rule_text(entry.origin, "bind path", entry.source));
    }
    for (const auto& bind : request.binds) {
        const std::string subject = "bind " + printable(bind.source);
        const std::string rule = rule_text("user bind control", site.user_bind_control);
        if (!site.user_bind_control.value) {
            judge.refuse(subject, rule, fmt::format("--bind {}: this site does not let users choose mounts ({})", printable(bind.source), rule));
            continue;
        }
        decision.binds.push_back({bind.source, bind.destination, bind.read_only, true});
        judge.grant(subject, fmt::format("mounted at {}{}", printable(bind.destination), bind.read_only ? " read-only" : ""), rule);
    }
}

void judge_working_directory(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site,
                             const JobContext& job) {
    const std::string current = normal_path(job.working_directory);
    decision.working_directory = request.working_directory.value_or(current);
    decision.working_directory_required = request.working_directory.has_value();
    if (request.isolation == Isolation::contain) {
        if (!request.working_directory && decision.home.kind != DecidedHome::Kind::none && !is_beneath(current, "/tmp"))
            decision.working_directory = decision.home.destination;
        return judge.grant("working directory", "not mounted", "--contain");
    }
    if (already_seen(decision, current)) return judge.grant("working directory", current, "inside another mount");
    if (is_system_folder(current)) return judge.grant("working directory", "not mounted", "a folder of the system");
    if (!site.user_bind_control.value)
        return judge.grant("working directory", "not mounted", rule_text("user bind control", site.user_bind_control));
    // Before the user's own binds, which may lie beneath it.
    const auto before_users = decision.binds.end() - static_cast<std::ptrdiff_t>(request.binds.size());
    decision.binds.insert(before_users, {current, current, false, false});
    judge.grant("working directory", current, rule_text("user bind control", site.user_bind_control));
}

}  // namespace

void judge_mounts(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site, const SiteNames& names,
                  const JobContext& job) {
    judge_system_mounts(judge, decision, request, site);
    judge_home(judge, decision, request, site, job);
    judge_host_mounts(judge, decision, request, site, names);
    judge_binds(judge, decision, request, site);
    judge_working_directory(judge, decision, request, site, job);
}

}  // namespace berth
