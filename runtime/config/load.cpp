#include <cerrno>
#include <optional>

#include "runtime/base/io.hpp"
#include "runtime/config/cgroups.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth::config {
namespace {

Result<std::string> read_trusted(const std::string& path, std::size_t limit) {
    BERTH_TRY(const UniqueFd fd, open_trusted(path));
    auto text = read_all(fd.get(), limit, Origin{path}.to_string());
    if (!text) return Error{Category::config, text.error().number, text.error().message};
    return text;
}

/// Nothing where there is no file of that name.
Result<std::optional<std::string>> read_if_there(const std::string& path, std::size_t limit) {
    BERTH_TRY(const bool exists, site_file_exists(path));
    if (!exists) return std::optional<std::string>();
    auto text = read_trusted(path, limit);
    if (text) return std::optional(std::move(*text));
    if (text.error().number != ENOENT) return text.error();
    return Error{Category::config, ENOENT,
                 Origin{path}.to_string() + ": leads nowhere; mend the link, or remove it where no such file is wanted"};
}

std::string beside(const std::string& berth_conf, const char* name) {
    return berth_conf.substr(0, berth_conf.rfind('/') + 1) + name;
}

}  // namespace

Result<SiteFile> load_file(const std::string& path) {
    BERTH_TRY(const std::string text, read_trusted(path, kMaxFileSize));
    return parse_file(text, path);
}

Result<SiteConfig> load(const std::string& path) {
    BERTH_TRY(const SiteFile file, load_file(path));
    return for_job(file, {});
}

std::string ecl_path(const std::string& berth_conf) { return beside(berth_conf, "ecl.toml"); }

Result<Ecl> load_ecl(const std::string& path) {
    BERTH_TRY(const auto text, read_if_there(path, kMaxEclSize));
    return text ? parse_ecl(*text, path) : Ecl{};
}

std::string capability_path(const std::string& berth_conf) { return beside(berth_conf, "capability.json"); }

Result<CapabilityGrants> load_capabilities(const std::string& path) {
    BERTH_TRY(const auto text, read_if_there(path, kMaxCapabilityFileSize));
    return text ? parse_capability_file(*text, path) : CapabilityGrants{};
}

std::string cgroups_path(const std::string& berth_conf) { return beside(berth_conf, "cgroups.toml"); }

Result<CgroupLimits> load_cgroups(const std::string& path) {
    BERTH_TRY(const auto text, read_if_there(path, kMaxCgroupsSize));
    return text ? parse_cgroups(*text, path) : CgroupLimits{};
}

Result<SeccompProfile> load_seccomp_profile(const Setting<std::string>& setting) {
    auto text = read_trusted(setting.value, kMaxSeccompProfileSize);
    if (!text) return std::move(text).error().within(setting.origin.to_string() + ": seccomp profile");
    return parse_seccomp_profile(*text, setting.value);
}

Result<SitePolicy> load_policy(const std::string& berth_conf, const SiteFile& file, const JobFacts& facts) {
    BERTH_CHECK(check_facts(file, facts));
    SitePolicy policy;
    policy.conf = for_job(file, facts);
    policy.berth_conf = berth_conf;
    BERTH_TRY(policy.ecl, load_ecl(ecl_path(berth_conf)));
    BERTH_TRY(policy.capabilities, load_capabilities(capability_path(berth_conf)));
    BERTH_TRY(policy.cgroups, load_cgroups(cgroups_path(berth_conf)));
    if (const auto& profile = policy.conf.seccomp_profile; !profile.value.empty()) {
        BERTH_TRY(policy.seccomp, load_seccomp_profile(profile));
    }
    return policy;
}

Result<SitePolicy> load_policy(const std::string& berth_conf, const JobFacts& facts) {
    BERTH_TRY(const SiteFile file, load_file(berth_conf));
    return load_policy(berth_conf, file, facts);
}

}  // namespace berth::config
