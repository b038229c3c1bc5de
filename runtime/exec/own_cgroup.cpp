#include "runtime/exec/own_cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/cgroup_settings.hpp"
#include "runtime/exec/cgroups.hpp"
#include "runtime/exec/device_limits.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kScopeTime{10};
constexpr useconds_t kPause = 2000;
constexpr int kTries = 1000;
constexpr const char* kPrefix = "berth-";
constexpr const char* kKeeper = "keeper-";
constexpr const char* kRootsFolder = "/berth";
constexpr const char* kNoWay =
    "there is no control group that is yours to limit: use Slurm (srun --container-…), root, or a session whose systemd runs for "
    "you (systemctl --user status; loginctl enable-linger)";

std::string scope_program() { return install_paths().libexec + "/berth-scope"; }

bool may_write(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

/// A v2 folder in which its user may make others and give them controllers.
bool is_delegated(const std::string& folder) {
    return may_write(folder) && may_write(folder + "/cgroup.procs") && may_write(folder + "/cgroup.subtree_control");
}

/// The cgroup of the caller's own systemd; "" where it does not run.
std::string folder_of_users_systemd(const std::string& mount) {
    const std::string uid = std::to_string(::geteuid());
    std::string folder = fmt::format("{0}/user.slice/user-{1}.slice/user@{1}.service", mount, uid);
    return ::access(("/run/user/" + uid + "/bus").c_str(), W_OK) == 0 && ::access(folder.c_str(), F_OK) == 0 ? folder : std::string();
}

CgroupFacts v1_facts(const std::vector<CgroupPlace>& places) {
    CgroupFacts facts;
    facts.version = CgroupVersion::v1;
    for (const CgroupPlace& place : places)
        if (!place.unified && may_write(place.folder))
            facts.controllers.insert(facts.controllers.end(), place.controllers.begin(), place.controllers.end());
    if (facts.controllers.empty())
        facts.problem = "on cgroup v1 only root, and Slurm, can limit a container: use srun --container-…, or sudo";
    return facts;
}

CgroupFacts v2_facts(const CgroupPlace& place) {
    CgroupFacts facts;
    facts.version = CgroupVersion::v2;
    if (::geteuid() == 0) {
        facts.controllers = read_cgroup_words(place.mount, "cgroup.controllers");
        facts.controllers.emplace_back("devices");  // no controller: a program that is attached
    } else if (is_delegated(place.folder)) {
        facts.controllers = read_cgroup_words(place.folder, "cgroup.controllers");
    } else if (const std::string folder = folder_of_users_systemd(place.mount); !folder.empty()) {
        facts.controllers = read_cgroup_words(folder, "cgroup.controllers");
    }
    if (facts.controllers.empty()) facts.problem = kNoWay;
    return facts;
}

const CgroupPlace* unified_of(const std::vector<CgroupPlace>& places) {
    const auto found = std::ranges::find_if(places, [](const CgroupPlace& place) { return place.unified; });
    return found == places.end() ? nullptr : &*found;
}

/// Whether there is such a process, and not only what its parent has not asked for yet.
bool runs(const std::string& pid) {
    const auto stat = read_cgroup_file("/proc/" + pid, "stat");
    const auto name_ends = stat ? stat->rfind(')') : std::string::npos;
    return name_ends != std::string::npos && stat->size() > name_ends + 2 && (*stat)[name_ends + 2] != 'Z';
}

/// Folders of ours that were left behind because their keeper was killed, or processes were in them: their names end in the
/// pid of a process that is gone. rmdir(2) refuses those that somebody is in.
void sweep(const std::string& above) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(above.c_str()), ::closedir);
    if (!folder) return;
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string name = entry->d_name;
        if (!name.starts_with(kPrefix) || runs(name.substr(name.rfind('-') + 1))) continue;
        ::unlinkat(::dirfd(folder.get()), name.c_str(), AT_REMOVEDIR);
    }
}

bool has_image_server(const std::string& folder) {
    const auto inside = read_cgroup_file(folder, "cgroup.procs");
    return inside && std::ranges::any_of(split(*inside, '\n'), [](const std::string& pid) {
        const auto name = pid.empty() ? Result<std::string>(std::string()) : read_cgroup_file("/proc/" + pid, "comm");
        return !name || *name == "berth-fuse";  // one that is gone by now may have been it
    });
}

/// A folder whose children have controllers takes no process itself.
void disable_controllers(const std::string& folder) {
    for (const auto& controller : read_cgroup_words(folder, "cgroup.subtree_control"))
        static_cast<void>(write_cgroup_file(folder, "cgroup.subtree_control", "-" + controller));
}

/// Where limits go, while they are made. Without done() everything is removed again.
class Maker {
public:
    Maker(const std::vector<DecidedLimit>& limits, pid_t keeper, std::vector<pid_t> others)
        : limits_(limits), keeper_(keeper), members_(std::move(others)), name_(kPrefix + std::to_string(::getpid())) {
        members_.push_back(::getpid());
    }
    Maker(const Maker&) = delete;
    Maker& operator=(const Maker&) = delete;
    ~Maker() {
        if (!done_) remove_own_cgroup(made_);
    }

    Result<OwnCgroup> make() {
        BERTH_TRY(auto places, cgroup_places(::getpid()));
        const bool v1 = std::ranges::any_of(places, [](const CgroupPlace& place) { return !place.unified; });
        if (v1) BERTH_CHECK(make_v1(places));
        else BERTH_CHECK(make_v2(places));
        done_ = true;
        return std::move(made_);
    }

private:
    Status make_folder(const std::string& folder) {
        sweep(folder.substr(0, folder.rfind('/')));
        if (::mkdir(folder.c_str(), 0755) != 0) return errno_error("cannot make the control group " + folder);
        made_.folders.insert(made_.folders.begin(), folder);
        return {};
    }

    Status apply(const std::string& folder, const std::vector<std::string>& controllers, bool unified) {
        for (const DecidedLimit& limit : limits_) {
            const CgroupSetting& setting = limit.setting;
            if (!unified && std::ranges::count(controllers, setting.controller) == 0) continue;
            if (setting.controller == "memory") made_.memory = folder;
            const auto write = [&]() -> Status {
                if (is_device_rules(limit) || setting.file.empty()) return {};
                BERTH_TRY(const bool there, has_file(folder, setting));
                return there ? write_setting(folder, setting, setting.text) : Status();
            };
            if (auto written = write(); !written) return std::move(written).error().within(setting.from);
        }
        if (std::ranges::none_of(limits_, is_device_rules)) return {};
        if (unified) return attach_device_rules(limits_, folder);
        const bool here = std::ranges::count(controllers, kDevices) > 0;
        return here ? write_device_rules(limits_, folder, DeviceList::own) : Status();
    }

    Status make_v1(const std::vector<CgroupPlace>& places) {
        for (const CgroupPlace& place : places) {
            const auto wanted = [&](const DecidedLimit& limit) { return std::ranges::count(place.controllers, limit.setting.controller) > 0; };
            if (place.unified || std::ranges::none_of(limits_, wanted)) continue;
            const std::string folder = place.folder + "/" + name_;
            BERTH_CHECK(make_folder(folder));
            // A new cpuset is empty, and takes no process.
            for (const char* file : {"cpuset.cpus", "cpuset.mems"})
                if (const auto above = read_cgroup_file(place.folder, file)) BERTH_CHECK(write_cgroup_file(folder, file, *above));
            BERTH_CHECK(apply(folder, place.controllers, false));
            BERTH_CHECK(join(folder));
        }
        return {};
    }

    Status enable(const std::string& folder) {
        for (const DecidedLimit& limit : limits_) {
            if (is_device_rules(limit)) continue;
            if (auto status = write_cgroup_file(folder, "cgroup.subtree_control", "+" + limit.setting.controller); !status)
                return std::move(status).error().within(limit.setting.from);
        }
        return {};
    }

    Status make_v2(std::vector<CgroupPlace> places) {
        const CgroupPlace* place = unified_of(places);
        if (place == nullptr) return Error{Category::unsupported, 0, "this machine has no control groups"};
        if (::geteuid() == 0) {
            const std::string above = place->mount + kRootsFolder;
            if (::mkdir(above.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("cannot make the control group " + above);
            BERTH_CHECK(enable(place->mount));
            BERTH_CHECK(enable(above));
            return make_beneath(above);
        }
        if (!is_delegated(place->folder)) {
            BERTH_CHECK(ask_systemd());
            BERTH_TRY(places, cgroup_places(::getpid()));
            place = unified_of(places);
            if (place == nullptr || !is_delegated(place->folder)) return Error{Category::unsupported, 0, kNoWay};
        }
        // Only a cgroup without processes of its own can have others with limits beneath it.
        const std::string keepers = place->folder + "/" + kPrefix + kKeeper + std::to_string(keeper_);
        BERTH_CHECK(make_folder(keepers));
        BERTH_CHECK(write_cgroup_file(keepers, "cgroup.procs", std::to_string(keeper_)));
        BERTH_CHECK(join(keepers));
        if (auto enabled = enable(place->folder); !enabled) {
            if (enabled.error().number != EBUSY) return enabled;
            return Error{Category::unsupported, EBUSY, place->folder + ": other processes are in this control group, too: " + kNoWay};
        }
        return make_beneath(place->folder);
    }

    Status make_beneath(const std::string& above) {
        const std::string folder = above + "/" + name_;
        BERTH_CHECK(make_folder(folder));
        BERTH_CHECK(apply(folder, {}, true));
        return join(folder);
    }

    Status join(const std::string& folder) const {
        for (const pid_t each : members_) BERTH_CHECK(write_cgroup_file(folder, "cgroup.procs", std::to_string(each)));
        return {};
    }

    /// A scope of the user's systemd, with all of this container's processes and its keeper in it: from elsewhere the caller
    /// may move none into it.
    Status ask_systemd() const {
        std::vector<std::string> arguments{name_ + ".scope", std::to_string(keeper_)};
        for (const pid_t each : members_) arguments.push_back(std::to_string(each));
        BERTH_TRY(Child helper, Child::spawn(scope_program(), arguments, {STDERR_FILENO}));
        BERTH_TRY(const int status, helper.wait(kScopeTime));
        if (status != 0) return Error{Category::unsupported, 0, std::string("your systemd made no scope: ") + kNoWay};
        return {};
    }

    const std::vector<DecidedLimit>& limits_;
    pid_t keeper_;
    std::vector<pid_t> members_;
    std::string name_;
    OwnCgroup made_;
    bool done_ = false;
};

}  // namespace

CgroupFacts own_cgroup_facts() {
    const auto places = cgroup_places(::getpid());
    if (!places || places->empty()) {
        CgroupFacts facts;
        facts.problem = "this machine has no control groups";
        return facts;
    }
    const bool v1 = std::ranges::any_of(*places, [](const CgroupPlace& place) { return !place.unified; });
    return v1 ? v1_facts(*places) : v2_facts(places->front());
}

Result<OwnCgroup> make_own_cgroup(const std::vector<DecidedLimit>& limits, pid_t keeper, const std::vector<pid_t>& others) {
    return Maker(limits, keeper, others).make();
}

void remove_own_cgroup(const OwnCgroup& cgroup) noexcept {
    const std::string self = std::to_string(::getpid());
    for (const std::string& folder : cgroup.folders) {
        const std::string above = folder.substr(0, folder.rfind('/'));
        const bool keepers = folder.find(std::string("/") + kPrefix + kKeeper) != std::string::npos;
        const auto inside = read_cgroup_file(folder, "cgroup.procs");
        // Who removes it, or failed to fill it; and who keeps it.
        for (const auto& pid : inside ? split(*inside, '\n') : std::vector<std::string>()) {
            if (pid != self && !keepers) continue;
            disable_controllers(above);
            static_cast<void>(write_cgroup_file(above, "cgroup.procs", pid));
        }
        // The image server ends with its mount, which ended with the command a moment ago.
        for (int tries = 0; ::rmdir(folder.c_str()) != 0 && errno == EBUSY && tries < kTries && has_image_server(folder); ++tries) ::usleep(kPause);
        sweep(above);
        if (above.ends_with(kRootsFolder)) ::rmdir(above.c_str());
    }
}

}  // namespace berth
