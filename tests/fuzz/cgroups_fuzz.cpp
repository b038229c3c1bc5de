// cgroups.toml from hostile bytes: every reading ends in limits that keep their promises and have their files, or in
// problems that can be printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/cgroups.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/policy/cgroup_files.hpp"

namespace {

using berth::CgroupLimits;

void require(bool holds) {
    if (!holds) std::abort();
}

template <class T>
void within(const berth::OptionalLimit<T>& limit, T least, T most) {
    if (limit) require((limit->value >= least && limit->value <= most) || std::cmp_equal(limit->value, -1));
}

template <class T>
void bounded(const std::vector<berth::Limit<T>>& list) {
    require(list.size() <= berth::config::kMaxCgroupEntries);
    for (const auto& each : list) require(each.from.starts_with("fuzz.toml:"));
}

void check_device(const berth::BlockDevice& device) {
    require(device.major <= 4095 && device.minor <= 1048575);
}

void check_block(const berth::BlockLimits& block) {
    within<std::uint64_t>(block.weight, 10, 1000);
    within<std::uint64_t>(block.leaf_weight, 10, 1000);
    bounded(block.weight_devices);
    for (const auto& each : block.weight_devices) {
        check_device(each.value.device);
        require(each.value.weight || each.value.leaf_weight);
    }
    for (const auto* list : {&block.read_bytes, &block.write_bytes, &block.read_requests, &block.write_requests}) {
        bounded(*list);
        for (const auto& each : *list) {
            check_device(each.value.device);
            require(each.value.rate >= 1);
        }
    }
}

void check_lists(const CgroupLimits& limits) {
    bounded(limits.hugepages);
    bounded(limits.devices);
    bounded(limits.network.priorities);
    bounded(limits.rdma);
    bounded(limits.unified);
    const auto is_one_word = [](std::string_view text) {
        return !text.empty() && text.size() <= 63 && text.find_first_of("/ \t\n:=") == std::string_view::npos &&
               text != "." && text != ".." && berth::printable(text) == text;
    };
    for (const auto& each : limits.hugepages) require(is_one_word(each.value.page_size));
    for (const auto& each : limits.network.priorities) require(is_one_word(each.value.name));
    for (const auto& each : limits.rdma) require(is_one_word(each.value.device));
    for (const auto& each : limits.unified) {
        require(is_one_word(each.value.file) && each.value.file.find('.') != std::string::npos);
        require(berth::printable(each.value.value, 2048) == each.value.value);
    }
    for (const auto& each : limits.devices) {
        require(!each.value.access.empty() && each.value.access.find_first_not_of("rwm") == std::string::npos);
        require(each.value.type != berth::DeviceType::all || (!each.value.major && !each.value.minor));
    }
}

void check_limits(const CgroupLimits& limits) {
    within<std::int64_t>(limits.memory.limit, 1, INT64_MAX);
    within<std::uint64_t>(limits.memory.swappiness, 0, 100);
    within<std::uint64_t>(limits.cpu.shares, 2, 262144);
    within<std::uint64_t>(limits.cpu.period, 1000, 1000000);
    within<std::int64_t>(limits.pids, 1, 4194304);
    for (const auto* list : {&limits.cpu.cpus, &limits.cpu.mems})
        if (*list) require(!(*list)->value.empty() && std::ranges::is_sorted((*list)->value));
    check_block(limits.block);
    check_lists(limits);
}

/// On both versions: each limit is something to write, as a value that can be compared with any text, or a reason.
void check_files(const CgroupLimits& limits, std::string_view standing) {
    for (const auto version : {berth::CgroupVersion::v1, berth::CgroupVersion::v2})
        for (const auto& each : berth::cgroup_settings(limits, version)) {
            require(!each.key.empty() && each.from.starts_with("fuzz.toml:") && !each.controller.empty());
            require(each.file.find('/') == std::string::npos && each.text.find('\n') == std::string::npos);
            if (each.unsupported) continue;
            const auto normal = berth::normal_value(each.comparison, each.text);
            require(normal && berth::normal_value(each.comparison, *normal) == normal);
            const auto written = berth::tightened(each.comparison, *normal, standing);
            require(!written || written->empty() || written->find('\n') == std::string::npos);
        }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
    const auto reading = berth::config::read_cgroups(text, "fuzz.toml");
    require(reading.problems.size() <= berth::config::kMaxProblems);
    for (const auto& problem : reading.problems) {
        require(problem.where.line <= lines);
        require(problem.message.size() < 1024);
        require(berth::printable(problem.message, 2048) == problem.message);
    }
    if (reading.problems.empty()) {
        check_limits(reading.limits);
        check_files(reading.limits, text);
    }
    require(berth::config::parse_cgroups(text, "fuzz.toml").ok() == reading.problems.empty());
    return 0;
}
