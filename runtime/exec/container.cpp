#include "runtime/exec/container.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/audit_log.hpp"
#include "runtime/exec/mounts.hpp"
#include "runtime/exec/security_label.hpp"
#include "runtime/exec/site_names.hpp"
#include "runtime/exec/slurm_limits.hpp"
#include "runtime/exec/verified_image.hpp"
#include "runtime/policy/ecl_decision.hpp"
#include "sif/names.hpp"

namespace berth {
namespace {

/// Of a user's groups so many have names in the container, and count for what the site gives to groups by name.
constexpr std::size_t kMaxNamedGroups = 2048;

}  // namespace

Result<std::pair<uid_t, gid_t>> image_server_account(const config::SiteConfig& site) {
    const std::string& name = site.image_server_user.value;
    const std::string where = site.image_server_user.origin.to_string() + ": image server user = " + name;
    std::optional<std::pair<uid_t, gid_t>> account;
    if (const passwd* found = ::getpwnam(name.c_str()))
        account = {found->pw_uid, found->pw_gid};
    else if (const auto uid = numeric_id(name))
        account = {*uid, *uid};
    if (!account)
        return Error{Category::config, ENOENT,
                     where + ": there is no such user on this node: create it (useradd --system --no-create-home --shell "
                             "/usr/sbin/nologin " + name + ")"};
    if (account->first == 0 || account->second == 0)
        return Error{Category::config, 0, where + ": the image server must not run as root"};
    return *account;
}

namespace {

std::string passwd_field(std::string text) {
    std::replace_if(text.begin(), text.end(), [](char c) { return c == ':' || c == '\n'; }, ' ');
    return text;
}

CallerEntries caller_entries(const Decision& decision, const JobContext& job) {
    CallerEntries entries;
    entries.uid = job.uid;
    entries.user = passwd_field(job.user);
    const std::string home = decision.home.kind == DecidedHome::Kind::none ? job.home : decision.home.destination;
    if (!entries.user.empty())
        entries.passwd_line = entries.user + ":x:" + std::to_string(job.uid) + ":" + std::to_string(job.gid) + ":" +
                              passwd_field(job.gecos) + ":" + passwd_field(home) + ":" + passwd_field(job.shell);
    for (const auto& [gid, name] : job.group_names) entries.groups.emplace_back(gid, passwd_field(name));
    return entries;
}

}  // namespace

JobContext job_context(const Identity& identity) {
    JobContext job;
    job.uid = identity.uid;
    job.gid = identity.gid;
    job.groups = identity.groups;
    job.architecture = sif::host_architecture();
    job.security_modules = active_security_modules();
    job.available_capabilities = permitted_capabilities();
    if (const passwd* account = ::getpwuid(identity.uid)) {
        job.user = account->pw_name;
        job.home = account->pw_dir;
        job.gecos = account->pw_gecos;
        job.shell = account->pw_shell;
    }
    std::vector<gid_t> gids = identity.groups;
    gids.push_back(identity.gid);
    std::sort(gids.begin(), gids.end());
    gids.erase(std::unique(gids.begin(), gids.end()), gids.end());
    // A name service may look through all of its groups for each.
    if (gids.size() > kMaxNamedGroups) gids.resize(kMaxNamedGroups);
    for (const gid_t gid : gids)
        if (const ::group* found = ::getgrgid(gid)) job.group_names.emplace_back(gid, found->gr_name);
    return job;
}

Result<config::SitePolicy> site_policy(const std::string& berth_conf, const JobContext& job) {
    BERTH_TRY(const config::SiteFile file, config::load_file(berth_conf));
    config::JobFacts facts{job.launch == Launch::slurm, job.partition, job.account, {}};
    // With newgrp a job leaves the group of its user's account behind; a section about it holds nevertheless.
    const passwd* const account = ::getpwuid(job.uid);
    const gid_t own_group = account != nullptr ? account->pw_gid : job.gid;
    for (const config::Section& section : file.sections) {
        if (section.kind != config::SectionKind::group) continue;
        std::optional<gid_t> gid = numeric_id(section.name);
        if (const ::group* found = ::getgrnam(section.name.c_str())) gid = found->gr_gid;
        if (!gid)
            return Error{Category::config, ENOENT,
                         section.origin.to_string() + ": " + section.head() + ": this node knows no such group: mend the name, or the node's name service"};
        if (*gid == job.gid || *gid == own_group || std::find(job.groups.begin(), job.groups.end(), *gid) != job.groups.end()) facts.groups.push_back(section.name);
    }
    return config::load_policy(berth_conf, file, facts);
}

bool has_host_privilege() { return ::geteuid() == 0 && may_administer_system(); }

namespace {

/// For --explain: a profile may know calls that this node does not. The names may be the agent's word.
void tell_skipped(Decision& decision, const SeccompFilter& filter, const std::string& profile) {
    constexpr std::size_t kMostNames = 32;
    if (filter.skipped.empty()) return;
    std::string names;
    for (std::size_t i = 0; i < filter.skipped.size() && i < kMostNames; ++i) names += (i == 0 ? "" : ", ") + printable(filter.skipped[i], 64);
    if (filter.skipped.size() > kMostNames) names += " and " + std::to_string(filter.skipped.size() - kMostNames) + " more";
    decision.rulings.push_back({"seccomp", "by the default action, unknown to this node's libseccomp: " + names, profile});
}

/// The site's profile is root's and was read with the policy; the user's is read and compiled as the user.
Result<std::vector<SeccompFilter>> compile_filters(Decision& decision, const config::SitePolicy& policy, UserSide& side) {
    std::vector<SeccompFilter> filters;
    if (decision.site_profile.empty() && decision.user_profile.empty()) return filters;
    BERTH_TRY(const SeccompTarget target, current_seccomp_target(decision.capabilities));
    if (!decision.site_profile.empty()) {
        if (!policy.seccomp) return Error{Category::internal, 0, "the site's seccomp profile was not read"};
        BERTH_TRY(auto filter, compile_seccomp(*policy.seccomp, target));
        tell_skipped(decision, filter, decision.site_profile);
        filters.push_back(std::move(filter));
    }
    if (!decision.user_profile.empty()) {
        BERTH_TRY(auto filter, side.compile_profile(decision.user_profile, target));
        tell_skipped(decision, filter, decision.user_profile);
        filters.push_back(std::move(filter));
    }
    return filters;
}

/// Who asks for limits, and of which control groups; the user's file is read as the user.
Result<LimitInputs> limit_inputs(const Request& request, const config::SitePolicy& policy, const JobContext& job, UserSide& side) {
    LimitInputs inputs{request.limits, policy.cgroups, {}};
    if (!wants_limits(request, policy)) return inputs;
    if (request.limits_file) {
        BERTH_TRY(auto file, side.read_limits(*request.limits_file));
        inputs.user = merged(std::move(file), request.limits);
    }
    if (job.launch != Launch::slurm) {
        inputs.facts = own_cgroup_facts();
        return inputs;
    }
    const CgroupVersion version = cgroup_version_of(job.daemon).value_or(CgroupVersion::v2);
    auto settings = cgroup_settings(inputs.site, version);
    const auto users = cgroup_settings(inputs.user, version);
    settings.insert(settings.end(), users.begin(), users.end());
    BERTH_TRY(inputs.facts, slurm_cgroup_facts(job.daemon, settings));
    return inputs;
}

/// What the site allows to run must be root's alone, up to the file.
Status check_hooks(const Decision& decision) {
    for (const config::CdiHook& hook : decision.cdi.hooks)
        if (auto program = config::open_trusted(hook.path); !program) return std::move(program).error().within("hook of a CDI device");
    return {};
}

/// Decides and plans. `considered` has what was found out before a failure.
Status consider(const Request& request, const config::SitePolicy& policy, const JobContext& job, UserSide& side, Considered& considered) {
    BERTH_TRY(considered.image, side.open_image(request.image));
    BERTH_CHECK(describe_image_file(considered.image.fd.get(), considered.image.info));
    BERTH_TRY(const SiteNames names, site_names(request, policy, side));
    if (wants_signature(request, policy) && !refuses_whoever_signed(policy.ecl, names, considered.image.info))
        BERTH_CHECK(verify_image(considered.image, policy, job));
    BERTH_TRY(const auto limits, limit_inputs(request, policy, job, side));
    considered.decision = decide(request, policy, names, job, considered.image.info, limits);
    if (!considered.decision.refusal) { BERTH_TRY(considered.filters, compile_filters(considered.decision, policy, side)); }
    BERTH_CHECK(check_hooks(considered.decision));
    HostFacts host;
    if (considered.decision.devices == Devices::host) { BERTH_TRY(host.devices, side.usable_devices()); }
    considered.plan = make_plan(considered.decision, considered.image.info, job, host);
    return {};
}

}  // namespace

Result<Considered> consider(const Request& request, const config::SitePolicy& policy, const JobContext& job, UserSide& side) {
    Considered considered;
    const Status done = consider(request, policy, job, side, considered);
    if (request.explain == Explain::off) {
        AuditEvent event = audit_event(request.image);
        if (considered.image.fd) event.image = considered.image.info;
        if (done) event.decision = considered.decision;
        else event.failure = done.error();
        if (auto written = write_audit(policy.conf, audit_line(event, job)); !written && done) return std::move(written).error();
    }
    if (!done) return done.error();
    return considered;
}

Result<Prepared> prepare(const Considered& considered, const config::SiteConfig& site, const JobContext& job, UserSide& side,
                         const LauncherParts& launcher) {
    const Identity identity{job.uid, job.gid, job.groups};
    HookCaller hook_caller{job.privileged ? std::optional(identity) : std::nullopt, launcher.devices, job.launch == Launch::slurm ? job.daemon : 0,
                           job.launch == Launch::slurm ? fmt::format("{}.{}", job.job, job.step) : std::to_string(::getpid())};
    RunnerInputs inputs{side, job.privileged, considered.image.fd.get(), considered.image.info,
                        caller_entries(considered.decision, job), std::nullopt, std::move(hook_caller), launcher.cgroup, launcher.prepared_namespace,
                        considered.decision.device_glibc.has_value()};
    if (considered.decision.driver == Driver::fuse) { BERTH_TRY(inputs.server, image_server_account(site)); }
    if (job.privileged && job.uid != 0) BERTH_CHECK(look_beneath_as(identity));
    // Modes of what is made must not depend on the caller's umask, which the command gets back.
    const mode_t callers = ::umask(0022);
    RealRunner runner(std::move(inputs));
    const auto status = run_phase(runner, considered.plan, Phase::prepare);
    ::umask(callers);
    if (!status) return status.error();
    Prepared prepared{runner.scripts(), std::nullopt, {}};
    if (considered.decision.device_glibc)
        if (auto warning = glibc_warning(*considered.decision.device_glibc, runner.glibc())) prepared.warnings.push_back(std::move(*warning));
    prepared.server = runner.take_server();
    return prepared;
}

ContainerFacts container_facts(const Considered& considered, const JobContext& job) {
    const DecidedHome& home = considered.decision.home;
    return {home.kind == DecidedHome::Kind::none ? job.home : home.destination, considered.image.info.path,
            !considered.decision.device_libraries.empty(), considered.decision.cdi.variables, considered.decision.cdi.library_folders};
}

}  // namespace berth
