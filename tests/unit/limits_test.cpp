// Limits of control groups, reconciled with what holds already.
#include "runtime/policy/limits.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/base/io.hpp"
#include "runtime/exec/cgroup_settings.hpp"
#include "runtime/exec/cgroup_wire.hpp"
#include "runtime/exec/device_limits.hpp"
#include "runtime/exec/limit_wire.hpp"
#include "runtime/request/options.hpp"

using namespace berth;

namespace {

CgroupLimits with(const std::string& option, const std::string& value, CgroupLimits limits = {}) {
    Request request;
    request.limits = std::move(limits);
    for (const Option& each : options())
        if (each.name == option) REQUIRE(give(request, each, value));
    return request.limits;
}

/// Slurm's cgroups of a step, on v1 unless another is said.
CgroupFacts slurms(CgroupVersion version = CgroupVersion::v1) {
    CgroupFacts facts;
    facts.version = version;
    facts.slurms = true;
    facts.controllers = {"memory", "cpuset", "devices"};
    return facts;
}

std::vector<DecidedLimit> decided(const LimitInputs& inputs, bool enable = false) {
    auto result = reconcile(inputs, {enable});
    REQUIRE(result);
    return *result;
}

std::string refusal(const LimitInputs& inputs, bool enable = false) {
    const auto result = reconcile(inputs, {enable, {"berth.conf", 7}});
    REQUIRE_FALSE(result);
    return result.error().message;
}

}  // namespace

TEST_CASE("A limit is what is asked for, or Slurm's where that is tighter") {
    CgroupFacts facts = slurms();
    facts.values["memory.limit_in_bytes"] = {{"job", "209715200"}, {"step", "104857600"}};
    const auto loose = decided({with("memory", "1g"), {}, facts});
    REQUIRE(loose.size() == 1);
    CHECK(loose[0].setting.text == "1073741824");
    CHECK(loose[0].above == "104857600 (step)");
    CHECK(loose[0].effective == "104857600");
    const auto tight = decided({with("memory", "64m"), {}, facts});
    CHECK(tight[0].above == "104857600 (step)");
    CHECK(tight[0].effective == "67108864");
    // 2^63 less a page is how version 1 says that there is none.
    facts.values["memory.limit_in_bytes"] = {{"job", "9223372036854771712"}, {"step", "9223372036854771712"}};
    CHECK(decided({with("memory", "64m"), {}, facts})[0].above.empty());
}

TEST_CASE("A user's limit makes the site's tighter, and never looser") {
    const LimitInputs tighter{with("memory", "32m"), with("memory", "64m"), slurms()};
    REQUIRE(decided(tighter).size() == 1);
    CHECK(decided(tighter)[0].effective == "33554432");
    const LimitInputs looser{with("memory", "1g"), with("memory", "64m"), slurms()};
    REQUIRE(decided(looser).size() == 1);
    CHECK(decided(looser)[0].effective == "67108864");
    const LimitInputs silent{{}, with("memory", "64m"), slurms()};
    CHECK(decided(silent)[0].effective == "67108864");
    CHECK(decided({{}, {}, slurms()}).empty());
}

TEST_CASE("Of CPUs there are those that everybody allows, and one at least") {
    CgroupFacts facts = slurms();
    facts.values["cpuset.cpus"] = {{"step", "0-3"}};
    CHECK(decided({with("cpuset-cpus", "2-7"), {}, facts})[0].effective == "2-3");
    CHECK(decided({with("cpuset-cpus", "2-7"), with("cpuset-cpus", "3-9"), facts})[0].effective == "3");
    CHECK(refusal({with("cpuset-cpus", "8"), {}, facts}).find("--cpuset-cpus") == 0);
}

TEST_CASE("Of a long list of CPUs, too") {
    CgroupFacts facts = slurms();
    facts.values["cpuset.cpus"] = {{"step", "0,2,4,6,8,10,12,14,16"}};
    const auto both = decided({with("cpuset-cpus", "0-3"), {}, facts});
    CHECK(both[0].above == "0,2,4,6,8,10,12,14,16 (step)");
    CHECK(both[0].effective == "0,2");
    CHECK_FALSE(refusal({with("cpuset-cpus", "1,3"), {}, facts}).empty());
}

TEST_CASE("A user's limits of a device leave the site's others as they are") {
    CgroupFacts facts = slurms(CgroupVersion::v2);
    facts.controllers = {"io", "rdma"};
    const auto io = [](const std::string& line) {
        CgroupLimits limits;
        limits.unified.push_back({{"io.max", line}, "f:1"});
        return limits;
    };
    CgroupLimits site;
    site.block.read_bytes.push_back({{{8, 0}, 1048576}, "c:1"});
    site.block.write_bytes.push_back({{{8, 0}, 2097152}, "c:2"});
    CHECK(decided({{}, site, facts}).at(0).effective == "8:0 rbps=1048576 wbps=2097152");
    CHECK(decided({io("8:0 wiops=77"), site, facts}).at(0).effective == "8:0 rbps=1048576 wbps=2097152 wiops=77");
    CHECK(decided({io("8:0 rbps=99999999 wbps=5"), site, facts}).at(0).effective == "8:0 rbps=1048576 wbps=5");
    CHECK(decided({io("8:0 rbps=99999999"), site, facts}).at(0).effective == "8:0 rbps=1048576 wbps=2097152");
    CHECK(decided({io("8:16 rbps=3"), site, facts}).size() == 2);
    CgroupLimits rdma;
    rdma.rdma.push_back({{"mlx5_0", 10, std::nullopt}, "c:3"});
    CgroupLimits more;
    more.rdma.push_back({{"mlx5_0", std::nullopt, 5000}, "f:2"});
    const auto both = decided({more, rdma, facts});
    REQUIRE(both.size() == 1);
    CHECK(both[0].effective == "mlx5_0 hca_handle=10 hca_object=5000");
}

TEST_CASE("One device has one name") {
    for (const char* name : {"08:0", "8:00", "+8:0", "8:", ":0", "8:0x0", " 8:0:0"}) {
        INFO(name);
        CHECK_FALSE(normal_value(Comparison::per_device, std::string(name) + " rbps=1"));
        CHECK_FALSE(normal_value(Comparison::device_weight, std::string(name) + " 10"));
    }
    CHECK(normal_value(Comparison::per_device, "8:0 rbps=1") == "8:0 rbps=1");
    CHECK(normal_value(Comparison::per_device, "mlx5_0 hca_handle=1") == "mlx5_0 hca_handle=1");
}

TEST_CASE("A limit of two files is two limits, each beside what the site says of that file") {
    CgroupFacts facts = slurms(CgroupVersion::v2);
    facts.controllers = {"hugetlb"};
    CgroupLimits site;
    site.unified.push_back({{"hugetlb.2MB.rsvd.max", "0"}, "c:1"});
    CgroupLimits user;
    user.hugepages.push_back({{"2MB", 4096}, "f:1"});
    const auto both = decided({user, site, facts});
    REQUIRE(both.size() == 2);
    CHECK(both[0].setting.file == "hugetlb.2MB.rsvd.max");
    CHECK(both[0].effective == "0");
    CHECK(both[1].setting.file == "hugetlb.2MB.max");
    CHECK(both[1].effective == "4096");
    CHECK(both[1].setting.other_file == "hugetlb.2MB.rsvd.max");
}

TEST_CASE("What a node cannot honour is refused, with the key and the reason") {
    CHECK(refusal({with("cpus", "0.5"), {}, slurms()}).find("--cpus: Slurm puts the steps of this node into no control group of the controller cpu") == 0);
    CgroupFacts facts = slurms(CgroupVersion::v2);
    facts.dormant = {"pids"};
    CHECK(refusal({with("pids-limit", "10"), {}, facts}).find("(berth.conf:7: enable cgroup controllers = no)") != std::string::npos);
    CHECK(decided({with("pids-limit", "10"), {}, facts}, true)[0].setting.file == "pids.max");
    facts.problem = "no way";
    CHECK(refusal({with("memory", "1g"), {}, facts}) == "--memory: no way");
    CgroupLimits kernel;
    kernel.memory.kernel = {1 << 20, "f:3: memory.kernel"};
    CHECK(refusal({kernel, {}, slurms(CgroupVersion::v2)}).find("f:3: memory.kernel: ") == 0);
    CgroupLimits swappiness;
    swappiness.memory.swappiness = {10, "f:4: memory.swappiness"};
    CHECK(refusal({swappiness, {}, slurms()}).find("only tightened") != std::string::npos);
}

TEST_CASE("Options stand over a file's values") {
    CgroupLimits file = with("memory", "1g", with("pids-limit", "7"));
    file.unified.push_back({{"memory.high", "1"}, "f:1"});
    const CgroupLimits both = merged(file, with("memory", "2g"));
    CHECK(both.memory.limit->value == std::int64_t{2} << 30);
    CHECK(both.pids->value == 7);
    CHECK(both.unified.size() == 1);
}

TEST_CASE("Values of options") {
    Request request;
    const auto fails = [&](const std::string& name, const std::string& value) {
        for (const Option& each : options())
            if (each.name == name) return !give(request, each, value);
        return false;
    };
    for (const char* value : {"", "0", "x", "-1", "1q", "99999999999999999999"}) CHECK(fails("memory", value));
    for (const char* value : {"", "0", "x", "-2"}) CHECK(fails("pids-limit", value));
    for (const char* value : {"", "9", "1001", "1.5"}) CHECK(fails("blkio-weight", value));
    for (const char* value : {"", "3-1", "a", "0-99999"}) CHECK(fails("cpuset-cpus", value));
    for (const char* value : {"", "0", "-1", "x"}) CHECK(fails("cpus", value));
    CHECK(with("memory-swap", "-1").memory.swap->value == kUnlimited);
    CHECK(with("pids-limit", "-1").pids->value == kUnlimited);
}

TEST_CASE("Device rules of version 1 only take away") {
    const std::string all = "a *:* rwm", some = "c 1:3 rwm\nc 136:* rw\nb 8:0 r";
    using Lines = std::vector<std::string>;
    CHECK(device_list_after(all, "- a *:* rwm\n+ c 1:3 rw\n").value() == Lines{"c 1:3 rw"});
    CHECK(device_list_after(some, "- a *:* rwm\n+ c *:* r\n").value() == Lines{"c 1:3 r", "c 136:* r"});
    CHECK(device_list_after(some, "- a *:* rwm\n+ a *:* rwm\n").value() == Lines{"c 1:3 rwm", "c 136:* rw", "b 8:0 r"});
    CHECK(device_list_after(some, "+ c 10:229 rwm\n").value() == Lines{"c 1:3 rwm", "c 136:* rw", "b 8:0 r"});
    CHECK(device_list_after(some, "- c 1:3 w\n").value() == Lines{"c 1:3 rm", "c 136:* rw", "b 8:0 r"});
    CHECK(device_list_after(some, "- b *:* rwm\n").value() == Lines{"c 1:3 rwm", "c 136:* rw"});
    const auto partly = device_list_after(some, "- c 136:5 rw\n");
    REQUIRE_FALSE(partly);
    CHECK(partly.error().category == Category::unsupported);
}

TEST_CASE("What the site takes away no rules of a user's give back") {
    char folder[] = "/tmp/berth-test.XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    const std::string at = folder;
    std::ofstream(at + "/devices.list") << "c 1:3 rwm\nc 195:* rwm\n";
    std::ofstream(at + "/devices.deny") << "";
    std::ofstream(at + "/devices.allow") << "";
    DecidedLimit site, user;
    site.setting.controller = user.setting.controller = kDevices;
    site.setting.text = "- c 195:* rwm\n";
    user.setting.text = "- c 1:7 rwm\n+ a *:* rwm\n";
    CHECK(write_device_rules({site, user}, at, DeviceList::slurms));
    // Each entry is a write, and of a plain file the last one stays.
    CHECK(read_file(at + "/devices.allow", 4096).value().starts_with("c 1:3 rwm"));
    std::filesystem::remove_all(at);
}

TEST_CASE("A number that the kernel takes and does not keep is no limit") {
    char folder[] = "/tmp/berth-test.XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    const std::string at = folder;
    CgroupSetting setting;
    setting.file = "memory.max";
    setting.comparison = Comparison::at_most;
    // Of a plain file what is written takes the place of as many bytes, and the rest stays.
    const auto after = [&](const char* before, const char* text) {
        std::ofstream(at + "/memory.max") << before;
        return write_setting(at, setting, text);
    };
    CHECK(after("2000", "1000"));
    CHECK(after("1", "max"));
    const auto kept = after("99999", "1000");
    REQUIRE_FALSE(kept);
    CHECK(kept.error().category == Category::unsupported);
    CHECK(kept.error().message.ends_with("takes 1000 for memory.max, and keeps 10009"));
    std::filesystem::remove_all(at);
    CHECK_FALSE(write_setting(at, setting, "1000"));
}

TEST_CASE("A program of device rules has no part that is never reached") {
    DecidedLimit rules;
    rules.setting.controller = kDevices;
    rules.setting.text = "+ c 1:3 rwm\n- a *:* rwm\n+ c 1:5 r\n";
    const auto program = device_program({rules, rules});
    REQUIRE(program);
    std::vector<bool> reached(program->size(), false);
    reached[0] = true;
    for (std::size_t i = 0; i < program->size(); ++i) {
        if (!reached[i]) continue;
        const bpf_insn& each = (*program)[i];
        const int kind = each.code & 0x07;
        const bool jumps = kind == BPF_JMP || kind == BPF_JMP32;
        const bool leaves = each.code == (BPF_JMP | BPF_EXIT), always = each.code == (BPF_JMP | BPF_JA);
        if (jumps && !leaves) reached.at(i + 1 + static_cast<std::size_t>(each.off)) = true;
        if (!leaves && !always) reached.at(i + 1) = true;
    }
    CHECK(std::count(reached.begin(), reached.end(), false) == 0);
}

TEST_CASE("Limits survive a message") {
    CgroupLimits limits = with("cpuset-cpus", "0-3,7", with("memory", "1g"));
    limits.devices.push_back({{true, DeviceType::character, 1, std::nullopt, "rw"}, "f:9"});
    limits.hugepages.push_back({{"2MB", 4096}, "f:10"});
    limits.rdma.push_back({{"mlx5_0", 3, std::nullopt}, "f:11"});
    Packer packer;
    pack(packer, limits);
    Unpacker unpacker(packer.data());
    CHECK(unpack_limits(unpacker) == limits);
    CHECK(unpacker.complete());
    for (std::size_t cut = 0; cut < packer.data().size(); ++cut) {
        Unpacker shorter(std::string_view(packer.data()).substr(0, cut));
        CHECK_FALSE(unpack_limits(shorter));
    }
    const auto all = decided({limits, {}, [] {
                                  CgroupFacts facts = slurms();
                                  facts.slurms = false;
                                  facts.controllers.insert(facts.controllers.end(), {"hugetlb", "rdma"});
                                  return facts;
                              }()});
    Packer second;
    pack(second, all);
    Unpacker back(second.data());
    CHECK(unpack_decided_limits(back) == all);
}
