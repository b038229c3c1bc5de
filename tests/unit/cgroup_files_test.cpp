// Which file of which controller each limit is written to, and as what.
#include "runtime/policy/cgroup_files.hpp"

#include <catch2/catch.hpp>

#include "runtime/config/cgroups.hpp"

using namespace berth;
using Catch::Matchers::Contains;

namespace {

std::vector<CgroupSetting> settings(const std::string& toml, CgroupVersion version) {
    auto limits = config::parse_cgroups(toml, "c");
    if (!limits) FAIL(limits.error().message);
    return cgroup_settings(*limits, version);
}

/// "controller/file=text", then what else the setting has; or "!REASON".
std::string shown(const CgroupSetting& setting) {
    if (setting.unsupported) return "!" + *setting.unsupported;
    std::string line = setting.controller + "/" + setting.file + "=" + setting.text;
    if (!setting.period_file.empty()) line += " period=" + setting.period_file;
    if (!setting.other_file.empty()) line += " other=" + setting.other_file + "=" + setting.other_text;
    if (!setting.usage_file.empty()) line += " usage=" + setting.usage_file;
    return line;
}

std::string one(const std::string& toml, CgroupVersion version) {
    INFO(toml);
    const auto all = settings(toml, version);
    REQUIRE(all.size() == 1);
    return shown(all[0]);
}

struct Case {
    std::string toml;
    std::string key;
    Comparison comparison;
    std::string v1;
    std::string v2;  ///< what it begins with, where it is a reason
};

}  // namespace

TEST_CASE("cgroup files: each key alone, on both versions") {
    using enum Comparison;
    const std::string device = "major = 8\nminor = 16\n";
    const std::vector<Case> cases = {
        {"memory.limit = 1048576", "memory.limit", at_most, "memory/memory.limit_in_bytes=1048576",
         "memory/memory.max=1048576"},
        {"memory.limit = -1", "memory.limit", at_most, "memory/memory.limit_in_bytes=-1", "memory/memory.max=max"},
        {"memory.reservation = 5", "memory.reservation", at_most, "memory/memory.soft_limit_in_bytes=5",
         "memory/memory.low=5"},
        {"memory.swap = -1", "memory.swap", at_most, "memory/memory.memsw.limit_in_bytes=-1",
         "memory/memory.swap.max=max"},
        {"memory.swap = 5", "memory.swap", at_most, "!it counts memory and swap together, and needs",
         "!it counts memory and swap together, and needs"},
        {"memory.kernel = 5", "memory.kernel", at_most, "memory/memory.kmem.limit_in_bytes=5",
         "!version 2 of control groups counts"},
        {"memory.kernelTCP = 5", "memory.kernelTCP", at_most, "memory/memory.kmem.tcp.limit_in_bytes=5",
         "!version 2 of control groups counts"},
        {"memory.swappiness = 0", "memory.swappiness", unordered, "memory/memory.swappiness=0",
         "!version 2 of control groups has no swappiness"},
        {"memory.disableOOMKiller = true", "memory.disableOOMKiller", permission, "memory/memory.oom_control=1",
         "!version 2 of control groups cannot"},
        {"memory.disableOOMKiller = false", "memory.disableOOMKiller", denial, "memory/memory.oom_control=0",
         "memory/=0"},
        {"memory.useHierarchy = true", "memory.useHierarchy", flag, "memory/memory.use_hierarchy=1", "memory/=1"},
        {"memory.useHierarchy = false", "memory.useHierarchy", flag, "memory/memory.use_hierarchy=0",
         "!version 2 of control groups always"},
        {"memory.checkBeforeUpdate = true", "memory.checkBeforeUpdate", flag, "memory/=1", "memory/=1"},
        {"cpu.shares = 2", "cpu.shares", at_most, "cpu/cpu.shares=2", "cpu/cpu.weight=1"},
        {"cpu.shares = 1024", "cpu.shares", at_most, "cpu/cpu.shares=1024", "cpu/cpu.weight=39"},
        {"cpu.shares = 262144", "cpu.shares", at_most, "cpu/cpu.shares=262144", "cpu/cpu.weight=10000"},
        {"cpu.quota = 50000", "cpu.quota", quota, "cpu/cpu.cfs_quota_us=50000 100000 period=cpu.cfs_period_us",
         "cpu/cpu.max=50000 100000"},
        {"cpu.quota = -1", "cpu.quota", quota, "cpu/cpu.cfs_quota_us=-1 100000 period=cpu.cfs_period_us",
         "cpu/cpu.max=max 100000"},
        {"cpu = {quota = 5000, period = 20000}", "cpu.quota", quota,
         "cpu/cpu.cfs_quota_us=5000 20000 period=cpu.cfs_period_us", "cpu/cpu.max=5000 20000"},
        {"cpu.period = 20000", "cpu.period", quota, "!a period limits nothing without a time: set cpu.quota too",
         "!a period limits nothing without a time: set cpu.quota too"},
        {"cpu.burst = 7", "cpu.burst", at_most, "cpu/cpu.cfs_burst_us=7", "cpu/cpu.max.burst=7"},
        {"cpu.realtimeRuntime = 9", "cpu.realtimeRuntime", quota,
         "cpu/cpu.rt_runtime_us=9 1000000 period=cpu.rt_period_us",
         "!version 2 of control groups has no limit for real-time"},
        {"cpu = {realtimeRuntime = 9, realtimePeriod = 10}", "cpu.realtimeRuntime", quota,
         "cpu/cpu.rt_runtime_us=9 10 period=cpu.rt_period_us",
         "!version 2 of control groups has no limit for real-time"},
        {"cpu.realtimePeriod = 9", "cpu.realtimePeriod", quota, "!a period limits nothing", "!a period limits nothing"},
        {"cpu.cpus = \"3,0-1\"", "cpu.cpus", set, "cpuset/cpuset.cpus=0-1,3", "cpuset/cpuset.cpus=0-1,3"},
        {"cpu.mems = \"1\"", "cpu.mems", set, "cpuset/cpuset.mems=1", "cpuset/cpuset.mems=1"},
        {"cpu.idle = 1", "cpu.idle", flag, "cpu/cpu.idle=1", "cpu/cpu.idle=1"},
        {"blockIO.weight = 10", "blockIO.weight", weight, "blkio/blkio.weight=10 other=blkio.bfq.weight=10",
         "io/io.weight=1 other=io.bfq.weight=10"},
        {"blockIO.weight = 100", "blockIO.weight", weight, "blkio/blkio.weight=100 other=blkio.bfq.weight=100",
         "io/io.weight=910 other=io.bfq.weight=100"},
        {"blockIO.weight = 1000", "blockIO.weight", weight, "blkio/blkio.weight=1000 other=blkio.bfq.weight=1000",
         "io/io.weight=10000 other=io.bfq.weight=1000"},
        {"blockIO.leafWeight = 10", "blockIO.leafWeight", weight, "blkio/blkio.leaf_weight=10",
         "!version 2 of control groups has no weight of a group's own"},
        {"[[blockIO.weightDevice]]\nweight = 500\n" + device, "blockIO.weightDevice", device_weight,
         "blkio/blkio.weight_device=8:16 500 other=blkio.bfq.weight_device=8:16 500",
         "io/io.weight=8:16 4950 other=io.bfq.weight=8:16 500"},
        {"[[blockIO.weightDevice]]\nleafWeight = 500\n" + device, "blockIO.weightDevice", device_weight,
         "blkio/blkio.leaf_weight_device=8:16 500", "!version 2 of control groups has no weight of a group's own"},
        {"[[blockIO.throttleReadBpsDevice]]\nrate = 1\n" + device, "blockIO.throttleReadBpsDevice", per_device,
         "blkio/blkio.throttle.read_bps_device=8:16 1", "io/io.max=8:16 rbps=1"},
        {"[[blockIO.throttleWriteBpsDevice]]\nrate = 2\n" + device, "blockIO.throttleWriteBpsDevice", per_device,
         "blkio/blkio.throttle.write_bps_device=8:16 2", "io/io.max=8:16 wbps=2"},
        {"[[blockIO.throttleReadIOPSDevice]]\nrate = 3\n" + device, "blockIO.throttleReadIOPSDevice", per_device,
         "blkio/blkio.throttle.read_iops_device=8:16 3", "io/io.max=8:16 riops=3"},
        {"[[blockIO.throttleWriteIOPSDevice]]\nrate = 4\n" + device, "blockIO.throttleWriteIOPSDevice", per_device,
         "blkio/blkio.throttle.write_iops_device=8:16 4", "io/io.max=8:16 wiops=4"},
        {"pids.limit = 64", "pids.limit", at_most, "pids/pids.max=64", "pids/pids.max=64"},
        {"pids.limit = -1", "pids.limit", at_most, "pids/pids.max=max", "pids/pids.max=max"},
        {"[[hugepageLimits]]\npageSize = \"2MB\"\nlimit = 4\n", "hugepageLimits", at_most,
         "hugetlb/hugetlb.2MB.limit_in_bytes=4 other=hugetlb.2MB.rsvd.limit_in_bytes=4",
         "hugetlb/hugetlb.2MB.max=4 other=hugetlb.2MB.rsvd.max=4"},
        {"[[devices]]\nallow = false\naccess = \"rwm\"\n", "devices", denial, "devices/devices.deny=a *:* rwm",
         "devices/=a *:* rwm"},
        {"[[devices]]\nallow = true\ntype = \"c\"\nmajor = 1\nminor = 3\naccess = \"wr\"\n", "devices", permission,
         "devices/devices.allow=c 1:3 rw", "devices/=c 1:3 rw"},
        {"[[devices]]\nallow = false\ntype = \"b\"\nmajor = 8\naccess = \"m\"\n", "devices", denial,
         "devices/devices.deny=b 8:* m", "devices/=b 8:* m"},
        {"network.classID = 0x100001", "network.classID", unordered, "net_cls/net_cls.classid=1048577",
         "!version 2 of control groups has neither"},
        {"[[network.priorities]]\nname = \"eth0\"\npriority = 7\n", "network.priorities", unordered,
         "net_prio/net_prio.ifpriomap=eth0 7", "!version 2 of control groups has neither"},
        {"[rdma.mlx5_0]\nhcaHandles = 2\nhcaObjects = 9\n", "rdma.mlx5_0", per_device,
         "rdma/rdma.max=mlx5_0 hca_handle=2 hca_object=9", "rdma/rdma.max=mlx5_0 hca_handle=2 hca_object=9"},
        {"[rdma.mlx5_0]\nhcaObjects = 9\n", "rdma.mlx5_0", per_device, "rdma/rdma.max=mlx5_0 hca_object=9",
         "rdma/rdma.max=mlx5_0 hca_object=9"},
        {"[unified]\n\"memory.high\" = \"512M\"\n", "unified.memory.high", at_most, "!only version 2",
         "memory/memory.high=536870912"},
    };
    for (const Case& each : cases) {
        const auto v1 = one(each.toml, CgroupVersion::v1);
        const auto v2 = one(each.toml, CgroupVersion::v2);
        INFO(each.toml);
        if (each.v1.starts_with('!'))
            CHECK_THAT(v1, Catch::StartsWith(each.v1));
        else
            CHECK(v1 == each.v1);
        if (each.v2.starts_with('!'))
            CHECK_THAT(v2, Catch::StartsWith(each.v2));
        else
            CHECK(v2 == each.v2);
        const auto setting = settings(each.toml, CgroupVersion::v1).at(0);
        CHECK(setting.key == each.key);
        CHECK(setting.comparison == each.comparison);
        CHECK_THAT(setting.from, Catch::StartsWith("c:"));
    }
}

TEST_CASE("cgroup files: every text is a normal value of its kind, so that it can be compared") {
    const auto limits = config::parse_cgroups(
        "[memory]\nlimit = 5\nswap = 9\n[cpu]\nshares = 77\nquota = 1000\ncpus = \"1-2\"\n[blockIO]\nweight = 33\n"
        "[[blockIO.weightDevice]]\nmajor = 8\nminor = 0\nweight = 44\n[[blockIO.throttleReadBpsDevice]]\nmajor = "
        "8\nminor = 0\nrate = 5\n"
        "[rdma.m]\nhcaHandles = 1\n",
        "c");
    REQUIRE(limits.ok());
    for (const auto version : {CgroupVersion::v1, CgroupVersion::v2})
        for (const CgroupSetting& each : cgroup_settings(*limits, version)) {
            INFO(each.key << " " << each.text);
            CHECK(normal_value(each.comparison, each.text) == each.text);
        }
}

TEST_CASE("cgroup files: swap is what version 2 counts, without memory") {
    CgroupLimits limits;
    limits.memory.limit = {100, "--memory"};
    limits.memory.swap = {150, "--memory-swap"};
    const auto swap = [&](CgroupVersion version) { return shown(cgroup_settings(limits, version).at(1)); };
    CHECK(swap(CgroupVersion::v1) == "memory/memory.memsw.limit_in_bytes=150");
    CHECK(swap(CgroupVersion::v2) == "memory/memory.swap.max=50");
    limits.memory.swap->value = 100;
    CHECK(swap(CgroupVersion::v2) == "memory/memory.swap.max=0");
    limits.memory.swap->value = kUnlimited;
    CHECK(swap(CgroupVersion::v2) == "memory/memory.swap.max=max");
    limits.memory.swap->value = 99;
    CHECK(swap(CgroupVersion::v2) == "!it counts memory and swap together, and is below what --memory sets");
    CHECK(swap(CgroupVersion::v1) == "!it counts memory and swap together, and is below what --memory sets");
    limits.memory.limit->value = kUnlimited;
    CHECK_THAT(swap(CgroupVersion::v1), Contains("is below what --memory sets"));
}

TEST_CASE("cgroup files: checkBeforeUpdate names the file to look at first") {
    const std::string toml = "[memory]\nlimit = 5\ncheckBeforeUpdate = true\n";
    CHECK(settings(toml, CgroupVersion::v1).at(0).usage_file == "memory.usage_in_bytes");
    CHECK(settings(toml, CgroupVersion::v2).at(0).usage_file == "memory.current");
    CHECK(settings("[memory]\nlimit = -1\ncheckBeforeUpdate = true\n", CgroupVersion::v2).at(0).usage_file.empty());
    CHECK(settings("[memory]\nlimit = 5\ncheckBeforeUpdate = false\n", CgroupVersion::v2).at(0).usage_file.empty());
}

TEST_CASE("cgroup files: the order is that of writing") {
    const auto all = settings(
        "[cpu]\nidle = 1\nshares = 5\n[memory]\nswap = 9\nlimit = 5\n[[devices]]\nallow = false\naccess = \"rwm\"\n"
        "[[devices]]\nallow = true\ntype = \"c\"\naccess = \"r\"\n",
        CgroupVersion::v1);
    std::vector<std::string> keys;
    keys.reserve(all.size());
    for (const CgroupSetting& each : all) keys.push_back(each.key + " " + each.text);
    CHECK(keys == std::vector<std::string>{"memory.limit 5", "memory.swap 9", "cpu.shares 5", "cpu.idle 1",
                                           "devices a *:* rwm", "devices c *:* r"});
}

TEST_CASE("cgroup files: [unified] names limits only, each once") {
    const auto v2 = [](const std::string& file, const std::string& value) {
        return one("[unified]\n\"" + file + "\" = \"" + value + "\"\n", CgroupVersion::v2);
    };
    CHECK(v2("cpu.max", "50000") == "cpu/cpu.max=50000 100000");
    CHECK(v2("cpuset.cpus", "3,1") == "cpuset/cpuset.cpus=1,3");
    CHECK(v2("io.max", "8:0 rbps=1k wiops=max") == "io/io.max=8:0 rbps=1024 wiops=max");
    CHECK(v2("io.weight", "8:0 50") == "io/io.weight=8:0 50");
    CHECK(v2("io.weight", "default 50") == "io/io.weight=50");
    CHECK(v2("hugetlb.2MB.max", "0") == "hugetlb/hugetlb.2MB.max=0");
    CHECK(v2("hugetlb.1GB.rsvd.max", "max") == "hugetlb/hugetlb.1GB.rsvd.max=max");
    CHECK(v2("misc.max", "res_a 5") == "misc/misc.max=res_a 5");
    for (const char* file :
         {"cgroup.procs", "cgroup.kill", "cgroup.subtree_control", "cgroup.type", "memory.reclaim", "memory.peak",
          "cpuset.cpus.partition", "cpu.pressure", "hugetlb.max", "hugetlb.2MB.x.max", "memory.maxi", "x.max"}) {
        CHECK_THAT(v2(file, "1"), Catch::StartsWith("!it is none of the limits that can be compared"));
    }
    CHECK(v2("memory.high", "lots") == "!'lots' is no value of this file");
    CHECK(v2("cpu.weight", "8:0 50") == "!'8:0 50' is no value of this file");
    CHECK(v2("cpu.weight", "0") == "!'0' is no value of this file");
    const auto both = settings("[memory]\nlimit = 5\n[unified]\n\"memory.max\" = \"4\"\n", CgroupVersion::v2);
    REQUIRE(both.size() == 2);
    CHECK(shown(both[1]) == "!c:2: memory.limit sets the same file");
    const auto pages =
        settings("[[hugepageLimits]]\npageSize = \"2MB\"\nlimit = 1\n[unified]\n\"hugetlb.2MB.rsvd.max\" = \"1\"\n",
                 CgroupVersion::v2);
    CHECK(shown(pages.at(1)) == "!c:1: hugepageLimits sets the same file");
}
