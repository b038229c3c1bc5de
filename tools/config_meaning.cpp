#include "tools/config_meaning.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/program_output.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/cdi_folder.hpp"
#include "runtime/config/gpu_list.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/seccomp_filter.hpp"

namespace berth::tools {
namespace {

using config::EclGroup;
using config::EclMode;
using config::Origin;
using config::Problem;

constexpr std::chrono::seconds kKeyringTime{30};

/// The state of each key of the site's keyring ("", "revoked", …) by its fingerprint.
using Keys = std::map<std::string, std::string, std::less<>>;

Result<Keys> site_keys() {
    BERTH_TRY(const std::string bytes, config::read_site_keyring());
    if (bytes.empty()) return Keys{};
    BERTH_TRY(const std::string text,
              program_output(install_paths().libexec + "/berth-trust", {"key", "list", "--global", "--json"}, kKeyringTime));
    const auto list = nlohmann::json::parse(text, nullptr, false);
    Keys keys;
    if (!list.is_array()) return Error{Category::internal, 0, "berth-trust key list printed no list"};
    for (const auto& key : list) {
        std::string& state = keys[key.value("fingerprint", "")];
        for (const char* each : {"revoked", "expired", "disabled"})
            if (state.empty() && key.value(each, false)) state = each;
    }
    return keys;
}

bool is_missing(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/// Why others than root decide what lies at this path, or nobody does.
std::optional<std::string> not_roots(const std::string& folder) {
    std::string path = "/";
    for (const auto& name : split(folder, '/')) {
        if (!name.empty()) path += (path == "/" ? "" : "/") + name;
        struct stat st {};
        if (::stat(path.c_str(), &st) != 0) return printable(path) + ": " + std::strerror(errno);
        if (st.st_uid != 0) return fmt::format("{} belongs to uid {}", printable(path), st.st_uid);
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than root can write to " + printable(path);
    }
    return std::nullopt;
}

bool is_number(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The message, which names its place already.
std::string without(const Origin& origin, const std::string& message) {
    const std::string prefix = origin.to_string() + ": ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}

class Examiner {
public:
    Examiner(const config::Ecl& ecl, const std::string& berth_conf) : ecl_(ecl), berth_conf_(berth_conf) {}

    Meaning examine(config::SiteConfig conf) {
        conf_ = std::move(conf);
        meaning_ = {};
        look_at_kinds();
        look_at_limits();
        look_at_cache();
        look_at_profile();
        look_at_audit_log();
        look_at_account();
        look_at_cdi();
        look_at_gpu_list(config::GpuStack::nvidia, "--nv");
        look_at_gpu_list(config::GpuStack::rocm, "--rocm");
        look_at_keyring();
        for (const EclGroup& group : ecl_.groups)
            if (!group.folder.empty() && is_missing(group.folder))
                add(ecl_.activated.value, group.origin, "dirpath " + printable(group.folder) + " does not exist on this node");
        return meaning_;
    }

private:
    void add(bool is_problem, const Origin& origin, std::string message) {
        const Origin where = origin.file.empty() ? Origin{berth_conf_} : origin;
        (is_problem ? meaning_.problems : meaning_.notes).push_back({where, std::move(message)});
    }

    /// The setting because of which only signed images run; nothing where others do, too.
    [[nodiscard]] std::optional<std::string> signatures_needed() const {
        if (conf_.require_signature.value) return conf_.require_signature.origin.to_string() + ": require signature = yes";
        if (ecl_.activated.value) return ecl_.activated.origin.to_string() + ": activated = true";
        return std::nullopt;
    }

    void look_at_kinds() {
        const auto needed = signatures_needed();
        if (needed && !conf_.allow_container_sif.value)
            add(true, conf_.allow_container_sif.origin,
                "allow container sif = no, and only SIF images carry the signatures that " + *needed + " asks for: no image runs; write yes");
    }

    void look_at_limits() {
        for (const auto& folder : conf_.limit_container_paths.value)
            if (is_missing(folder.value))
                add(true, folder.origin, "limit container paths has " + printable(folder.value) + ", which does not exist on this node");
        for (const auto& owner : conf_.limit_container_owners.value)
            if (!is_number(owner.value) && ::getpwnam(owner.value.c_str()) == nullptr)
                add(true, owner.origin, "limit container owners has " + printable(owner.value) + ", and this node knows no such user");
        for (const auto& group : conf_.limit_container_groups.value)
            if (!is_number(group.value) && ::getgrnam(group.value.c_str()) == nullptr)
                add(true, group.origin, "limit container groups has " + printable(group.value) + ", and this node knows no such group");
    }

    void look_at_cache() {
        const std::string& folder = conf_.image_cache.value;
        if (folder.empty()) return;
        const bool there = !is_missing(folder);
        if (const auto reason = not_roots(there ? folder : folder.substr(0, folder.rfind('/'))))
            add(true, conf_.image_cache.origin,
                "image cache = " + printable(folder) + ": it and the folders above must be root's alone, but " + *reason);
    }

    void look_at_profile() {
        const auto& setting = conf_.seccomp_profile;
        if (setting.value.empty()) return;
        const auto profile = config::load_seccomp_profile(setting);
        if (!profile) return add(true, setting.origin, without(setting.origin, profile.error().message));
        const auto target = current_seccomp_target(0);
        const auto filter = target ? compile_seccomp(*profile, *target) : Result<SeccompFilter>(target.error());
        if (!filter) add(true, setting.origin, filter.error().message);
    }

    void look_at_audit_log() {
        const auto& log = conf_.audit_log;
        if (log.value.empty()) return;
        const auto reason = not_roots(log.value.substr(0, std::max<std::size_t>(1, log.value.rfind('/'))));
        if (reason) add(true, log.origin, "audit log = " + printable(log.value) + ": its folder must be root's alone, but " + *reason);
    }

    void look_at_account() {
        const auto account = image_server_account(conf_);
        if (account) return;
        add(true, conf_.image_server_user.origin, without(conf_.image_server_user.origin, account.error().message));
    }

    /// A specification that cannot be read stops its devices only.
    void look_at_cdi() {
        for (const auto& hook : conf_.allow_cdi_hook.value)
            if (const auto program = config::open_trusted(hook.value); !program) add(true, hook.origin, "allow cdi hook: " + program.error().message);
        std::vector<std::string> folders;
        for (const auto& folder : conf_.cdi_spec_dirs.value) folders.push_back(folder.value);
        for (const auto& broken : config::load_cdi_specs(folders).broken) add(false, conf_.cdi_spec_dirs.origin, "cdi spec dirs: " + broken.error.message);
    }

    void look_at_gpu_list(config::GpuStack stack, const char* option) {
        if (stack == config::GpuStack::nvidia && conf_.use_nvidia_container_cli.value) return;
        const std::string path = config::gpu_list_path(berth_conf_, stack);
        if (is_missing(path)) return;
        const auto file = config::open_trusted(path);
        const auto list = file ? config::read_gpu_list(file->get(), path) : Result<config::GpuList>(file.error());
        if (!list) add(true, {}, fmt::format("no step with {} starts: {}", option, list.error().message));
    }

    void look_at_keyring() {
        const auto needed = signatures_needed();
        if (!keys_ && (needed || !ecl_.groups.empty())) keys_ = site_keys();
        const Result<Keys>& keys = keys_ ? *keys_ : kNoKeys;
        const Origin& origin = conf_.require_signature.value ? conf_.require_signature.origin : ecl_.activated.origin;
        if (!keys) return add(needed.has_value(), origin, "the site's keyring cannot be looked into: " + keys.error().message);
        if (needed && keys->empty())
            return add(true, origin, "signatures are required, and " + config::site_keyring_path() +
                                         " is empty or not there: no image runs; berth key import --global FILE, as root");
        for (const EclGroup& group : ecl_.groups)
            for (const std::string& key : group.keys) look_at_key(group, key, *keys);
    }

    /// The signatures of a key that the site does not have, or that counts no more, are refused: which is what a
    /// blacklist wants.
    void look_at_key(const EclGroup& group, const std::string& fingerprint, const Keys& keys) {
        const bool is_wanted = ecl_.activated.value && group.mode != EclMode::blacklist;
        const std::string name = "keyfp " + fingerprint + (group.tag.empty() ? "" : " of group " + printable(group.tag));
        const auto found = keys.find(fingerprint);
        if (found == keys.end())
            add(is_wanted, group.origin, name + " is not in the site's keyring: images that it signed are refused; berth key import --global FILE, as root");
        else if (!found->second.empty())
            add(is_wanted, group.origin, name + " is " + found->second + ": images that it signed are refused");
    }

    inline static const Result<Keys> kNoKeys{Keys{}};

    config::SiteConfig conf_;
    const config::Ecl& ecl_;
    const std::string& berth_conf_;
    std::optional<Result<Keys>> keys_;  ///< looked into once
    Meaning meaning_;
};

/// A job that this section alone is about.
config::JobFacts facts_of(const config::Section& section) {
    config::JobFacts facts{true, "", "", {}};
    switch (section.kind) {
        case config::SectionKind::partition: facts.partition = section.name; break;
        case config::SectionKind::account: facts.account = section.name; break;
        case config::SectionKind::group: facts.groups = {section.name}; break;
    }
    return facts;
}

/// What a section brings that the rest of the file does not say already.
void add_new(const std::vector<Problem>& everywhere, const std::vector<Problem>& in_section, const std::string& section,
             std::vector<Problem>& all) {
    for (const Problem& problem : in_section)
        if (std::ranges::find(everywhere, problem) == everywhere.end()) all.push_back({problem.where, section + ": " + problem.message});
}

}  // namespace

Meaning examine_meaning(const config::SiteFile& file, const config::Ecl& ecl, const std::string& berth_conf) {
    Examiner examiner(ecl, berth_conf);
    Meaning meaning = examiner.examine(config::for_job(file, {}));
    const Meaning everywhere = meaning;
    for (const config::Section& section : file.sections) {
        const Meaning more = examiner.examine(config::for_job({file.lines, {section}}, facts_of(section)));
        add_new(everywhere.problems, more.problems, section.head(), meaning.problems);
        add_new(everywhere.notes, more.notes, section.head(), meaning.notes);
    }
    return meaning;
}

}  // namespace berth::tools
