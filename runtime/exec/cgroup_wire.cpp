#include "runtime/exec/cgroup_wire.hpp"

#include <algorithm>
#include <concepts>
#include <type_traits>

namespace berth {
namespace {

constexpr std::size_t kMaxEntries = 16384;  // more CPUs than Linux has; other lists are shorter
constexpr std::size_t kMaxText = 4096;

// One list of members a type serves both directions: an archive is called with each in turn.
void members(auto& archive, auto& limit)
    requires requires { limit.from; limit.value; }
{
    archive(limit.value);
    archive(limit.from);
}
void members(auto& archive, MemoryLimits& memory) {
    archive(memory.limit);
    archive(memory.reservation);
    archive(memory.swap);
    archive(memory.kernel);
    archive(memory.kernel_tcp);
    archive(memory.swappiness);
    archive(memory.disable_oom_killer);
    archive(memory.use_hierarchy);
    archive(memory.check_before_update);
}
void members(auto& archive, CpuLimits& cpu) {
    archive(cpu.shares);
    archive(cpu.quota);
    archive(cpu.period);
    archive(cpu.burst);
    archive(cpu.realtime_runtime);
    archive(cpu.realtime_period);
    archive(cpu.cpus);
    archive(cpu.mems);
    archive(cpu.idle);
}
void members(auto& archive, BlockDevice& device) {
    archive(device.major);
    archive(device.minor);
}
void members(auto& archive, DeviceWeight& entry) {
    archive(entry.device);
    archive(entry.weight);
    archive(entry.leaf_weight);
}
void members(auto& archive, DeviceRate& entry) {
    archive(entry.device);
    archive(entry.rate);
}
void members(auto& archive, BlockLimits& block) {
    archive(block.weight);
    archive(block.leaf_weight);
    archive(block.weight_devices);
    archive(block.read_bytes);
    archive(block.write_bytes);
    archive(block.read_requests);
    archive(block.write_requests);
}
void members(auto& archive, HugepageLimit& entry) {
    archive(entry.page_size);
    archive(entry.limit);
}
void members(auto& archive, DeviceRule& rule) {
    archive(rule.allow);
    archive(rule.type);
    archive(rule.major);
    archive(rule.minor);
    archive(rule.access);
}
void members(auto& archive, NetworkPriority& entry) {
    archive(entry.name);
    archive(entry.priority);
}
void members(auto& archive, NetworkLimits& network) {
    archive(network.class_id);
    archive(network.priorities);
}
void members(auto& archive, RdmaLimit& entry) {
    archive(entry.device);
    archive(entry.handles);
    archive(entry.objects);
}
void members(auto& archive, UnifiedValue& entry) {
    archive(entry.file);
    archive(entry.value);
}
void members(auto& archive, CgroupLimits& limits) {
    archive(limits.memory);
    archive(limits.cpu);
    archive(limits.block);
    archive(limits.pids);
    archive(limits.hugepages);
    archive(limits.devices);
    archive(limits.network);
    archive(limits.rdma);
    archive(limits.unified);
}

struct Writer {
    Packer& packer;

    template <typename T>
    void operator()(T& value) {
        if constexpr (std::is_integral_v<T> || std::is_enum_v<T>)
            packer.number(static_cast<std::uint64_t>(value));
        else
            members(*this, value);
    }
    void operator()(std::string& text) { packer.text(text); }
    template <typename T>
    void operator()(std::optional<T>& value) {
        packer.number(value ? 1 : 0);
        if (value) (*this)(*value);
    }
    template <typename T>
    void operator()(std::vector<T>& list) {
        packer.number(list.size());
        for (auto& each : list) (*this)(each);
    }
};

struct Reader {
    Unpacker& unpacker;
    bool good = true;

    template <typename T>
    void operator()(T& value) {
        if constexpr (std::is_same_v<T, bool>)
            value = unpacker.number() != 0;
        else if constexpr (std::is_integral_v<T>)
            value = static_cast<T>(unpacker.number());
        else
            members(*this, value);
    }
    void operator()(DeviceType& type) {
        const auto number = unpacker.number();
        good = good && number <= static_cast<std::uint64_t>(DeviceType::block);
        if (good) type = static_cast<DeviceType>(number);
    }
    void operator()(std::string& text) {
        text = unpacker.text();
        good = good && text.size() <= kMaxText && std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
    }
    template <typename T>
    void operator()(std::optional<T>& value) {
        if (unpacker.number() == 0) return;
        value.emplace();
        (*this)(*value);
    }
    template <typename T>
    void operator()(std::vector<T>& list) {
        const auto size = unpacker.number();
        good = good && size <= kMaxEntries;
        for (std::uint64_t i = 0; good && unpacker.ok() && i < size; ++i) (*this)(list.emplace_back());
    }
};

}  // namespace

void pack(Packer& packer, const CgroupLimits& limits) {
    CgroupLimits copy = limits;
    Writer writer{packer};
    writer(copy);
}

std::optional<CgroupLimits> unpack_limits(Unpacker& unpacker) {
    CgroupLimits limits;
    Reader reader{unpacker};
    reader(limits);
    if (!reader.good || !unpacker.ok()) return std::nullopt;
    return limits;
}

}  // namespace berth
