#include "runtime/plan/plan.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace berth {
namespace {

constexpr std::uint32_t kHookSeconds = 10;  // where a specification gives it no time

/// Builds one plan; sources are numbered as they are met.
class Planner {
public:
    Planner(const Decision& decision, const ImageInfo& image, const JobContext& job, const HostFacts& host)
        : decision_(decision), image_(image), job_(job), host_(host) {}

    Plan make() {
        plan_system_mounts();
        plan_user_mounts();
        assemble();
        return std::move(plan_);
    }

private:
    std::size_t source(std::string path, bool required = true) {
        plan_.sources.push_back({std::move(path), required});
        return plan_.sources.size() - 1;
    }

    void mount(Effect effect, const std::string& destination, bool optional = false) {
        layer_.points.push_back({destination, optional});
        mounts_.push_back(std::move(effect));
    }

    void bind(const std::string& path, const std::string& destination, bool read_only, bool required) {
        mount(effect::Bind{source(path, required), destination, read_only, false}, destination, !required);
    }

    /// What CDI devices bring beside the host's, and what it has by another name in the place of that.
    void add_cdi_nodes(effect::MakeDevices& devices) {
        for (const CdiNode& node : decision_.cdi.nodes) {
            const std::string own = "/dev/" + node.name;
            const auto same = std::ranges::find_if(devices.nodes, [&](const auto& each) { return node.name == each.name || node.name.starts_with(each.name + "/"); });
            if (same == devices.nodes.end()) devices.nodes.push_back({node.name, source(node.source)});
            else if (node.source != own && same->name == node.name) same->source = source(node.source);
        }
    }

    void mount_memory(const std::string& destination, unsigned mode, uid_t uid, gid_t gid) {
        mount(effect::MountTmpfs{destination, mode, uid, gid, decision_.memory_fs_mib, decision_.memory_fs}, destination);
    }

    void plan_system_mounts() {
        if (decision_.proc) bind("/proc", "/proc", false, true);
        if (decision_.sys) bind("/sys", "/sys", false, true);
        if (decision_.devices != Devices::image) plan_devices();
        for (const char* path : {"/tmp", "/var/tmp"}) {
            if (decision_.tmp == Tmp::host) bind(path, path, false, false);
            if (decision_.tmp == Tmp::fresh) mount_memory(path, 01777, 0, 0);
        }
        if (decision_.resolv_conf) bind("/etc/resolv.conf", "/etc/resolv.conf", true, false);
        for (const auto& path : decision_.host_mounts) bind(path, path, false, false);
    }

    void plan_devices() {
        effect::MakeDevices devices;
        const auto add = [&](const std::string& name) {
            devices.nodes.push_back({name, source("/dev/" + name, false)});
        };
        for (const char* name : {"null", "zero", "random", "urandom", "tty"}) add(name);
        if (host_.dev_shm) add("shm");
        devices.links = {{"fd", "/proc/self/fd"}, {"stdin", "fd/0"}, {"stdout", "fd/1"}, {"stderr", "fd/2"}};
        if (decision_.devices == Devices::host) {
            add("full");
            if (host_.dev_pts) {
                add("pts");
                devices.links.push_back({"ptmx", "pts/ptmx"});
            }
            for (const auto& name : host_.devices) add(name);
        } else {
            if (decision_.devpts) {
                devices.terminals = true;
                devices.links.push_back({"ptmx", "pts/ptmx"});
            }
            for (const auto& name : decision_.device_nodes) add(name);
        }
        add_cdi_nodes(devices);
        mount(std::move(devices), "/dev");
    }

    void plan_user_mounts() {
        plan_libraries();
        for (const CdiBind& each : decision_.cdi.binds)
            mount(effect::Bind{source(each.source), each.destination, each.read_only, false, each.no_exec}, each.destination);
        for (const auto& file : decision_.device_files) bind(file.source, file.destination, true, false);
        const DecidedHome& home = decision_.home;
        if (home.kind == DecidedHome::Kind::host) bind(home.source, home.destination, false, true);
        if (home.kind == DecidedHome::Kind::fresh) mount_memory(home.destination, 0700, job_.uid, job_.gid);
        for (const auto& wanted : decision_.binds) bind(wanted.source, wanted.destination, wanted.read_only, wanted.required);
        // slurmstepd changes to the job's working directory after it has entered, and fails where it is missing.
        if (job_.launch == Launch::slurm && !job_.working_directory.empty())
            mount(effect::MakeFolder{job_.working_directory}, job_.working_directory, true);
    }

    void plan_libraries() {
        if (decision_.device_libraries.empty()) return;
        effect::MakeLibraries libraries;
        for (const DecidedLibrary& each : decision_.device_libraries) libraries.files.push_back({source(each.source, false), each.names});
        mount(std::move(libraries), kContainerLibraries, true);
    }

    std::optional<HashTreeInfo> tree() const { return image_.signature ? image_.signature->tree : std::nullopt; }

    void assemble() {
        layer_.passwd = decision_.passwd;
        layer_.group = decision_.group;
        const effect::NewNamespaces namespaces{!job_.privileged, job_.uid, job_.gid, decision_.mount_slave};
        const effect::MountImage mount_image{decision_.driver, image_.offset, image_.bytes,
                                               decision_.driver == Driver::kernel_squashfs ? decision_.loop_devices : 0};
        // Mounts can only be copied out of the namespace that one is in: root copies the host's before it leaves,
        // a user may copy only what a namespace of his own holds.
        if (decision_.driver == Driver::fuse || decision_.driver == Driver::fuse_as_user)
            add(Phase::prepare, effect::StartImageServer{image_.offset, image_.bytes, tree()});
        if (!job_.privileged) add(Phase::prepare, namespaces);
        add(Phase::prepare, mount_image);
        add(Phase::prepare, effect::OpenSources{});
        if (job_.privileged) add(Phase::prepare, namespaces);
        add(Phase::prepare, std::move(layer_));
        // Rules about devices are the command's: by now /dev/fuse and the loop device are open. The image server runs, and
        // is limited with it.
        const bool in_slurms = job_.launch == Launch::slurm;
        if (!decision_.limits.empty()) add(in_slurms ? Phase::limit : Phase::prepare, effect::LimitResources{decision_.limits});
        for (auto& effect : mounts_) add(Phase::prepare, std::move(effect));
        for (const config::CdiHook& hook : decision_.cdi.hooks)
            add(Phase::prepare, effect::RunHook{hook, std::min(std::chrono::seconds(hook.timeout_seconds.value_or(kHookSeconds)), effect::kHooksTime)});
        add(Phase::prepare, effect::PivotRoot{});
        auto task = task_steps(task_spec(decision_), job_.launch == Launch::slurm);
        plan_.steps.insert(plan_.steps.end(), task.begin(), task.end());
    }

    void add(Phase phase, Effect effect) { plan_.steps.push_back({phase, std::move(effect)}); }

    const Decision& decision_;
    const ImageInfo& image_;
    const JobContext& job_;
    const HostFacts& host_;
    Plan plan_;
    effect::LayerMountPoints layer_;
    std::vector<Effect> mounts_;
};

}  // namespace

const char* to_string(Phase phase) noexcept {
    switch (phase) {
        case Phase::prepare: return "prepare";
        case Phase::limit: return "limit";
        case Phase::enter: return "enter";
        case Phase::user: return "user";
    }
    return "?";
}

TaskSpec task_spec(const Decision& decision) {
    const std::string fallback = decision.home.kind == DecidedHome::Kind::none ? "/" : decision.home.destination;
    TaskSpec task;
    task.start = {decision.working_directory, decision.working_directory_required, fallback};
    task.capabilities = decision.capabilities;
    task.no_new_privileges = decision.no_new_privileges;
    task.identity = {decision.uid, decision.gids};
    if (decision.label) task.label = effect::SetLabel{decision.label->module, decision.label->text};
    if (!decision.site_profile.empty()) task.profiles.push_back(decision.site_profile);
    if (!decision.user_profile.empty()) task.profiles.push_back(decision.user_profile);
    return task;
}

std::vector<Step> task_steps(const TaskSpec& task, bool enters) {
    std::vector<Step> steps;
    if (task.label) steps.push_back({Phase::enter, effect::OpenLabel{task.label->module}});
    if (enters) steps.push_back({Phase::enter, effect::EnterNamespaces{}});
    // Before the change of user, with which the right to do it goes.
    steps.push_back({Phase::enter, effect::DropBoundingSet{task.capabilities}});
    if (task.identity != effect::BecomeIdentity{}) steps.push_back({Phase::user, task.identity});
    steps.push_back({Phase::user, task.start});
    if (task.label) steps.push_back({Phase::user, *task.label});
    steps.push_back({Phase::user, effect::DropCapabilities{task.capabilities}});
    if (task.no_new_privileges) steps.push_back({Phase::user, effect::NoNewPrivileges{}});
    steps.push_back({Phase::user, effect::CloseDescriptors{}});
    // Last: from here on the profile says what the process may do.
    if (!task.profiles.empty()) steps.push_back({Phase::user, effect::InstallFilters{task.profiles}});
    return steps;
}

Plan make_plan(const Decision& decision, const ImageInfo& image, const JobContext& job, const HostFacts& host) {
    return Planner(decision, image, job, host).make();
}

}  // namespace berth
