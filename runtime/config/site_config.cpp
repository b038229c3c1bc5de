#include "runtime/config/site_config.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "runtime/config/values.hpp"

namespace berth::config {
namespace {

void store(Setting<bool>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "yes", origin};
}

void store(Setting<MountDev>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "yes" ? MountDev::yes : value == "minimal" ? MountDev::minimal : MountDev::no, origin};
}

void store(Setting<RootCapabilities>& setting, const Directive&, std::string_view value, const Origin& origin) {
    using enum RootCapabilities;
    setting = {value == "full" ? full : value == "file" ? file : no, origin};
}

void store(Setting<MemoryFs>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "ramfs" ? MemoryFs::ramfs : MemoryFs::tmpfs, origin};
}

void store(Setting<KernelMount>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "always" ? KernelMount::always : value == "trusted" ? KernelMount::trusted : KernelMount::never, origin};
}

void store(Setting<SetuidMount>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "yes" ? SetuidMount::yes : value == "iflimited" ? SetuidMount::iflimited : SetuidMount::no, origin};
}

void store(Setting<std::uint64_t>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {whole_number<std::uint64_t>(value).value_or(0), origin};
}

void store(Setting<std::string>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {std::string(value), origin};
}

void store(StringList& list, const Directive& directive, std::string_view value, const Origin& origin) {
    if (list.origin == Origin{}) list.value.clear();  // what was there is the default
    if (list.value.empty()) list.origin = origin;
    if (directive.type == ValueType::option) {
        if (!value.empty()) list.value.push_back({std::string(value), origin});
        return;
    }
    for (const std::string& entry : list_entries(value))
        list.value.push_back({directive.type == ValueType::paths ? normal_path(entry) : entry, origin});
}

void store(Setting<std::vector<BindPath>>& list, const Directive&, std::string_view value, const Origin& origin) {
    if (list.value.empty()) list.origin = origin;
    for (const std::string& entry : list_entries(value)) {
        auto bind = bind_entry(entry);
        if (!bind) continue;  // invalid_value() has refused such a line
        bind->origin = origin;
        list.value.push_back(std::move(*bind));
    }
}

using Member =
    std::variant<Setting<bool> SiteConfig::*, Setting<MountDev> SiteConfig::*, Setting<RootCapabilities> SiteConfig::*,
                 Setting<MemoryFs> SiteConfig::*,
                 Setting<KernelMount> SiteConfig::*, Setting<SetuidMount> SiteConfig::*, Setting<std::string> SiteConfig::*,
                 Setting<std::uint64_t> SiteConfig::*, StringList SiteConfig::*, Setting<std::vector<BindPath>> SiteConfig::*>;

struct Binding {
    std::string_view directive;
    Member member;
};

/// `enable overlay` is absent: the values accepted leave the choice to Berth. So is what holds anyway.
constexpr auto kBindings = std::to_array<Binding>({
    {"user bind control", &SiteConfig::user_bind_control},
    {"option default", &SiteConfig::option_default},
    {"option deny", &SiteConfig::option_deny},
    {"allow user ns", &SiteConfig::allow_user_ns},
    {"bind path", &SiteConfig::bind_path},
    {"mount dev", &SiteConfig::mount_dev},
    {"mount devpts", &SiteConfig::mount_devpts},
    {"mount home", &SiteConfig::mount_home},
    {"mount tmp", &SiteConfig::mount_tmp},
    {"mount hostfs", &SiteConfig::mount_hostfs},
    {"mount proc", &SiteConfig::mount_proc},
    {"mount sys", &SiteConfig::mount_sys},
    {"mount slave", &SiteConfig::mount_slave},
    {"config passwd", &SiteConfig::config_passwd},
    {"config group", &SiteConfig::config_group},
    {"config resolv_conf", &SiteConfig::config_resolv_conf},
    {"sessiondir max size", &SiteConfig::sessiondir_max_size},
    {"memory fs type", &SiteConfig::memory_fs_type},
    {"seccomp profile", &SiteConfig::seccomp_profile},
    {"cdi spec dirs", &SiteConfig::cdi_spec_dirs},
    {"allow cdi hook", &SiteConfig::allow_cdi_hook},
    {"allow container sif", &SiteConfig::allow_container_sif},
    {"allow container encrypted", &SiteConfig::allow_container_encrypted},
    {"allow container squashfs", &SiteConfig::allow_container_squashfs},
    {"allow container extfs", &SiteConfig::allow_container_extfs},
    {"allow container dir", &SiteConfig::allow_container_dir},
    {"limit container paths", &SiteConfig::limit_container_paths},
    {"limit container owners", &SiteConfig::limit_container_owners},
    {"limit container groups", &SiteConfig::limit_container_groups},
    {"root default capabilities", &SiteConfig::root_default_capabilities},
    {"require signature", &SiteConfig::require_signature},
    {"allow kernel mount", &SiteConfig::allow_kernel_mount},
    {"allow setuid", &SiteConfig::allow_setuid},
    {"allow kernel squashfs", &SiteConfig::allow_kernel_squashfs},
    {"allow setuid-mount squashfs", &SiteConfig::allow_setuid_mount_squashfs},
    {"max loop devices", &SiteConfig::max_loop_devices},
    {"image cache", &SiteConfig::image_cache},
    {"image cache size", &SiteConfig::image_cache_size},
    {"image server user", &SiteConfig::image_server_user},
    {"always use nv", &SiteConfig::always_use_nv},
    {"always use rocm", &SiteConfig::always_use_rocm},
    {"use nvidia-container-cli", &SiteConfig::use_nvidia_container_cli},
    {"nvidia-container-cli path", &SiteConfig::nvidia_container_cli_path},
    {"audit log", &SiteConfig::audit_log},
    {"enable cgroup controllers", &SiteConfig::enable_cgroup_controllers},
    {"mksquashfs path", &SiteConfig::mksquashfs_path},
    {"mksquashfs procs", &SiteConfig::mksquashfs_procs},
    {"mksquashfs mem", &SiteConfig::mksquashfs_mem},
});

void store(SiteConfig& config, const Directive& directive, std::string_view value, const Origin& origin) {
    const auto binding = std::ranges::find(kBindings, directive.name, &Binding::directive);
    if (binding == kBindings.end()) return;
    std::visit([&](auto member) { store(config.*member, directive, value, origin); }, binding->member);
}

bool fits(const Section& section, const JobFacts& facts) {
    switch (section.kind) {
        case SectionKind::partition: return facts.partition && section.is_about(SectionKind::partition, *facts.partition);
        case SectionKind::account: return facts.account && section.is_about(SectionKind::account, *facts.account);
        case SectionKind::group: return std::ranges::count(facts.groups, section.name) > 0;
    }
    return false;
}

}  // namespace

const char* to_string(SectionKind kind) noexcept {
    switch (kind) {
        case SectionKind::partition: return "partition";
        case SectionKind::account: return "account";
        case SectionKind::group: return "group";
    }
    return "?";
}

std::string Section::head() const {
    return std::string("[") + to_string(kind) + " " + printable(name, 64) + "]";
}

bool Section::is_about(SectionKind other_kind, std::string_view other_name) const noexcept {
    if (kind != other_kind) return false;
    if (kind != SectionKind::account) return name == other_name;
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(name, other_name, {}, lower, lower);
}

std::vector<DirectiveLine> lines_for(const SiteFile& file, const JobFacts& facts) {
    std::vector<DirectiveLine> lines = file.lines;
    for (const Section& section : file.sections) {
        if (!fits(section, facts)) continue;
        std::erase_if(lines, [&](const DirectiveLine& line) {
            return std::ranges::count(section.lines, line.directive, &DirectiveLine::directive) > 0;
        });
        lines.insert(lines.end(), section.lines.begin(), section.lines.end());
    }
    return lines;
}

SiteConfig for_job(const SiteFile& file, const JobFacts& facts) {
    SiteConfig config;
    for (const DirectiveLine& line : lines_for(file, facts)) store(config, *line.directive, line.value, line.origin);
    return config;
}

bool wants_partition_or_account(const SiteFile& file) noexcept {
    return std::ranges::any_of(file.sections, [](const Section& section) { return section.kind != SectionKind::group; });
}

Status check_facts(const SiteFile& file, const JobFacts& facts) {
    if (!facts.slurm) return {};
    for (const Section& section : file.sections) {
        const bool known = section.kind == SectionKind::group || (section.kind == SectionKind::partition ? facts.partition : facts.account);
        if (!known)
            return Error{Category::config, 0,
                         section.origin.to_string() + ": " + section.head() + ": the job's " + to_string(section.kind) +
                             " is not known on this node, and the section might be about it: see slurmd's log, or remove the section"};
    }
    return {};
}

}  // namespace berth::config
