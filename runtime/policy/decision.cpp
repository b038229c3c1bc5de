#include "runtime/policy/decision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/policy/capability_decision.hpp"
#include "runtime/policy/ecl_decision.hpp"
#include "runtime/policy/site_options.hpp"

namespace berth {
namespace {

using config::Ecl;
using config::KernelMount;
using config::Origin;
using config::SetuidMount;
using config::SiteConfig;
using config::SitePolicy;

std::string rule_text(const Origin& origin, std::string_view directive, std::string_view value) {
    return fmt::format("{}: {} = {}", origin.to_string(), directive, value);
}

std::string rule_text(std::string_view directive, const config::Setting<bool>& setting) {
    return rule_text(setting.origin, directive, setting.value ? "yes" : "no");
}

/// Collects the rulings of one decision.
class Judge {
public:
    explicit Judge(Decision& decision) : decision_(decision) {}

    void grant(std::string subject, std::string outcome, std::string rule) {
        decision_.rulings.push_back({std::move(subject), std::move(outcome), std::move(rule)});
    }
    /// The first refusal stands; later ones are listed.
    void refuse(std::string subject, std::string rule, std::string message, Category category = Category::denied) {
        decision_.rulings.push_back({std::move(subject), kRefused, std::move(rule)});
        if (!decision_.refusal) decision_.refusal = Error{category, 0, std::move(message)};
    }

    /// A refusal that comes with rulings of its own.
    void refuse(const Error& error) {
        if (!decision_.refusal) decision_.refusal = error;
    }

private:
    Decision& decision_;
};

constexpr int kAdministerSystem = 21;  // CAP_SYS_ADMIN
/// Longest list that a rule shows, bytes.
constexpr std::size_t kShown = 200;
/// More MiB than any node has: the kernel would take such a size for a small one.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

/// A site's list that names an option that there is none of would forbid or allow nothing.
std::optional<std::string> unusable(const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (auto unknown = unknown_option(name)) return *unknown + ": the site's configuration must be mended";
    return std::nullopt;
}

void judge_kind(Judge& judge, const SiteConfig& site, const ImageInfo& image) {
    struct Gate {
        ImageKind kind;
        const char* directive;
        const config::Setting<bool>& setting;
    };
    const std::array gates = {Gate{ImageKind::sif, "allow container sif", site.allow_container_sif},
                              Gate{ImageKind::squashfs, "allow container squashfs", site.allow_container_squashfs},
                              Gate{ImageKind::directory, "allow container dir", site.allow_container_dir}};
    for (const Gate& gate : gates) {
        if (gate.kind != image.kind) continue;
        if (gate.setting.value)
            judge.grant("image format", "allowed", rule_text(gate.directive, gate.setting));
        else
            judge.refuse("image format", rule_text(gate.directive, gate.setting),
                         fmt::format("{}: this site does not allow images of this format ({})", printable(image.path),
                                     rule_text(gate.directive, gate.setting)));
    }
}

/// One of the three `limit container` lists. Root is not limited, as in Singularity.
void judge_limit(Judge& judge, std::string_view directive, const config::StringList& list, const std::string& image_path,
                 const std::string& what, const auto& matches) {
    if (list.value.empty()) return;
    for (const auto& entry : list.value) {
        if (!matches(entry.value)) continue;
        judge.grant(what, "allowed", rule_text(entry.origin, directive, entry.value));
        return;
    }
    std::string allowed;
    for (const auto& entry : list.value) allowed += (allowed.empty() ? "" : ", ") + entry.value;
    const std::string rule = rule_text(list.origin, directive, printable(allowed, 200));
    judge.refuse(what, rule, fmt::format("{}: this site does not allow this image's {} ({})", printable(image_path), what, rule));
}

void judge_limits(Judge& judge, const SiteConfig& site, const SiteNames& names, const JobContext& job,
                  const ImageInfo& image) {
    if (job.uid == 0) return;
    judge_limit(judge, "limit container paths", site.limit_container_paths, image.path, "path", [&](const std::string& path) {
        const auto found = names.paths.find(path);
        return found != names.paths.end() && is_beneath(image.path, found->second);
    });
    // Whose a folder is says nothing about what lies in it: "/" is root's, and holds everybody's files. And a user who
    // serves a file system says of its files what he likes.
    const bool counts = image.kind != ImageKind::directory && image.site_file_system;
    const std::string claimed = image.site_file_system ? "" : ", as a file system that users may serve tells it";
    judge_limit(judge, "limit container owners", site.limit_container_owners, image.path, "owner" + claimed, [&](const std::string& name) {
        const auto found = names.users.find(name);
        return counts && found != names.users.end() && found->second == image.owner;
    });
    judge_limit(judge, "limit container groups", site.limit_container_groups, image.path, "group" + claimed, [&](const std::string& name) {
        const auto found = names.groups.find(name);
        return counts && found != names.groups.end() && found->second == image.group;
    });
}

void judge_architecture(Judge& judge, const JobContext& job, const ImageInfo& image) {
    if (image.architecture.empty() || image.architecture == job.architecture) return;
    judge.refuse("architecture", "the node's processor",
                 fmt::format("{}: the image is for {}, and this node is {}: use an image built for {}", printable(image.path),
                             printable(image.architecture), job.architecture, job.architecture),
                 Category::unsupported);
}

std::string signers_of(const SignatureInfo& signature) {
    std::string text;
    for (const ImageSigner& signer : signature.signers)
        text += (text.empty() ? "by " : ", ") + printable(signer.key) + (signer.name.empty() ? "" : " (" + printable(signer.name) + ")");
    return text;
}

const char* reason_of(Held held) noexcept {
    switch (held) {
        case Held::unchangeable: return "it is what was verified: nobody else could change the file";
        case Held::hash_tree: return "it is what was verified: each block is checked when it is read";
        case Held::copy: return "it is what was verified: a copy that only root could change";
    }
    return "?";
}

/// The image itself, and the question what would be done, are no options that a profile is about.
bool is_about_the_container(std::string_view option) {
    return option != "image" && option != "explain";
}

void judge_profile(Judge& judge, const Request& request, const config::EclGroup& group, const std::string& group_rule) {
    if (!group.options) return;
    std::string allowed;
    for (const std::string& name : *group.options) allowed += (allowed.empty() ? "" : ", ") + printable(name);
    const std::string rule = group_rule + ": options = " + (allowed.empty() ? "none" : printable(allowed, kShown));
    if (const auto unknown = unusable(*group.options))
        return judge.refuse("options", rule, fmt::format("{} ({})", *unknown, rule), Category::config);
    for (const std::string& name : request.given)
        if (is_about_the_container(name) && std::ranges::count(*group.options, name) == 0)
            judge.refuse("option " + name, rule,
                         fmt::format("--{}: this site does not allow this option with images of this group ({})", name, rule));
}

void judge_execution_control(Judge& judge, const Request& request, const Ecl& ecl, const SiteNames& names,
                             const ImageInfo& image) {
    const auto verdict = judge_ecl(ecl, names, image);
    if (!verdict) return;
    if (!verdict->allowed)
        return judge.refuse("execution control", verdict->rule, fmt::format("{} ({})", verdict->text, verdict->rule));
    judge.grant("execution control", verdict->text, verdict->rule);
    judge_profile(judge, request, *verdict->group, verdict->rule);
}

void judge_options(Judge& judge, const Request& request, const SiteConfig& site) {
    for (const auto& entry : site.option_deny.value) {
        const std::string rule = rule_text(entry.origin, "option deny", printable(entry.value));
        if (const auto unknown = unusable({entry.value}))
            judge.refuse("options", rule, fmt::format("{} ({})", *unknown, rule), Category::config);
        else if (std::ranges::count(request.given, entry.value) > 0)
            judge.refuse("option " + entry.value, rule, fmt::format("--{}: this site does not allow this option ({})", entry.value, rule));
    }
}

void judge_user_namespace(Judge& judge, const SiteConfig& site, const JobContext& job) {
    if (job.privileged || site.allow_user_ns.value) return;
    const std::string rule = rule_text("allow user ns", site.allow_user_ns);
    judge.refuse("user namespace", rule,
                 fmt::format("without privilege a container needs a user namespace, which this site does not allow: start it "
                             "under Slurm (srun --container-image) ({})", rule));
}

std::string signature_rule(const SitePolicy& policy) {
    if (policy.conf.require_signature.value) return rule_text("require signature", policy.conf.require_signature);
    return policy.ecl.activated.value ? rule_text(policy.ecl.activated.origin, "activated", "true") : "--verify";
}

void judge_signature(Judge& judge, const Request& request, const SitePolicy& policy, const ImageInfo& image) {
    if (!wants_signature(request, policy)) return;
    const std::string rule = signature_rule(policy);
    if (!image.signature || !image.signature->problem.empty())
        return judge.refuse("signature", rule,
                            fmt::format("{} ({})", image.signature ? image.signature->problem : printable(image.path) + ": its signatures were not checked", rule));
    judge.grant("signature", signers_of(*image.signature), rule);
    judge.grant("what is mounted", reason_of(image.signature->held), rule);
}

bool limits_images(const SitePolicy& policy) {
    const SiteConfig& site = policy.conf;
    return policy.ecl.activated.value || !site.limit_container_paths.value.empty() ||
           !site.limit_container_owners.value.empty() || !site.limit_container_groups.value.empty();
}

/// The site's rule that keeps the kernel from mounting any squashfs; nothing where there is none.
std::optional<std::string> rule_against_kernel(const SitePolicy& policy) {
    const SiteConfig& site = policy.conf;
    if (site.allow_kernel_mount.value == KernelMount::never)
        return rule_text(site.allow_kernel_mount.origin, "allow kernel mount", "never");
    for (const auto& [directive, setting] : {std::pair{"allow setuid", &site.allow_setuid}, std::pair{"allow kernel squashfs", &site.allow_kernel_squashfs}})
        if (!setting->value) return rule_text(directive, *setting);
    const auto& setuid_mount = site.allow_setuid_mount_squashfs;
    if (setuid_mount.value == SetuidMount::no) return rule_text(setuid_mount.origin, "allow setuid-mount squashfs", "no");
    if (setuid_mount.value == SetuidMount::iflimited && !limits_images(policy))
        return rule_text(setuid_mount.origin, "allow setuid-mount squashfs", "iflimited") + ", and nothing limits the images";
    if (site.max_loop_devices.value == 0) return rule_text(site.max_loop_devices.origin, "max loop devices", "0");
    return std::nullopt;
}

Driver choose_driver(Judge& judge, const SitePolicy& policy, const JobContext& job, const ImageInfo& image) {
    const auto choose = [&](Driver driver, std::string why) {
        judge.grant("image driver", to_string(driver), std::move(why));
        return driver;
    };
    const auto& kernel_mount = policy.conf.allow_kernel_mount;
    if (image.kind == ImageKind::directory) return choose(Driver::directory, "the image is a folder");
    if (!job.privileged) return choose(Driver::fuse_as_user, "without privilege");
    if (image.signature && image.signature->held == Held::hash_tree) return choose(Driver::fuse, "it checks what it reads");
    if (auto rule = rule_against_kernel(policy)) return choose(Driver::fuse, std::move(*rule));
    if (kernel_mount.value == KernelMount::always)
        return choose(Driver::kernel_squashfs, rule_text(kernel_mount.origin, "allow kernel mount", "always"));
    if (image.signature && image.signature->held == Held::copy)
        return choose(Driver::fuse, "the copy is of a user's image: the kernel does not parse it");
    if (!image.root_controlled) return choose(Driver::fuse, "a user could change the image or its path: the kernel does not parse it");
    return choose(Driver::kernel_squashfs, "only root can change the image or its path");
}

void judge_mounts(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site) {
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

/// What the command may have, and as whom it runs.
void judge_powers(Judge& judge, Decision& decision, const Request& request, const SitePolicy& policy, const JobContext& job) {
    CapabilityVerdict verdict = judge_capabilities(request, policy, job);
    for (auto& ruling : verdict.rulings) judge.grant("capabilities", std::move(ruling.outcome), std::move(ruling.rule));
    if (verdict.refusal) return judge.refuse(*verdict.refusal);
    decision.warnings = std::move(verdict.warnings);
    // Machines and containers lack some that root usually has: all is all that there are.
    const CapabilitySet lacking = verdict.granted & request.add_capabilities & ~job.available_capabilities;
    if (lacking != 0)
        decision.warnings.push_back(fmt::format("--add-caps: {} not given: Berth itself lacks it on this node", to_string(lacking)));
    decision.capabilities = verdict.granted & job.available_capabilities;
    decision.no_new_privileges = verdict.no_new_privileges;
    decision.uid = request.security.uid;
    decision.gids = request.security.gids;
    if (decision.uid || !decision.gids.empty()) judge.grant("identity", "another than the caller's", "--security");
}

/// Both modules take their label in the same place when one of them is the kernel's first: one label a command.
void judge_label(Judge& judge, Decision& decision, const SecurityRequest& request, const JobContext& job) {
    if (!request.apparmor && !request.selinux) return;
    if (request.apparmor && request.selinux)
        return judge.refuse("label", "--security", "--security: apparmor and selinux exclude each other: name one", Category::usage);
    const DecidedLabel label = request.apparmor ? DecidedLabel{SecurityModule::apparmor, *request.apparmor}
                                                : DecidedLabel{SecurityModule::selinux, *request.selinux};
    const std::string module = to_string(label.module);
    if (std::find(job.security_modules.begin(), job.security_modules.end(), label.module) == job.security_modules.end())
        return judge.refuse("label", "the node's kernel",
                            fmt::format("--security: {} is not active on this node: leave the label out, or run where it is", module),
                            Category::unsupported);
    judge.grant("label", module + " " + label.text, "--security");
    decision.label = label;
}

void judge_profiles(Judge& judge, Decision& decision, const SecurityRequest& request, const SiteConfig& site) {
    if (const auto& profile = site.seccomp_profile; !profile.value.empty()) {
        decision.site_profile = profile.value;
        judge.grant("seccomp", profile.value, rule_text(profile.origin, "seccomp profile", profile.value));
    }
    if (request.seccomp) {
        decision.user_profile = *request.seccomp;
        judge.grant("seccomp", decision.site_profile.empty() ? *request.seccomp : *request.seccomp + ", beside the site's", "--security");
    }
    // The kernel takes filters from who can gain no privileges, or administers the machine anyway.
    if (decision.site_profile.empty() && decision.user_profile.empty()) return;
    if ((decision.capabilities & capability_bit(kAdministerSystem)) == 0) decision.no_new_privileges = true;
}

}  // namespace

const char* to_string(SecurityModule module) noexcept {
    switch (module) {
        case SecurityModule::apparmor: return "AppArmor";
        case SecurityModule::selinux: return "SELinux";
    }
    return "?";
}

const char* to_string(Driver driver) noexcept {
    switch (driver) {
        case Driver::kernel_squashfs: return "kernel squashfs on a loop device";
        case Driver::fuse: return "FUSE, by a server of its own user";
        case Driver::fuse_as_user: return "FUSE in a user namespace";
        case Driver::directory: return "directory";
    }
    return "?";
}

bool site_wants_signature(const SitePolicy& policy) noexcept {
    return policy.conf.require_signature.value || policy.ecl.activated.value;
}

bool wants_signature(const Request& request, const SitePolicy& policy) noexcept {
    return request.verify || site_wants_signature(policy);
}

Decision decide(const Request& request, const SitePolicy& policy, const SiteNames& names, const JobContext& job,
                const ImageInfo& image) {
    const SiteConfig& site = policy.conf;
    Decision decision;
    Judge judge(decision);
    judge_kind(judge, site, image);
    judge_limits(judge, site, names, job, image);
    judge_architecture(judge, job, image);
    judge_user_namespace(judge, site, job);
    judge_options(judge, request, site);
    judge_execution_control(judge, request, policy.ecl, names, image);
    judge_signature(judge, request, policy, image);
    decision.driver = choose_driver(judge, policy, job, image);
    decision.loop_devices = site.max_loop_devices.value;
    judge_mounts(judge, decision, request, site);
    judge_home(judge, decision, request, site, job);
    judge_host_mounts(judge, decision, request, site, names);
    judge_binds(judge, decision, request, site);
    judge_working_directory(judge, decision, request, site, job);
    judge_powers(judge, decision, request, policy, job);
    judge_label(judge, decision, request.security, job);
    judge_profiles(judge, decision, request.security, site);
    if (!job.batch_script.empty()) {
        // Slurm's own copy of the script, which must be where Slurm says it is.
        decision.binds.push_back({job.batch_script, job.batch_script, true, true});
        judge.grant("batch script", "mounted at " + job.batch_script, "the batch step runs it");
    }
    return decision;
}

}  // namespace berth
