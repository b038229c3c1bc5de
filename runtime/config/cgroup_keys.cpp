// The keys of cgroups.toml and what each may be.
#include <array>
#include <limits>

#include "runtime/config/cgroups.hpp"

namespace berth::config {
namespace {

constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kAny32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kAnySigned32 = std::numeric_limits<std::int32_t>::max();
constexpr bool kOrNone = true;

constexpr std::string_view kBytes = "a number of bytes, 1 or more, or -1 for no limit";
constexpr std::string_view kBoolean = "true or false";
constexpr std::string_view kWeight = "a number from 10 to 1000";
constexpr std::string_view kList = "a list in quotes such as \"0-3,7\"";
constexpr std::string_view kTables = "a list of tables, each of which begins with its name in [[ ]]";
// Linux has 12 bits for a major number, and 20 for a minor one.
constexpr std::string_view kMajor = "a number from 0 to 4095";
constexpr std::string_view kMinor = "a number from 0 to 1048575";
constexpr std::int64_t kMostMajor = 4095;
constexpr std::int64_t kMostMinor = 1048575;
constexpr std::string_view kBytesRate = "a number of bytes a second, 1 or more";
constexpr std::string_view kRequestsRate = "a number of requests a second, 1 or more";

constexpr auto kKeys = std::to_array<CgroupKey>({
    {"", "memory", "a table [memory]"},
    {"", "cpu", "a table [cpu]"},
    {"", "blockIO", "a table [blockIO]"},
    {"", "pids", "a table [pids]"},
    {"", "hugepageLimits", kTables},
    {"", "devices", kTables},
    {"", "network", "a table [network]"},
    {"", "rdma", "a table [rdma.NAME] for each device"},
    {"", "unified", "a table [unified]"},
    {"memory", "limit", kBytes, 1, kAny, kOrNone},
    {"memory", "reservation", kBytes, 1, kAny, kOrNone},
    {"memory", "swap", kBytes, 1, kAny, kOrNone},
    {"memory", "kernel", kBytes, 1, kAny, kOrNone},
    {"memory", "kernelTCP", kBytes, 1, kAny, kOrNone},
    {"memory", "swappiness", "a number from 0 to 100", 0, 100},
    {"memory", "disableOOMKiller", kBoolean},
    {"memory", "useHierarchy", kBoolean},
    {"memory", "checkBeforeUpdate", kBoolean},
    {"cpu", "shares", "a number from 2 to 262144", 2, 262144},
    {"cpu", "quota", "a number of microseconds, 1000 or more, or -1 for no limit", 1000, kAny, kOrNone},
    {"cpu", "period", "a number of microseconds from 1000 to 1000000", 1000, 1000000},
    {"cpu", "burst", "a number of microseconds, 0 or more", 0, kAny},
    {"cpu", "realtimeRuntime", "a number of microseconds, 0 or more, or -1 for no limit", 0, kAnySigned32, kOrNone},
    {"cpu", "realtimePeriod", "a number of microseconds, 1 or more", 1, kAnySigned32},
    {"cpu", "cpus", kList},
    {"cpu", "mems", kList},
    {"cpu", "idle", "0 or 1", 0, 1},
    {"blockIO", "weight", kWeight, 10, 1000},
    {"blockIO", "leafWeight", kWeight, 10, 1000},
    {"blockIO", "weightDevice", kTables},
    {"blockIO", "throttleReadBpsDevice", kTables},
    {"blockIO", "throttleWriteBpsDevice", kTables},
    {"blockIO", "throttleReadIOPSDevice", kTables},
    {"blockIO", "throttleWriteIOPSDevice", kTables},
    {"blockIO.weightDevice", "major", kMajor, 0, kMostMajor},
    {"blockIO.weightDevice", "minor", kMinor, 0, kMostMinor},
    {"blockIO.weightDevice", "weight", kWeight, 10, 1000},
    {"blockIO.weightDevice", "leafWeight", kWeight, 10, 1000},
    {"blockIO.throttleReadBpsDevice", "major", kMajor, 0, kMostMajor},
    {"blockIO.throttleReadBpsDevice", "minor", kMinor, 0, kMostMinor},
    {"blockIO.throttleReadBpsDevice", "rate", kBytesRate, 1, kAny},
    {"blockIO.throttleWriteBpsDevice", "major", kMajor, 0, kMostMajor},
    {"blockIO.throttleWriteBpsDevice", "minor", kMinor, 0, kMostMinor},
    {"blockIO.throttleWriteBpsDevice", "rate", kBytesRate, 1, kAny},
    {"blockIO.throttleReadIOPSDevice", "major", kMajor, 0, kMostMajor},
    {"blockIO.throttleReadIOPSDevice", "minor", kMinor, 0, kMostMinor},
    {"blockIO.throttleReadIOPSDevice", "rate", kRequestsRate, 1, kAny32},
    {"blockIO.throttleWriteIOPSDevice", "major", kMajor, 0, kMostMajor},
    {"blockIO.throttleWriteIOPSDevice", "minor", kMinor, 0, kMostMinor},
    {"blockIO.throttleWriteIOPSDevice", "rate", kRequestsRate, 1, kAny32},
    {"pids", "limit", "a number from 1 to 4194304, or -1 for no limit", 1, 4194304, kOrNone},
    {"hugepageLimits", "pageSize", R"(a size of pages in quotes, such as "2MB" or "1GB")"},
    {"hugepageLimits", "limit", "a number of bytes, 0 or more", 0, kAny},
    {"devices", "allow", kBoolean},
    {"devices", "type", R"("a" (all), "b" (block), "c" or "u" (character))"},
    {"devices", "major", "a number from 0 to 4095, or -1 for any", 0, kMostMajor, kOrNone},
    {"devices", "minor", "a number from 0 to 1048575, or -1 for any", 0, kMostMinor, kOrNone},
    {"devices", "access", "some of the letters r, w and m, each once, in quotes"},
    {"network", "classID", "a number from 0 to 4294967295", 0, kAny32},
    {"network", "priorities", kTables},
    {"network.priorities", "name", "the name of an interface, in quotes"},
    {"network.priorities", "priority", "a number from 0 to 4294967295", 0, kAny32},
    {"rdma.NAME", "hcaHandles", "a number from 0 to 2147483647", 0, kAnySigned32},
    {"rdma.NAME", "hcaObjects", "a number from 0 to 2147483647", 0, kAnySigned32},
});

}  // namespace

std::span<const CgroupKey> cgroup_keys() noexcept {
    return kKeys;
}

}  // namespace berth::config
