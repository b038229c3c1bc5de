// This installation and its configuration, for berth doctor.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "runtime/base/install_paths.hpp"
#include "runtime/config/cgroups.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/policy/site_options.hpp"
#include "tools/config_meaning.hpp"
#include "tools/doctor_checks.hpp"

namespace berth::tools {
namespace {

Finding program(const std::string& path, Health without, const std::string& meaning, const std::string& remedy) {
    if (::access(path.c_str(), X_OK) == 0) return {Health::ok, path, meaning, ""};
    return {without, path, "is not there: " + meaning, remedy};
}

/// Root starts these: whoever can write to them or above them is root.
Finding own_program(const std::string& name) {
    const std::string path = install_paths().libexec + "/" + name;
    if (::access(path.c_str(), F_OK) != 0) return {Health::fail, path, "is not there", "install Berth again: cmake --install"};
    if (const auto trusted = config::open_trusted(path); !trusted) return {Health::fail, path, trusted.error().message, "see the message"};
    return {Health::ok, path, "root's alone", ""};
}

/// Nothing where it cannot be read, which the check of the configuration says.
std::optional<config::SitePolicy> readable_policy(const Surroundings& node) {
    auto policy = config::load_policy(node.berth_conf);
    if (!policy) return std::nullopt;
    return std::move(policy).value();
}

bool needs_signatures(const config::SitePolicy& policy) { return policy.conf.require_signature.value || policy.ecl.activated.value; }

}  // namespace

std::vector<Finding> examine_programs(const Surroundings& node) {
    std::vector<Finding> findings;
    for (const char* name : {"berth-step", "berth-fuse", "berth-verify", "berth-trust", "berth-image", "berth-scope"}) findings.push_back(own_program(name));
    findings.push_back(program("/usr/bin/gpg", Health::warn, "OpenPGP signatures are checked with it", "install the package gnupg or gpg"));
    const auto policy = readable_policy(node);
    const std::string packer = policy && !policy->conf.mksquashfs_path.value.empty() ? policy->conf.mksquashfs_path.value : "/usr/bin/mksquashfs";
    findings.push_back(program(packer, Health::warn, "berth build packs with it", "install the package squashfs-tools, or mend `mksquashfs path`"));
    return findings;
}

std::vector<Finding> examine_configuration(const Surroundings& node) {
    const std::string all = "berth config check lists all that is wrong with it";
    const auto file = config::load_file(node.berth_conf);
    if (!file) return {{Health::fail, "berth.conf", file.error().message, all}};
    for (const auto& problem : option_problems(*file)) return {{Health::fail, "berth.conf", problem.to_string(), all}};
    std::vector<Finding> findings{{Health::ok, "berth.conf", node.berth_conf, ""}};
    const std::string list = config::ecl_path(node.berth_conf);
    const auto ecl = config::load_ecl(list);
    const auto unknown = ecl ? option_problems(*ecl) : std::vector<config::Problem>{};
    if (!unknown.empty()) findings.push_back({Health::fail, "ecl.toml", unknown.front().to_string(), all});
    else if (ecl) findings.push_back({Health::ok, "ecl.toml", list + (ecl->activated.value ? ", activated" : ", not activated"), ""});
    else findings.push_back({Health::fail, "ecl.toml", ecl.error().message, all});
    const std::string grants = config::capability_path(node.berth_conf);
    if (const auto read = config::load_capabilities(grants); !read) findings.push_back({Health::fail, "capability.json", read.error().message, all});
    const std::string limits = config::cgroups_path(node.berth_conf);
    if (const auto read = config::load_cgroups(limits); !read) findings.push_back({Health::fail, "cgroups.toml", read.error().message, all});
    const config::SiteConfig conf = config::for_job(*file, {});
    if (const auto& profile = conf.seccomp_profile; !profile.value.empty())
        if (const auto read = config::load_seccomp_profile(profile); !read)
            findings.push_back({Health::fail, "seccomp profile", read.error().message, all});
    if (!ecl) return findings;
    for (const auto& problem : examine_meaning(*file, *ecl, node.berth_conf).problems)
        findings.push_back({Health::warn, "configuration", problem.to_string(), "see the message; berth config check shows it, too"});
    return findings;
}

std::vector<Finding> examine_server_account(const Surroundings& node) {
    const auto policy = readable_policy(node);
    if (!policy) return {};
    const auto found = image_server_account(policy->conf);
    if (!found) return {{Health::fail, "image server user", found.error().message, "see the message"}};
    return {{Health::ok, "image server user", fmt::format("{}, uid {}", policy->conf.image_server_user.value, found->first), ""}};
}

std::vector<Finding> examine_keyring(const Surroundings& node) {
    const auto policy = readable_policy(node);
    if (!policy) return {};
    const auto keys = config::read_site_keyring();
    const std::string path = config::site_keyring_path();
    if (!keys) return {{Health::fail, "site keyring", keys.error().message, "see the message"}};
    if (!keys->empty()) return {{Health::ok, "site keyring", fmt::format("{}, {} bytes", path, keys->size()), ""}};
    if (!needs_signatures(*policy)) return {{Health::ok, "site keyring", "none, and signatures are not required", ""}};
    return {{Health::fail, "site keyring", path + " is empty or not there, and signatures are required: no image runs",
             "berth key import --global FILE, as root"}};
}

std::vector<Finding> examine_image_cache(const Surroundings& node) {
    const auto policy = readable_policy(node);
    if (!policy) return {};
    const std::string& folder = policy->conf.image_cache.value;
    const std::string above = std::filesystem::path(folder).parent_path().string();
    std::error_code failed;
    const bool there = std::filesystem::exists(folder, failed);
    if (there || std::filesystem::exists(above, failed))
        return {{Health::ok, "image cache", folder + (there ? "" : ", made when it is needed"), ""}};
    return {{Health::warn, "image cache", above + " does not exist: signed images without a hash tree cannot be run",
             "mkdir " + above + ", or set `image cache`"}};
}

}  // namespace berth::tools
