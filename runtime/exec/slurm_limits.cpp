#include "runtime/exec/slurm_limits.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/log.hpp"
#include "runtime/exec/cgroup_settings.hpp"
#include "runtime/exec/cgroups.hpp"
#include "runtime/exec/device_limits.hpp"

namespace berth {
namespace {

/// Another step that begins or ends at this moment may take a controller away again.
constexpr int kTries = 8;

std::string parent(const std::string& folder) { return folder.substr(0, folder.rfind('/')); }

void add_value(CgroupFacts& facts, const CgroupSetting& setting, const std::string& level, const std::string& folder) {
    if (const auto value = standing_value(folder, setting)) facts.values[setting.file].emplace_back(level, *value);
}

CgroupFacts v1_facts(const std::vector<CgroupPlace>& places, const std::vector<CgroupSetting>& settings) {
    CgroupFacts facts;
    facts.version = CgroupVersion::v1;
    for (const CgroupPlace& place : places) {
        const auto step = slurm_step_folder(place.folder);
        if (!step) continue;
        facts.controllers.insert(facts.controllers.end(), place.controllers.begin(), place.controllers.end());
        for (const CgroupSetting& setting : settings) {
            if (std::ranges::count(place.controllers, setting.controller) == 0) continue;
            add_value(facts, setting, "job", parent(*step));
            add_value(facts, setting, "step", *step);
        }
    }
    return facts;
}

CgroupFacts v2_facts(const std::string& step, const std::vector<CgroupSetting>& settings) {
    CgroupFacts facts;
    facts.version = CgroupVersion::v2;
    const std::string job = parent(step), tasks = step + "/user";
    facts.controllers = read_cgroup_words(tasks, "cgroup.controllers");
    facts.controllers.emplace_back("devices");  // no controller: a program that is attached
    for (const auto& each : read_cgroup_words(parent(job), "cgroup.controllers"))
        if (std::ranges::count(facts.controllers, each) == 0) facts.dormant.push_back(each);
    for (const CgroupSetting& setting : settings) {
        add_value(facts, setting, "job", job);
        add_value(facts, setting, "step", tasks);
    }
    return facts;
}

/// Where Slurm constrains devices (GRES), it holds a program on the tasks' folder that allows none beside it. On the step's there is
/// none, and ours holds for the tasks beside Slurm's; its other processes are slurmstepd's.
Status attach_to_step(const std::vector<DecidedLimit>& limits, const std::string& tasks) {
    auto status = attach_device_rules(limits, tasks);
    if (status || status.error().category != Category::unsupported) return status;
    return attach_device_rules(limits, parent(tasks));
}

}  // namespace

std::optional<CgroupVersion> cgroup_version_of(pid_t pid) {
    const auto places = cgroup_places(pid);
    if (!places || places->empty()) return std::nullopt;
    const bool v1 = std::ranges::any_of(*places, [](const CgroupPlace& place) { return !place.unified; });
    return v1 ? CgroupVersion::v1 : CgroupVersion::v2;
}

Result<CgroupFacts> slurm_cgroup_facts(pid_t daemon, const std::vector<CgroupSetting>& settings) {
    BERTH_TRY(const auto places, cgroup_places(daemon));
    CgroupFacts facts;
    if (cgroup_version_of(daemon) == CgroupVersion::v2) {
        const auto step = slurm_step_folder(places.front().folder);
        if (step) facts = v2_facts(*step, settings);
    } else {
        facts = v1_facts(places, settings);
    }
    facts.slurms = true;
    if (facts.controllers.empty())
        facts.problem = "Slurm uses no control groups for the steps of this node (ProctrackType and TaskPlugin in slurm.conf)";
    return facts;
}

Status SlurmLimits::enable_controllers(const std::string& task_folder) {
    std::vector<std::string> wanted;
    const auto there = read_cgroup_words(task_folder, "cgroup.controllers");
    for (const DecidedLimit& limit : limits_)
        if (!is_device_rules(limit) && std::ranges::count(there, limit.setting.controller) == 0 &&
            std::ranges::count(wanted, limit.setting.controller) == 0)
            wanted.push_back(limit.setting.controller);
    if (wanted.empty()) return {};
    // Every level above the task: the tasks' folder, the step's, the job's and the one that holds the jobs.
    std::array<std::string, 4> levels;
    levels[3] = parent(task_folder);
    for (std::size_t i = 3; i > 0; --i) levels[i - 1] = parent(levels[i]);
    for (const std::string& controller : wanted) {
        Status done;
        for (int tries = 0; tries < kTries; ++tries) {
            done = {};
            for (const std::string& level : levels) {
                done = write_cgroup_file(level, "cgroup.subtree_control", "+" + controller);
                if (!done) break;
                const std::pair<std::string, std::string> entry{level, controller};
                if (std::ranges::count(enabled_, entry) == 0) enabled_.push_back(entry);
            }
            if (done) break;
        }
        if (!done) return std::move(done).error().within("cannot enable the controller " + controller + " for the step");
    }
    return {};
}

Status SlurmLimits::tighten(const DecidedLimit& limit, const std::string& folder, bool unified) {
    if (is_device_rules(limit)) {
        // All of them at once: on v2 for every task, on v1 for this one.
        const bool first = &limit == &*std::ranges::find_if(limits_, is_device_rules);
        if (!first || (unified && std::exchange(devices_done_, true))) return {};
        return unified ? attach_to_step(limits_, parent(folder)) : write_device_rules(limits_, folder, DeviceList::slurms);
    }
    if (limit.setting.file.empty()) return {};  // it is so anyway
    BERTH_TRY(const bool here, has_file(folder, limit.setting));
    if (!here) return {};
    BERTH_TRY(const auto standing, standing_value(folder, limit.setting));
    BERTH_TRY(const auto text, tightened(limit.setting.comparison, limit.setting.text, standing));
    if (text.empty()) return {};
    log(LogLevel::debug, limit.setting.key + ": " + folder + "/" + limit.setting.file + " = " + text);
    return write_setting(folder, limit.setting, text);
}

Status SlurmLimits::tighten(pid_t task) {
    if (limits_.empty()) return {};
    BERTH_TRY(const auto places, cgroup_places(task));
    bool enabled = false;
    for (const DecidedLimit& limit : limits_) {
        const CgroupPlace* const place = find_place(places, limit.setting.controller);
        if (place == nullptr || !is_slurm_step(place->folder))
            return Error{Category::unsupported, 0,
                         limit.setting.from + ": Slurm put the task into no control group of the controller " + limit.setting.controller};
        if (place->unified && !std::exchange(enabled, true)) BERTH_CHECK(enable_controllers(place->folder));
        if (auto status = tighten(limit, place->folder, place->unified); !status) return std::move(status).error().within(limit.setting.from);
        if (limit.setting.controller == "memory") memory_folders_[task] = place->folder;
    }
    return {};
}

std::optional<std::string> SlurmLimits::out_of_memory(pid_t task) const {
    const auto found = memory_folders_.find(task);
    if (found == memory_folders_.end()) return std::nullopt;
    return out_of_memory_at(found->second, limits_);
}

void SlurmLimits::end() noexcept {
    // Innermost first; where another step uses a controller, the kernel refuses, and that step takes it back in its turn.
    for (auto entry = enabled_.rbegin(); entry != enabled_.rend(); ++entry)
        static_cast<void>(write_cgroup_file(entry->first, "cgroup.subtree_control", "-" + entry->second));
    enabled_.clear();
}

}  // namespace berth
