#include "runtime/policy/cgroup_files.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/cpu_list.hpp"
#include "runtime/base/quantity.hpp"
#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::uint64_t kDefaultRealtimePeriod = 1000000;

/// A value of a straight line from `low`..`high` to 1..10000, the weights of version 2.
constexpr std::uint64_t v2_weight(std::uint64_t value, std::uint64_t low, std::uint64_t high) {
    return 1 + (value - low) * 9999 / (high - low);
}

std::string io_weight(std::uint64_t value) {
    return std::to_string(v2_weight(value, 10, 1000));
}

std::string device_text(const BlockDevice& device) {
    return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

/// "c 1:3 rwm", as devices.allow of version 1 takes it.
std::string rule_text(const DeviceRule& rule) {
    const char* type = rule.type == DeviceType::all ? "a" : rule.type == DeviceType::block ? "b" : "c";
    const auto number = [](const std::optional<std::uint32_t>& each) { return each ? std::to_string(*each) : "*"; };
    return std::string(type) + " " + number(rule.major) + ":" + number(rule.minor) + " " + rule.access;
}

/// Files of version 2 that [unified] may name: limits, which can be compared with what stands.
struct UnifiedFile {
    std::string_view name;  ///< '*' is the size of a page
    Comparison comparison;
};
constexpr auto kUnifiedFiles = std::to_array<UnifiedFile>({
    {"memory.min", Comparison::at_most},      {"memory.low", Comparison::at_most},
    {"memory.high", Comparison::at_most},     {"memory.max", Comparison::at_most},
    {"memory.oom.group", Comparison::flag},   {"memory.swap.high", Comparison::at_most},
    {"memory.swap.max", Comparison::at_most}, {"memory.zswap.max", Comparison::at_most},
    {"pids.max", Comparison::at_most},        {"cpu.max", Comparison::quota},
    {"cpu.max.burst", Comparison::at_most},   {"cpu.weight", Comparison::weight},
    {"cpu.idle", Comparison::flag},           {"cpuset.cpus", Comparison::set},
    {"cpuset.mems", Comparison::set},         {"io.max", Comparison::per_device},
    {"io.weight", Comparison::weight},        {"io.bfq.weight", Comparison::weight},
    {"rdma.max", Comparison::per_device},     {"misc.max", Comparison::per_device},
    {"hugetlb.*.max", Comparison::at_most},   {"hugetlb.*.rsvd.max", Comparison::at_most},
});

bool fits(std::string_view pattern, std::string_view name) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == name;
    const std::string_view end = pattern.substr(star + 1);
    if (name.size() <= star + end.size() || !name.starts_with(pattern.substr(0, star)) || !name.ends_with(end))
        return false;
    return name.substr(star, name.size() - star - end.size()).find('.') == std::string_view::npos;
}

/// Where a limit stands on one version.
struct Place {
    std::string_view controller;
    std::string_view file;
    std::string_view missing = {};  ///< without a file: why
};

class Builder {
public:
    explicit Builder(CgroupVersion version) : version_(version) {}

    std::vector<CgroupSetting> build(const CgroupLimits& limits) && {
        memory(limits.memory);
        cpu(limits.cpu);
        block(limits.block);
        if (limits.pids)
            add("pids.limit", limits.pids->from, {"pids", "pids.max"},
                limits.pids->value == kUnlimited ? "max" : std::to_string(limits.pids->value), Comparison::at_most);
        for (const auto& each : limits.hugepages) hugepages(each);
        for (const auto& each : limits.devices) device(each);
        network(limits.network);
        for (const auto& each : limits.rdma) rdma(each);
        for (const auto& each : limits.unified) unified(each);
        return std::move(settings_);
    }

private:
    bool v1() const { return version_ == CgroupVersion::v1; }
    const Place& here(const Place& one, const Place& two) const { return v1() ? one : two; }
    std::string text(std::int64_t value) const {
        return value == kUnlimited ? (v1() ? "-1" : "max") : std::to_string(value);
    }

    CgroupSetting& add(std::string_view key, const std::string& from, const Place& place, std::string text,
                       Comparison comparison) {
        CgroupSetting setting{std::string(key),
                              from,
                              std::string(place.controller),
                              std::string(place.file),
                              std::move(text),
                              comparison,
                              {},
                              {},
                              {},
                              {},
                              {}};
        if (place.file.empty() && !place.missing.empty()) setting.unsupported = std::string(place.missing);
        return settings_.emplace_back(std::move(setting));
    }

    void bytes(std::string_view key, const OptionalLimit<std::int64_t>& limit, const Place& one, const Place& two) {
        if (limit) add(key, limit->from, here(one, two), text(limit->value), Comparison::at_most);
    }

    void memory(const MemoryLimits& limits) {
        constexpr std::string_view kCounted =
            "version 2 of control groups counts this within memory.limit, and has no limit for it alone";
        if (limits.limit) {
            auto& setting = add("memory.limit", limits.limit->from,
                                here({"memory", "memory.limit_in_bytes"}, {"memory", "memory.max"}),
                                text(limits.limit->value), Comparison::at_most);
            if (limits.check_before_update && limits.check_before_update->value && limits.limit->value != kUnlimited)
                setting.usage_file = v1() ? "memory.usage_in_bytes" : "memory.current";
        }
        bytes("memory.reservation", limits.reservation, {"memory", "memory.soft_limit_in_bytes"},
              {"memory", "memory.low"});
        swap(limits);
        bytes("memory.kernel", limits.kernel, {"memory", "memory.kmem.limit_in_bytes"}, {"memory", "", kCounted});
        bytes("memory.kernelTCP", limits.kernel_tcp, {"memory", "memory.kmem.tcp.limit_in_bytes"},
              {"memory", "", kCounted});
        if (limits.swappiness)
            add("memory.swappiness", limits.swappiness->from,
                here({"memory", "memory.swappiness"},
                     {"memory", "", "version 2 of control groups has no swappiness of a group"}),
                std::to_string(limits.swappiness->value), Comparison::unordered);
        memory_switches(limits);
    }

    /// Version 1 counts memory and swap together; version 2 swap alone.
    void swap(const MemoryLimits& limits) {
        if (!limits.swap) return;
        const std::int64_t both = limits.swap->value;
        const bool needs_limit = both != kUnlimited;
        const std::int64_t memory = limits.limit ? limits.limit->value : kUnlimited;
        const std::int64_t alone = needs_limit && memory != kUnlimited ? both - memory : kUnlimited;
        auto& setting = add("memory.swap", limits.swap->from,
                            here({"memory", "memory.memsw.limit_in_bytes"}, {"memory", "memory.swap.max"}),
                            text(v1() ? both : alone), Comparison::at_most);
        if (needs_limit && !limits.limit)
            setting.unsupported = "it counts memory and swap together, and needs a limit of memory too";
        else if (needs_limit && (memory == kUnlimited || both < memory))
            setting.unsupported =
                "it counts memory and swap together, and is below what " + limits.limit->from + " sets";
    }

    void memory_switches(const MemoryLimits& limits) {
        if (const auto& limit = limits.disable_oom_killer) {
            const std::string_view missing =
                limit->value ? "version 2 of control groups cannot do without the OOM killer" : "";
            add("memory.disableOOMKiller", limit->from, here({"memory", "memory.oom_control"}, {"memory", "", missing}),
                limit->value ? "1" : "0", limit->value ? Comparison::permission : Comparison::denial);
        }
        if (const auto& limit = limits.use_hierarchy) {
            const std::string_view missing =
                limit->value ? "" : "version 2 of control groups always counts what is used beneath a group";
            add("memory.useHierarchy", limit->from, here({"memory", "memory.use_hierarchy"}, {"memory", "", missing}),
                limit->value ? "1" : "0", Comparison::flag);
        }
        if (const auto& limit = limits.check_before_update)
            add("memory.checkBeforeUpdate", limit->from, {"memory", ""}, limit->value ? "1" : "0", Comparison::flag);
    }

    void cpu(const CpuLimits& limits) {
        if (limits.shares)
            add("cpu.shares", limits.shares->from, here({"cpu", "cpu.shares"}, {"cpu", "cpu.weight"}),
                std::to_string(v1() ? limits.shares->value : v2_weight(limits.shares->value, 2, 262144)),
                v1() ? Comparison::at_most : Comparison::weight);
        quota("cpu.quota", limits.quota, "cpu.period", limits.period, kCpuPeriod, {"cpu", "cpu.cfs_quota_us"},
              "cpu.cfs_period_us", {"cpu", "cpu.max"});
        if (limits.burst)
            add("cpu.burst", limits.burst->from, here({"cpu", "cpu.cfs_burst_us"}, {"cpu", "cpu.max.burst"}),
                std::to_string(limits.burst->value), Comparison::at_most);
        quota("cpu.realtimeRuntime", limits.realtime_runtime, "cpu.realtimePeriod", limits.realtime_period,
              kDefaultRealtimePeriod, {"cpu", "cpu.rt_runtime_us"}, "cpu.rt_period_us",
              {"cpu", "", "version 2 of control groups has no limit for real-time processes"});
        list("cpu.cpus", limits.cpus, "cpuset.cpus");
        list("cpu.mems", limits.mems, "cpuset.mems");
        // The weight of an idle group is fixed from then on: after the shares.
        if (limits.idle)
            add("cpu.idle", limits.idle->from, {"cpu", "cpu.idle"}, limits.idle->value ? "1" : "0", Comparison::flag);
    }

    void quota(std::string_view key, const OptionalLimit<std::int64_t>& time, std::string_view period_key,
               const OptionalLimit<std::uint64_t>& period, std::uint64_t default_period, const Place& one,
               std::string_view period_file, const Place& two) {
        const std::string period_text = std::to_string(period ? period->value : default_period);
        if (time) {
            auto& setting =
                add(key, time->from, here(one, two), text(time->value) + " " + period_text, Comparison::quota);
            if (v1()) setting.period_file = period_file;
        } else if (period) {
            add(period_key, period->from, here(one, two), period_text, Comparison::quota).unsupported =
                "a period limits nothing without a time: set " + std::string(key) + " too";
        }
    }

    void list(std::string_view key, const OptionalLimit<std::vector<unsigned>>& limit, std::string_view file) {
        if (limit) add(key, limit->from, {"cpuset", file}, format_cpu_list(limit->value), Comparison::set);
    }

    void block(const BlockLimits& limits) {
        constexpr Place kNoLeaf{"io", "", "version 2 of control groups has no weight of a group's own processes"};
        if (const auto& limit = limits.weight) {
            const std::string plain = std::to_string(limit->value);
            add_bfq("blockIO.weight", limit->from, here({"blkio", "blkio.weight"}, {"io", "io.weight"}),
                    v1() ? plain : io_weight(limit->value), plain, Comparison::weight);
        }
        if (limits.leaf_weight)
            add("blockIO.leafWeight", limits.leaf_weight->from, here({"blkio", "blkio.leaf_weight"}, kNoLeaf),
                std::to_string(limits.leaf_weight->value), Comparison::weight);
        for (const auto& [value, from] : limits.weight_devices) {
            const std::string device = device_text(value.device) + " ";
            if (value.weight) {
                const std::string plain = device + std::to_string(*value.weight);
                add_bfq("blockIO.weightDevice", from, here({"blkio", "blkio.weight_device"}, {"io", "io.weight"}),
                        v1() ? plain : device + io_weight(*value.weight), plain, Comparison::device_weight);
            }
            if (value.leaf_weight)
                add("blockIO.weightDevice", from, here({"blkio", "blkio.leaf_weight_device"}, kNoLeaf),
                    device + std::to_string(*value.leaf_weight), Comparison::device_weight);
        }
        rates("blockIO.throttleReadBpsDevice", limits.read_bytes, "blkio.throttle.read_bps_device", "rbps=");
        rates("blockIO.throttleWriteBpsDevice", limits.write_bytes, "blkio.throttle.write_bps_device", "wbps=");
        rates("blockIO.throttleReadIOPSDevice", limits.read_requests, "blkio.throttle.read_iops_device", "riops=");
        rates("blockIO.throttleWriteIOPSDevice", limits.write_requests, "blkio.throttle.write_iops_device", "wiops=");
    }

    /// BFQ, the scheduler, has files of its own, and there weights of 1 to 1000 on both versions.
    void add_bfq(std::string_view key, const std::string& from, const Place& place, std::string text, std::string plain,
                 Comparison comparison) {
        auto& setting = add(key, from, place, std::move(text), comparison);
        setting.other_file = !v1()                              ? "io.bfq.weight"
                             : comparison == Comparison::weight ? "blkio.bfq.weight"
                                                                : "blkio.bfq.weight_device";
        setting.other_text = std::move(plain);
    }

    void rates(std::string_view key, const std::vector<Limit<DeviceRate>>& limits, std::string_view file,
               std::string_view word) {
        for (const auto& [value, from] : limits)
            add(key, from, here({"blkio", file}, {"io", "io.max"}),
                device_text(value.device) + " " + std::string(v1() ? "" : word) + std::to_string(value.rate),
                Comparison::per_device);
    }

    void hugepages(const Limit<HugepageLimit>& limit) {
        const std::string start = "hugetlb." + limit.value.page_size;
        const std::string end = v1() ? ".limit_in_bytes" : ".max";
        auto& setting = add("hugepageLimits", limit.from, {"hugetlb", start + end}, std::to_string(limit.value.limit),
                            Comparison::at_most);
        setting.other_file = start + ".rsvd" + end;
        setting.other_text = setting.text;
    }

    void device(const Limit<DeviceRule>& limit) {
        add("devices", limit.from,
            here({"devices", limit.value.allow ? "devices.allow" : "devices.deny"}, {"devices", ""}),
            rule_text(limit.value), limit.value.allow ? Comparison::permission : Comparison::denial);
    }

    void network(const NetworkLimits& limits) {
        constexpr std::string_view kNone = "version 2 of control groups has neither classes nor priorities of packets";
        if (limits.class_id)
            add("network.classID", limits.class_id->from, here({"net_cls", "net_cls.classid"}, {"net_cls", "", kNone}),
                std::to_string(limits.class_id->value), Comparison::unordered);
        for (const auto& [value, from] : limits.priorities)
            add("network.priorities", from, here({"net_prio", "net_prio.ifpriomap"}, {"net_prio", "", kNone}),
                value.name + " " + std::to_string(value.priority), Comparison::unordered);
    }

    void rdma(const Limit<RdmaLimit>& limit) {
        std::string line = limit.value.device;
        if (limit.value.handles) line += " hca_handle=" + std::to_string(*limit.value.handles);
        if (limit.value.objects) line += " hca_object=" + std::to_string(*limit.value.objects);
        add("rdma." + limit.value.device, limit.from, {"rdma", "rdma.max"}, std::move(line), Comparison::per_device);
    }

    void unified(const Limit<UnifiedValue>& limit) {
        const std::string& file = limit.value.file;
        const std::string& value = limit.value.value;
        const std::string controller = file.substr(0, file.find('.'));
        const auto earlier = std::ranges::find_if(
            settings_, [&](const CgroupSetting& each) { return each.file == file || each.other_file == file; });
        const std::string taken = earlier == settings_.end() ? "" : earlier->from;
        const auto known =
            std::ranges::find_if(kUnifiedFiles, [&](const UnifiedFile& each) { return fits(each.name, file); });
        auto comparison = known == kUnifiedFiles.end() ? Comparison::unordered : known->comparison;
        // io.weight takes both "100" and "8:0 100".
        if (comparison == Comparison::weight && controller == "io" && value.find(':') != std::string::npos)
            comparison = Comparison::device_weight;
        const auto normal = normal_value(comparison, value);
        auto& setting = add("unified." + file, limit.from, {controller, file}, normal.value_or(value), comparison);
        if (v1())
            setting.unsupported = "only version 2 of control groups has such files, and this node has version 1";
        else if (known == kUnifiedFiles.end())
            setting.unsupported =
                "it is none of the limits that can be compared with those in effect, such as memory.high";
        else if (!taken.empty())
            setting.unsupported = taken + " sets the same file";
        else if (!normal)
            setting.unsupported = "'" + printable(value, 64) + "' is no value of this file";
    }

    CgroupVersion version_;
    std::vector<CgroupSetting> settings_;
};

}  // namespace

std::vector<CgroupSetting> cgroup_settings(const CgroupLimits& limits, CgroupVersion version) {
    return Builder(version).build(limits);
}

}  // namespace berth
