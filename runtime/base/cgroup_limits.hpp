// What cgroups.toml and the options --memory, --cpus, … ask of the kernel's control groups: plain data, nothing
// decided.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace berth {

/// A value, and what set it, for messages: "cgroups.toml:12: memory.limit" or "--memory".
template <class T>
struct Limit {
    T value{};
    std::string from;

    bool operator==(const Limit&) const = default;
};

/// A limit that nobody set is not there, and leaves the cgroup as it is. It is not the same as "no limit".
template <class T>
using OptionalLimit = std::optional<Limit<T>>;

/// In the limits below that are signed: no limit.
inline constexpr std::int64_t kUnlimited = -1;

/// [memory]. Sizes in bytes, kUnlimited or not negative; the kernel rounds them down to whole pages.
struct MemoryLimits {
    OptionalLimit<std::int64_t> limit;  ///< hard limit; above it the OOM killer ends a process
    OptionalLimit<std::int64_t>
        reservation;                         ///< soft limit: where memory is short, what is above it is reclaimed first
    OptionalLimit<std::int64_t> swap;        ///< memory and swap together, as in v1; not below `limit`
    OptionalLimit<std::int64_t> kernel;      ///< the kernel's own memory, v1 only; kernels since 5.16 have it no more
    OptionalLimit<std::int64_t> kernel_tcp;  ///< buffers of TCP, v1 only
    OptionalLimit<std::uint64_t> swappiness;  ///< 0 to 100: how readily memory of processes is swapped; v1 only
    OptionalLimit<bool> disable_oom_killer;   ///< processes stop at the limit instead of being ended; v1 only
    OptionalLimit<bool> use_hierarchy;        ///< what groups beneath use counts too; always so since kernel 5.11
    OptionalLimit<bool> check_before_update;  ///< a limit below what is used already is an error, not an OOM kill

    bool operator==(const MemoryLimits&) const = default;
};

/// [cpu]. Times in microseconds.
struct CpuLimits {
    OptionalLimit<std::uint64_t> shares;  ///< 2 to 262144, 1024 where nobody sets it: weight among siblings
    OptionalLimit<std::int64_t> quota;    ///< time on CPUs in a period, all CPUs together; kUnlimited, or 1000 or more
    OptionalLimit<std::uint64_t> period;  ///< 1000 to 1000000, 100000 where nobody sets it
    OptionalLimit<std::uint64_t> burst;   ///< what unused quota may add to a later period; not above `quota`
    OptionalLimit<std::int64_t> realtime_runtime;  ///< of real-time processes in a realtime_period; v1 only
    OptionalLimit<std::uint64_t> realtime_period;  ///< v1 only
    OptionalLimit<std::vector<unsigned>> cpus;     ///< numbers of CPUs, ascending, each once, at least one
    OptionalLimit<std::vector<unsigned>> mems;     ///< numbers of NUMA nodes, likewise
    OptionalLimit<bool> idle;                      ///< SCHED_IDLE for the group: runs only when nothing else wants to

    bool operator==(const CpuLimits&) const = default;
};

/// A block device's number.
struct BlockDevice {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;

    bool operator==(const BlockDevice&) const = default;
};

/// [[blockIO.weightDevice]]: at least one of the two weights, each 10 to 1000.
struct DeviceWeight {
    BlockDevice device{};
    std::optional<std::uint64_t> weight;
    std::optional<std::uint64_t> leaf_weight;

    bool operator==(const DeviceWeight&) const = default;
};

/// [[blockIO.throttle…Device]]: bytes, or requests, a second; not 0 (which means no limit on v1 and nothing on v2).
struct DeviceRate {
    BlockDevice device{};
    std::uint64_t rate = 0;

    bool operator==(const DeviceRate&) const = default;
};

/// [blockIO]. No two entries of one list name the same device.
struct BlockLimits {
    OptionalLimit<std::uint64_t> weight;  ///< 10 to 1000: share of a device's time among siblings
    OptionalLimit<std::uint64_t>
        leaf_weight;  ///< 10 to 1000, of the group's own processes against groups beneath; v1 only
    std::vector<Limit<DeviceWeight>> weight_devices;
    std::vector<Limit<DeviceRate>> read_bytes;      ///< throttleReadBpsDevice, bytes a second
    std::vector<Limit<DeviceRate>> write_bytes;     ///< throttleWriteBpsDevice
    std::vector<Limit<DeviceRate>> read_requests;   ///< throttleReadIOPSDevice, requests a second
    std::vector<Limit<DeviceRate>> write_requests;  ///< throttleWriteIOPSDevice

    bool operator==(const BlockLimits&) const = default;
};

/// [[hugepageLimits]].
struct HugepageLimit {
    std::string page_size;    ///< as the kernel names its files: "64KB", "2MB", "1GB"
    std::uint64_t limit = 0;  ///< bytes

    bool operator==(const HugepageLimit&) const = default;
};

enum class DeviceType { all, character, block };

/// [[devices]]: one rule; a later one decides over an earlier one.
struct DeviceRule {
    bool allow = false;
    DeviceType type = DeviceType::all;   ///< `all`: every device of either type, without major and minor
    std::optional<std::uint32_t> major;  ///< not there: any
    std::optional<std::uint32_t> minor;
    std::string access;  ///< one or more of 'r', 'w' and 'm' (mknod), each once, in this order

    bool operator==(const DeviceRule&) const = default;
};

/// [[network.priorities]]: of what the group sends through one interface of the host.
struct NetworkPriority {
    std::string name;
    std::uint32_t priority = 0;

    bool operator==(const NetworkPriority&) const = default;
};

/// [network]. v1 only.
struct NetworkLimits {
    OptionalLimit<std::uint32_t>
        class_id;  ///< 0xAAAABBBB: major and minor number of tc(8)'s class for the group's packets
    std::vector<Limit<NetworkPriority>> priorities;  ///< no interface twice

    bool operator==(const NetworkLimits&) const = default;
};

/// [rdma.NAME]: at least one of the two.
struct RdmaLimit {
    std::string device;  ///< "mlx5_0"
    std::optional<std::uint32_t> handles;
    std::optional<std::uint32_t> objects;

    bool operator==(const RdmaLimit&) const = default;
};

/// [unified] FILE = "VALUE": written as it is, v2 only.
struct UnifiedValue {
    std::string file;   ///< "CONTROLLER.NAME" of [a-z0-9_.], never a path
    std::string value;  ///< one line

    bool operator==(const UnifiedValue&) const = default;
};

/// All of them: the resources of the OCI runtime specification (config-linux.md, "Control groups"), which is what
/// Singularity's cgroups.toml holds. The names are the specification's; the meanings those of the kernel's
/// Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst. policy/cgroup_files.hpp says which file each is written to.
struct CgroupLimits {
    MemoryLimits memory;
    CpuLimits cpu;
    BlockLimits block;
    OptionalLimit<std::int64_t> pids;             ///< most processes and threads, kUnlimited or at least 1
    std::vector<Limit<HugepageLimit>> hugepages;  ///< no page size twice
    std::vector<Limit<DeviceRule>> devices;       ///< in the order of the file, which matters
    NetworkLimits network;
    std::vector<Limit<RdmaLimit>> rdma;        ///< no device twice
    std::vector<Limit<UnifiedValue>> unified;  ///< no file twice

    bool operator==(const CgroupLimits&) const = default;
};

}  // namespace berth
