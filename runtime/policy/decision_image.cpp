// The image: may it run at all, and who mounts it.
#include "runtime/policy/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/policy/ecl_decision.hpp"
#include "runtime/policy/site_options.hpp"

namespace berth {
namespace {

using config::Ecl;
using config::KernelMount;
using config::SetuidMount;
using config::SiteConfig;
using config::SitePolicy;

/// Longest list that a rule shows, bytes.
constexpr std::size_t kShown = 200;

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
    if (const auto unknown = unusable_options(*group.options))
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

}  // namespace

void judge_image(Judge& judge, const Request& request, const SitePolicy& policy, const SiteNames& names, const JobContext& job,
                 const ImageInfo& image) {
    judge_kind(judge, policy.conf, image);
    judge_limits(judge, policy.conf, names, job, image);
    judge_architecture(judge, job, image);
    judge_execution_control(judge, request, policy.ecl, names, image);
    judge_signature(judge, request, policy, image);
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

}  // namespace berth
