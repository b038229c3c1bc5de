// cgroups.toml: what is read, what is refused, and on which line.
#include "runtime/config/cgroups.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <limits>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

CgroupLimits good(const std::string& text) {
    auto parsed = parse_cgroups(text, "c.toml");
    if (!parsed) FAIL(text << "\n" << parsed.error().message);
    return std::move(parsed).value();
}

std::string bad(const std::string& text) {
    INFO(text);
    const auto parsed = parse_cgroups(text, "c.toml");
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().category == Category::config);
    return parsed.error().message;
}

/// What else an entry of the table must have, so that only the key in question can be wrong.
std::string others(const CgroupKey& key) {
    static const std::vector<std::pair<std::string_view, std::string>> kNeeded = {
        {"major", "major = 8\n"},       {"minor", "minor = 0\n"},
        {"rate", "rate = 1\n"},         {"pageSize", "pageSize = \"2MB\"\n"},
        {"limit", "limit = 0\n"},       {"allow", "allow = true\n"},
        {"access", "access = \"r\"\n"}, {"type", "type = \"c\"\n"},
        {"name", "name = \"eth0\"\n"},  {"priority", "priority = 1\n"},
        {"weight", "weight = 10\n"}};
    std::string lines;
    for (const auto& [name, line] : kNeeded)
        for (const CgroupKey& other : cgroup_keys())
            if (other.table == key.table && other.name == name && name != key.name && key.table.find("memory") != 0)
                lines += line;
    return lines;
}

bool is_list(std::string_view table) {
    return table == "hugepageLimits" || table == "devices" || table.starts_with("blockIO.") ||
           table.starts_with("network.");
}

/// A file in which the key, on the second line, has this value.
std::string with(const CgroupKey& key, const std::string& value) {
    std::string table(key.table == "rdma.NAME" ? "rdma.mlx5_0" : key.table);
    if (key.table.empty()) return "\n" + std::string(key.name) + " = " + value + "\n";
    table = is_list(key.table) ? "[[" + table + "]]" : "[" + table + "]";
    const bool needs_others = is_list(key.table);
    return table + "\n" + std::string(key.name) + " = " + value + "\n" + (needs_others ? others(key) : "");
}

std::string message(const CgroupKey& key) {
    std::string place(key.table == "rdma.NAME" ? "rdma.mlx5_0" : key.table);
    if (!place.empty()) place += '.';
    return "c.toml:2: " + place + std::string(key.name) + " must be " + std::string(key.expected);
}

}  // namespace

TEST_CASE("cgroups.toml: an empty one sets nothing") {
    CHECK(good("") == CgroupLimits{});
    CHECK(good("# nothing\n\n[memory]\n[cpu]\n[blockIO]\n[pids]\n[network]\n[rdma]\n[unified]\n") == CgroupLimits{});
}

TEST_CASE("cgroups.toml: every key, with the line that set it") {
    const CgroupLimits limits = good(R"(
[memory]
limit = 1073741824
reservation = 536870912
swap = -1
kernel = 1048576
kernelTCP = 1048577
swappiness = 60
disableOOMKiller = true
useHierarchy = false
checkBeforeUpdate = true
[cpu]
shares = 512
quota = 50_000
period = 100000
burst = 1000
realtimeRuntime = 950
realtimePeriod = 1000
cpus = "0-3,7"
mems = "0"
idle = 1
[blockIO]
weight = 500
leafWeight = 10
[[blockIO.weightDevice]]
major = 8
minor = 16
weight = 1000
leafWeight = 300
[[blockIO.throttleReadBpsDevice]]
major = 8
minor = 0
rate = 1048576
[[blockIO.throttleWriteBpsDevice]]
major = 8
minor = 1
rate = 2
[[blockIO.throttleReadIOPSDevice]]
major = 8
minor = 2
rate = 3
[[blockIO.throttleWriteIOPSDevice]]
major = 4095
minor = 1048575
rate = 4294967295
[pids]
limit = 64
[[hugepageLimits]]
pageSize = "2MB"
limit = 0
[[devices]]
allow = false
access = "rwm"
[[devices]]
allow = true
type = "u"
major = 1
minor = -1
access = "mr"
[network]
classID = 0x100001
[[network.priorities]]
name = "eth0"
priority = 7
[rdma.mlx5_0]
hcaHandles = 3
[rdma."mlx5-1.2"]
hcaHandles = 0
hcaObjects = 10000
[unified]
"memory.high" = "512M"
"hugetlb.2MB.max" = "max"
)");
    const auto at = [](int line, const std::string& key) { return "c.toml:" + std::to_string(line) + ": " + key; };
    CgroupLimits expected;
    MemoryLimits& memory = expected.memory;
    memory.limit = {1073741824, at(3, "memory.limit")};
    memory.reservation = {536870912, at(4, "memory.reservation")};
    memory.swap = {-1, at(5, "memory.swap")};
    memory.kernel = {1048576, at(6, "memory.kernel")};
    memory.kernel_tcp = {1048577, at(7, "memory.kernelTCP")};
    memory.swappiness = {60, at(8, "memory.swappiness")};
    memory.disable_oom_killer = {true, at(9, "memory.disableOOMKiller")};
    memory.use_hierarchy = {false, at(10, "memory.useHierarchy")};
    memory.check_before_update = {true, at(11, "memory.checkBeforeUpdate")};
    CHECK(limits.memory == memory);
    CpuLimits& cpu = expected.cpu;
    cpu.shares = {512, at(13, "cpu.shares")};
    cpu.quota = {50000, at(14, "cpu.quota")};
    cpu.period = {100000, at(15, "cpu.period")};
    cpu.burst = {1000, at(16, "cpu.burst")};
    cpu.realtime_runtime = {950, at(17, "cpu.realtimeRuntime")};
    cpu.realtime_period = {1000, at(18, "cpu.realtimePeriod")};
    cpu.cpus = {{0, 1, 2, 3, 7}, at(19, "cpu.cpus")};
    cpu.mems = {{0}, at(20, "cpu.mems")};
    cpu.idle = {true, at(21, "cpu.idle")};
    CHECK(limits.cpu == cpu);
    BlockLimits& block = expected.block;
    block.weight = {500, at(23, "blockIO.weight")};
    block.leaf_weight = {10, at(24, "blockIO.leafWeight")};
    block.weight_devices = {{{{8, 16}, 1000, 300}, at(25, "blockIO.weightDevice")}};
    block.read_bytes = {{{{8, 0}, 1048576}, at(30, "blockIO.throttleReadBpsDevice")}};
    block.write_bytes = {{{{8, 1}, 2}, at(34, "blockIO.throttleWriteBpsDevice")}};
    block.read_requests = {{{{8, 2}, 3}, at(38, "blockIO.throttleReadIOPSDevice")}};
    block.write_requests = {{{{4095, 1048575}, 4294967295}, at(42, "blockIO.throttleWriteIOPSDevice")}};
    CHECK(limits.block == block);
    expected.pids = {64, at(47, "pids.limit")};
    expected.hugepages = {{{"2MB", 0}, at(48, "hugepageLimits")}};
    expected.devices = {{{false, DeviceType::all, {}, {}, "rwm"}, at(51, "devices")},
                        {{true, DeviceType::character, 1, {}, "rm"}, at(54, "devices")}};
    expected.network.class_id = {0x100001, at(61, "network.classID")};
    expected.network.priorities = {{{"eth0", 7}, at(62, "network.priorities")}};
    expected.rdma = {{{"mlx5-1.2", 0, 10000}, at(67, "rdma.mlx5-1.2")}, {{"mlx5_0", 3, {}}, at(65, "rdma.mlx5_0")}};
    expected.unified = {{{"hugetlb.2MB.max", "max"}, at(72, "unified.\"hugetlb.2MB.max\"")},
                        {{"memory.high", "512M"}, at(71, "unified.\"memory.high\"")}};
    CHECK(limits.devices == expected.devices);
    CHECK(limits.rdma == expected.rdma);
    CHECK(limits.unified == expected.unified);
    CHECK(limits == expected);
}

TEST_CASE("cgroups.toml: each key takes its range, and says what it expects for anything else") {
    for (const CgroupKey& key : cgroup_keys()) {
        INFO(key.table << " " << key.name);
        for (const char* value : {"[]", "1979-05-27", "1.5", "\"\"", "[[]]", "[1]"}) {
            if (value[0] == '[' && key.expected.find("list of tables") != std::string::npos &&
                std::string(value) == "[]")
                continue;
            CHECK_THAT(bad(with(key, value)), Equals(message(key)));
        }
        if (key.expected.find("table") != std::string::npos) {
            CHECK_THAT(bad(with(key, "1")), Equals(message(key)));
        } else if (key.most == 0) {
            CHECK_THAT(bad(with(key, "1")), Equals(message(key)));
            CHECK_THAT(bad(with(key, key.expected == "true or false" ? "\"true\"" : "true")), Equals(message(key)));
        } else {
            (void)good(with(key, std::to_string(key.least)));
            (void)good(with(key, std::to_string(key.most)));
            if (key.none) (void)good(with(key, "-1"));
            if (!(key.none && key.least == 0))
                CHECK_THAT(bad(with(key, std::to_string(key.least - 1))), Equals(message(key)));
            if (key.most != std::numeric_limits<std::int64_t>::max())
                CHECK_THAT(bad(with(key, std::to_string(key.most + 1))), Equals(message(key)));
            for (const char* value : {"-2", "\"10\"", "true", "10.0", "-9223372036854775808"})
                CHECK_THAT(bad(with(key, value)), Equals(message(key)));
            CHECK_THAT(bad(with(key, "9223372036854775808")), Contains("c.toml:2: "));
        }
    }
}

TEST_CASE("cgroups.toml: texts") {
    const auto key = [](std::string_view table, std::string_view name) {
        for (const CgroupKey& each : cgroup_keys())
            if (each.table == table && each.name == name) return each;
        FAIL("no such key");
        return CgroupKey{};
    };
    struct Case {
        const char* table;
        const char* name;
        std::vector<std::string> good;
        std::vector<std::string> bad;
    };
    const std::vector<Case> cases = {
        {"cpu", "cpus", {"0", "0-8191", "3, 1"}, {"", " ", ",", "0-8192", "3-1", "a", "0\\n1"}},
        {"cpu", "mems", {"0", "0-1"}, {"", "-1"}},
        {"hugepageLimits",
         "pageSize",
         {"64KB", "2MB", "1GB", "512MB"},
         {"", "2M", "2mb", "MB", "3MB", "1024KB", "2 MB", "0MB", "2MB/", "../MB", "02MB"}},
        {"devices", "type", {"b", "c", "u"}, {"", "p", "B", "bc", "all"}},
        {"devices", "access", {"r", "w", "m", "rw", "mwr"}, {"", "rr", "x", "rwx", "rwmr", "R"}},
        {"network.priorities",
         "name",
         {"eth0", "ib0.8001", "abcdefghijklmno"},
         {"", ".", "..", "a/b", "a b", "a:1", "abcdefghijklmnop", "a\\n", "é"}},
    };
    for (const Case& each : cases) {
        const CgroupKey row = key(each.table, each.name);
        for (const std::string& value : each.good) (void)good(with(row, "\"" + value + "\""));
        for (const std::string& value : each.bad) CHECK_THAT(bad(with(row, "\"" + value + "\"")), Equals(message(row)));
    }
    CHECK(good("[[devices]]\nallow = true\ntype = \"a\"\naccess = \"wr\"\n").devices[0].value.access == "rw");
}

TEST_CASE("cgroups.toml: an unknown key is refused, with the nearest one") {
    CHECK_THAT(bad("[blockio]\n"), Equals("c.toml:1: unknown key 'blockio'; did you mean 'blockIO'?"));
    CHECK_THAT(bad("memory.limits = 1\n"), Equals("c.toml:1: unknown key 'limits' in memory; did you mean 'limit'?"));
    CHECK_THAT(bad("[memory]\n\nkernelTcp = 1\n"),
               Contains("c.toml:3: unknown key 'kernelTcp' in memory; did you mean 'kernelTCP'?"));
    CHECK_THAT(bad("[cpu]\ncpuset = \"0\"\n"), Contains("c.toml:2: unknown key 'cpuset' in cpu"));
    CHECK_THAT(bad("[[devices]]\nallow = true\naccess = \"r\"\nmnor = 3\n"),
               Contains("c.toml:4: unknown key 'mnor' in devices; did you mean 'minor'?"));
    CHECK_THAT(bad("[[network.priorities]]\nname = \"eth0\"\npriority = 1\nx = 1\n"),
               Contains("c.toml:4: unknown key 'x' in network.priorities"));
    CHECK_THAT(bad("[rdma.m]\nhcaHandle = 1\n"),
               Contains("unknown key 'hcaHandle' in rdma.m; did you mean 'hcaHandles'?"));
    CHECK_THAT(bad("[memory]\n\"a\\nb\" = 1\n"), Equals("c.toml:2: unknown key 'a\\x0ab' in memory"));
}

TEST_CASE("cgroups.toml: what an entry must have") {
    const std::string device = "major = 8\nminor = 0\n";
    CHECK_THAT(bad("\n[[blockIO.throttleReadBpsDevice]]\nminor = 0\nrate = 1\n"),
               Equals("c.toml:2: blockIO.throttleReadBpsDevice.major is missing"));
    CHECK_THAT(bad("[[blockIO.throttleReadBpsDevice]]\nmajor = 8\nrate = 1\n"), Contains("minor is missing"));
    CHECK_THAT(bad("[[blockIO.throttleReadBpsDevice]]\n" + device), Contains("rate is missing"));
    CHECK_THAT(bad("[[blockIO.weightDevice]]\n" + device),
               Equals("c.toml:1: blockIO.weightDevice has neither weight nor leafWeight"));
    CHECK_THAT(bad("[[hugepageLimits]]\nlimit = 1\n"), Contains("hugepageLimits.pageSize is missing"));
    CHECK_THAT(bad("[[hugepageLimits]]\npageSize = \"2MB\"\n"), Contains("hugepageLimits.limit is missing"));
    CHECK_THAT(bad("[[devices]]\naccess = \"r\"\n"), Contains("devices.allow is missing"));
    CHECK_THAT(bad("[[devices]]\nallow = true\n"), Contains("devices.access is missing"));
    CHECK_THAT(bad("[[network.priorities]]\npriority = 1\n"), Contains("network.priorities.name is missing"));
    CHECK_THAT(bad("[[network.priorities]]\nname = \"eth0\"\n"), Contains("network.priorities.priority is missing"));
    CHECK_THAT(bad("[rdma.m]\n"), Equals("c.toml:1: rdma.m has neither hcaHandles nor hcaObjects"));
    CHECK_THAT(bad("[rdma]\nm = 1\n"), Equals("c.toml:2: rdma.m must be a table: write [rdma.m] above its keys"));
    CHECK_THAT(bad("[rdma.\"a b\"]\nhcaHandles = 1\n"), Contains("c.toml:1: rdma.a b: a device's name has"));
    CHECK_THAT(bad("[rdma.\"\"]\nhcaHandles = 1\n"), Contains("a device's name has"));
}

TEST_CASE("cgroups.toml: what contradicts itself") {
    CHECK_THAT(bad("[memory]\nlimit = 10\nswap = 9\n"),
               Equals("c.toml:3: memory.swap is below memory.limit: it counts memory and swap together"));
    CHECK_THAT(bad("[memory]\nlimit = -1\nswap = 9\n"), Contains("memory.swap is below memory.limit"));
    CHECK_THAT(bad("[memory]\nlimit = 10\nreservation = 11\n"),
               Contains("c.toml:2: memory.limit is below memory.reservation"));
    CHECK_THAT(bad("[cpu]\nquota = 1000\nburst = 1001\n"), Contains("c.toml:2: cpu.quota is below cpu.burst"));
    CHECK_THAT(bad("[cpu]\nrealtimeRuntime = 11\nrealtimePeriod = 10\n"),
               Contains("cpu.realtimePeriod is below cpu.realtimeRuntime"));
    (void)good("[memory]\nlimit = 10\nswap = 10\nreservation = 10\n");
    (void)good("[memory]\nlimit = 10\nswap = -1\n");
    (void)good("[memory]\nlimit = -1\nreservation = 5\nswap = -1\n");
    (void)good("[memory]\nswap = 5\n");
    (void)good("[cpu]\nquota = -1\nburst = 5\n");
    CHECK_THAT(bad("[[devices]]\nallow = true\nmajor = 1\naccess = \"r\"\n"),
               Equals("c.toml:1: devices: a rule for one number needs a type, \"b\" or \"c\""));
    const std::string rate = "[[blockIO.throttleReadBpsDevice]]\nmajor = 8\nminor = 0\nrate = 1\n";
    CHECK_THAT(
        bad(rate + rate),
        Equals("c.toml:5: blockIO.throttleReadBpsDevice is about the same as an entry above it; make one of the two"));
    const std::string page = "[[hugepageLimits]]\npageSize = \"2MB\"\nlimit = 1\n";
    CHECK_THAT(bad(page + page), Contains("c.toml:4: hugepageLimits is about the same"));
    const std::string priority = "[[network.priorities]]\nname = \"eth0\"\npriority = 1\n";
    CHECK_THAT(bad(priority + priority), Contains("c.toml:4: network.priorities is about the same"));
    const std::string rule = "[[devices]]\nallow = true\naccess = \"r\"\n";
    CHECK(good(rule + rule).devices.size() == 2);
}

TEST_CASE("cgroups.toml: unified names files of a control group, never a path, and gives them one line") {
    const auto file = [](const std::string& name, const std::string& value) {
        return "[unified]\n\"" + name + "\" = " + value + "\n";
    };
    for (const char* name : {"memory.high", "io.bfq.weight", "cpu.max.burst", "hugetlb.1GB.rsvd.max"})
        CHECK(good(file(name, "\"1\"")).unified[0].value.file == name);
    for (const char* name : {"", "memory", ".", "..", "memory.", ".max", "memory..max", "../memory.max", "a/memory.max",
                             "memory.max\\n", "memory.m x", "a.\\u0000"})
        CHECK_THAT(bad(file(name, "\"1\"")), Contains("a file's name is CONTROLLER.NAME in quotes"));
    CHECK_THAT(bad(file("a." + std::string(64, 'a'), "\"1\"")), Contains("a file's name is"));
    for (const char* value : {"\"\"", "1", "true", "[\"1\"]", R"("1\n2")", R"("1\n")", R"("\u0000")", "\"é\""})
        CHECK_THAT(bad(file("memory.high", value)), Equals("c.toml:2: unified.\"memory.high\" must be a text in "
                                                           "quotes: one line of at most 1024 characters of ASCII"));
    (void)good(file("memory.high", "\"" + std::string(1024, '1') + "\""));
    (void)bad(file("memory.high", "\"" + std::string(1025, '1') + "\""));
    CHECK_THAT(bad("[unified]\nmemory.high = \"1\"\n"), Contains("a file's name is CONTROLLER.NAME in quotes"));
}

TEST_CASE("cgroups.toml: sizes are bounded") {
    std::string many;
    for (int i = 0; i < 257; ++i)
        many += "[[blockIO.throttleReadBpsDevice]]\nmajor = 8\nminor = " + std::to_string(i) + "\nrate = 1\n";
    CHECK_THAT(bad(many), Contains("blockIO.throttleReadBpsDevice has more than 256 entries"));
    std::string files = "[unified]\n";
    for (int i = 0; i < 257; ++i) files += "\"a.b" + std::to_string(i) + "\" = \"1\"\n";
    CHECK_THAT(bad(files), Equals("c.toml:1: unified has more than 256 entries"));
    CHECK_THAT(bad("#" + std::string(kMaxCgroupsSize, '\n')), Equals("c.toml: the file is larger than 65536 bytes"));
    CHECK_THAT(bad("#" + std::string(5000, 'x')), Contains("c.toml:1: the line is longer than 4096 bytes"));
    CHECK_THAT(bad(std::string(4000, '[')), Contains("c.toml:1: "));
    std::string mistakes = "[memory]\n";
    for (int i = 0; i < 200; ++i) mistakes += "x" + std::to_string(i) + " = 1\n";
    const auto reading = read_cgroups(mistakes, "c.toml");
    REQUIRE(reading.problems.size() == kMaxProblems);
    CHECK(reading.problems[0].to_string() == "c.toml:2: unknown key 'x0' in memory");
    CHECK(reading.problems.back().to_string() == "c.toml: too many problems; mend these, then check again");
}

TEST_CASE("cgroups.toml: what is no TOML, or says a thing twice, has its line") {
    CHECK_THAT(bad("[memory]\nlimit = 1\nlimit = 2\n"), Contains("c.toml:3: "));
    CHECK_THAT(bad("[memory]\n[cpu]\n[memory]\n"), Contains("c.toml:3: "));
    CHECK_THAT(bad("[memory]\nlimit 1\n"), Contains("c.toml:2: "));
    CHECK_THAT(bad("[memory]\nlimit = \"1G\n"), Contains("c.toml:2: "));
    CHECK_THAT(bad("limit = 5\n"), Equals("c.toml:1: unknown key 'limit'"));
    CHECK_THAT(bad("devices = [{allow = true, access = \"r\"}, 3]\n"),
               Contains("c.toml:1: devices must be a list of tables"));
    CHECK(good("devices = [{allow = true, access = \"r\"}]\n").devices[0].from == "c.toml:1: devices");
}

namespace {

std::string source_file(const std::string& name) {
    auto text = read_file(BERTH_SOURCE_DIR "/" + name, kMaxFileSize);
    if (!text) FAIL(text.error().message);
    return *text;
}

/// "\n#limit = 5" and "\n#[memory]" without their '#'; what has a blank behind it is prose.
std::string without_comment_signs(const std::string& text) {
    std::string result;
    for (std::string line : split(text, '\n')) {
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
        result += line + "\n";
    }
    return result;
}

/// Whether the text has the key: as a table's name, or as `spelled`.
bool names(const std::string& text, const CgroupKey& key, const std::string& spelled) {
    const std::string name(key.name);
    return std::ranges::any_of(std::array{spelled, "[" + name + "]", "[" + name + ".", "." + name + "]]"},
                               [&](const std::string& form) { return text.find(form) != std::string::npos; });
}

}  // namespace

TEST_CASE("cgroups.toml: the example sets nothing, and without its comment signs every key") {
    const std::string example = source_file("conf/cgroups.toml.example");
    CHECK(good(example) == CgroupLimits{});
    const std::string set = without_comment_signs(example);
    (void)good(set);
    for (const CgroupKey& key : cgroup_keys()) {
        INFO(key.table << " " << key.name);
        CHECK(names(set, key, "\n" + std::string(key.name) + " = "));
    }
}

TEST_CASE("cgroups.toml: the configuration page has every key") {
    const std::string page = source_file("docs/configuration.md");
    const auto begin = page.find("\n# cgroups.toml\n");
    REQUIRE(begin != std::string::npos);
    const std::string section = page.substr(begin, page.find("\n# ", begin + 1) - begin);
    for (const CgroupKey& key : cgroup_keys()) {
        INFO(key.table << " " << key.name);
        CHECK(names(section, key, "`" + std::string(key.name) + "`"));
    }
}
