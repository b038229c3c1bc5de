#include "runtime/policy/limits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/policy/judge.hpp"

namespace berth {
namespace {

template <class T>
void overlay(std::optional<T>& under, const std::optional<T>& over) {
    if (over) under = over;
}
template <class T>
void overlay(std::vector<T>& under, const std::vector<T>& over) {
    under.insert(under.end(), over.begin(), over.end());
}

bool contains(const std::vector<std::string>& list, const std::string& value) { return std::ranges::count(list, value) > 0; }

Error cannot(const CgroupSetting& setting, const std::string& why) {
    return Error{Category::unsupported, 0, setting.from + ": " + why};
}

/// Why this node cannot honour a setting; nothing when it can.
std::optional<Error> obstacle(const CgroupSetting& setting, const CgroupFacts& facts, const config::Setting<bool>& enable) {
    if (setting.unsupported) return cannot(setting, *setting.unsupported);
    if (contains(facts.controllers, setting.controller)) {
        if (facts.slurms && setting.comparison == Comparison::unordered)
            return cannot(setting, "Slurm's control groups are only tightened, and no value of " + setting.key + " is tighter than another");
        return std::nullopt;
    }
    if (contains(facts.dormant, setting.controller)) {
        if (enable.value) return std::nullopt;
        return cannot(setting, "Slurm does not enable the controller " + setting.controller +
                                   " for its steps, and this site does not let Berth do it (" + rule_text("enable cgroup controllers", enable) + ")");
    }
    if (facts.slurms)
        return cannot(setting, "Slurm puts the steps of this node into no control group of the controller " + setting.controller +
                                   ", and Berth moves no process into another (see cgroup.conf)");
    return cannot(setting, "the controller " + setting.controller + " cannot be had here for " + setting.key);
}

/// v1 has numbers of 19 digits for "none".
bool is_none(Comparison comparison, const std::string& value) {
    return value.empty() || value.starts_with("max") || value.starts_with("-1") || (comparison == Comparison::at_most && value.size() >= 19);
}

/// Slurm's tightest value of a file, with the name of its level; nothing where no level has a limit.
std::optional<std::pair<std::string, std::string>> tightest_above(const CgroupSetting& setting, const CgroupFacts& facts) {
    const auto found = facts.values.find(setting.file);
    const bool comparable = setting.comparison == Comparison::at_most || setting.comparison == Comparison::quota || setting.comparison == Comparison::set;
    if (found == facts.values.end() || !comparable) return std::nullopt;
    std::optional<std::pair<std::string, std::string>> tightest;
    for (const auto& [level, value] : found->second) {
        if (is_none(setting.comparison, value)) continue;
        if (tightest) {
            const auto tighter = tightened(setting.comparison, value, tightest->second);
            if (!tighter || tighter->empty()) continue;
        }
        tightest = {level, value};
    }
    return tightest;
}

}  // namespace

CgroupLimits merged(CgroupLimits under, const CgroupLimits& over) {
    overlay(under.memory.limit, over.memory.limit);
    overlay(under.memory.reservation, over.memory.reservation);
    overlay(under.memory.swap, over.memory.swap);
    overlay(under.memory.kernel, over.memory.kernel);
    overlay(under.memory.kernel_tcp, over.memory.kernel_tcp);
    overlay(under.memory.swappiness, over.memory.swappiness);
    overlay(under.memory.disable_oom_killer, over.memory.disable_oom_killer);
    overlay(under.memory.use_hierarchy, over.memory.use_hierarchy);
    overlay(under.memory.check_before_update, over.memory.check_before_update);
    overlay(under.cpu.shares, over.cpu.shares);
    overlay(under.cpu.quota, over.cpu.quota);
    overlay(under.cpu.period, over.cpu.period);
    overlay(under.cpu.burst, over.cpu.burst);
    overlay(under.cpu.realtime_runtime, over.cpu.realtime_runtime);
    overlay(under.cpu.realtime_period, over.cpu.realtime_period);
    overlay(under.cpu.cpus, over.cpu.cpus);
    overlay(under.cpu.mems, over.cpu.mems);
    overlay(under.cpu.idle, over.cpu.idle);
    overlay(under.block.weight, over.block.weight);
    overlay(under.block.leaf_weight, over.block.leaf_weight);
    overlay(under.block.weight_devices, over.block.weight_devices);
    overlay(under.block.read_bytes, over.block.read_bytes);
    overlay(under.block.write_bytes, over.block.write_bytes);
    overlay(under.block.read_requests, over.block.read_requests);
    overlay(under.block.write_requests, over.block.write_requests);
    overlay(under.pids, over.pids);
    overlay(under.hugepages, over.hugepages);
    overlay(under.devices, over.devices);
    overlay(under.network.class_id, over.network.class_id);
    overlay(under.network.priorities, over.network.priorities);
    overlay(under.rdma, over.rdma);
    overlay(under.unified, over.unified);
    return under;
}

namespace {

/// What is decided already about the same file (and device).
DecidedLimit* same_place(std::vector<DecidedLimit>& decided, const CgroupSetting& setting) {
    const bool of_devices = setting.comparison == Comparison::per_device || setting.comparison == Comparison::device_weight;
    const auto device = [](const std::string& text) { return text.substr(0, text.find(' ')); };
    const auto found = std::ranges::find_if(decided, [&](const DecidedLimit& each) {
        return !setting.file.empty() && each.setting.file == setting.file && (!of_devices || device(each.setting.text) == device(setting.text));
    });
    return found == decided.end() ? nullptr : &*found;
}

Status add(std::vector<DecidedLimit>& decided, const CgroupSetting& setting, const CgroupFacts& facts) {
    if (DecidedLimit* const other = same_place(decided, setting)) {
        auto tighter = tightened(setting.comparison, setting.text, other->effective);
        if (!tighter) return std::move(tighter).error().within(setting.from + ", beside " + other->setting.from);
        if (tighter->empty()) return {};
        // What the asker does not name of a device stays.
        if (setting.comparison == Comparison::per_device) { BERTH_TRY(*tighter, overlaid_device_line(other->effective, *tighter)); }
        const std::string above = other->above;
        *other = {setting, above, *tighter};
        other->setting.text = *tighter;
        return {};
    }
    DecidedLimit limit{setting, "", setting.text};
    if (const auto above = tightest_above(setting, facts)) {
        limit.above = fmt::format("{} ({})", above->second, above->first);
        auto tighter = tightened(setting.comparison, setting.text, above->second);
        if (!tighter) return std::move(tighter).error().within(setting.from);
        limit.effective = tighter->empty() ? above->second : *tighter;
        if (setting.comparison == Comparison::set) limit.setting.text = limit.effective;
    }
    decided.push_back(std::move(limit));
    return {};
}

/// Of two files each is compared with what another asks for it, and with what stands there.
std::vector<CgroupSetting> one_a_file(const CgroupSetting& setting) {
    if (setting.other_file.empty()) return {setting};
    CgroupSetting other = setting;
    std::swap(other.file, other.other_file);
    std::swap(other.text, other.other_text);
    return {setting, other};
}

/// The rules of one asker hold together, in their order.
void add_device_rule(std::optional<DecidedLimit>& rules, const CgroupSetting& setting) {
    if (!rules) {
        rules = DecidedLimit{setting, "", ""};
        rules->setting.text.clear();
        rules->setting.comparison = Comparison::unordered;
    }
    rules->setting.text += (setting.comparison == Comparison::permission ? "+ " : "- ") + setting.text + "\n";
    rules->effective = rules->setting.text;
}

}  // namespace

Result<std::vector<DecidedLimit>> reconcile(const LimitInputs& inputs, const config::Setting<bool>& enable) {
    const CgroupFacts& facts = inputs.facts;
    std::vector<DecidedLimit> decided;
    for (const CgroupLimits* limits : {&inputs.site, &inputs.user}) {
        std::optional<DecidedLimit> rules;
        // Without control groups every limit has the same answer.
        for (const CgroupSetting& setting : cgroup_settings(*limits, facts.version.value_or(CgroupVersion::v2))) {
            if (!facts.problem.empty()) return cannot(setting, facts.problem);
            if (const auto why = obstacle(setting, facts, enable)) return *why;
            if (setting.controller == kDevices) add_device_rule(rules, setting);
            else
                for (const CgroupSetting& each : one_a_file(setting)) BERTH_CHECK(add(decided, each, facts));
        }
        if (rules) decided.push_back(std::move(*rules));
    }
    return decided;
}

}  // namespace berth
