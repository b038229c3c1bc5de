// What --explain prints, for a person and for a program.
#include "runtime/plan/explain.hpp"

#include <nlohmann/json.hpp>

#include "decision_fixture.hpp"
#include "runtime/base/text.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

Plan plan_of(const Situation& now) {
    return make_plan(now.decide(), now.image, now.job, {{"fuse"}, true, true});
}

}  // namespace

TEST_CASE("explain: text has each ruling with its rule, and each step with its number and phase") {
    Situation now;
    now.with_site("mount sys = no\n").with("bind", "/x:/y:ro");
    const Plan plan = plan_of(now);
    const std::string text = explain_text(now.decide(), plan);
    CHECK_THAT(text, Contains("/sys") && Contains("left to the image  [" + rule_at(1, "mount sys = no") + "]"));
    CHECK_THAT(text, Contains("bind /x at /y, read-only\n"));
    CHECK_THAT(text, Contains("   2 prepare  new user namespace (uid 1000, gid 1001) and mount namespace (slave)\n"));
    CHECK_THAT(
        text,
        Contains("mount the image by FUSE in a user namespace: 4096 bytes at offset 32768, read-only, nosuid, nodev"));
    CHECK_THAT(text, Contains("user     change to /data/run, or else /home/ada, or else /\n"));
    const auto lines = split(text, '\n');
    CHECK(lines.size() ==
          now.decide().rulings.size() + plan.steps.size() + 3);  // two headings, and the last line's end
}

TEST_CASE("explain: a refusal has no plan") {
    Situation now;
    now.with_site("allow container sif = no\n");
    const Plan plan = plan_of(now);
    const std::string text = explain_text(now.decide(), plan);
    CHECK_THAT(text, Contains("\nrefused\n  " + now.decide().refusal->message + "\n"));
    CHECK_THAT(text, !Contains("\nplan\n") && !Contains("prepare"));
    const json root = json::parse(explain_json(now.decide(), plan));
    CHECK(root["allowed"] == false);
    CHECK(root["refusal"]["category"] == "denied");
    CHECK(root["refusal"]["message"] == now.decide().refusal->message);
    CHECK(root["plan"].empty());
    CHECK(root["decision"].size() == now.decide().rulings.size());
}

TEST_CASE("explain: JSON has every ruling and step, in order") {
    Situation now;
    now.with("bind", "/x:/y");
    const Decision decision = now.decide();
    const Plan plan = plan_of(now);
    const json root = json::parse(explain_json(decision, plan));
    CHECK(root["allowed"] == true);
    CHECK_FALSE(root.contains("refusal"));
    CHECK(root["driver"] == to_string(decision.driver));
    REQUIRE(root["decision"].size() == decision.rulings.size());
    for (std::size_t i = 0; i < decision.rulings.size(); ++i)
        CHECK(root["decision"][i] == json{{"subject", decision.rulings[i].subject},
                                          {"outcome", decision.rulings[i].outcome},
                                          {"rule", decision.rulings[i].rule}});
    REQUIRE(root["plan"].size() == plan.steps.size());
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        CHECK(root["plan"][i]["phase"] == to_string(plan.steps[i].phase));
        CHECK(root["plan"][i]["effect"] == name_of(plan.steps[i].effect));
        CHECK(root["plan"][i]["description"] == describe(plan.steps[i].effect, plan));
    }
}

TEST_CASE("explain: names that are no text, or that steer a terminal, do no harm") {
    Situation now;
    now.with("bind", "/x\x1b[2J:/y\xff").with("home", "/h\x1b\xff:/i");
    now.in("/data/\x1b\xfe");
    const Plan plan = plan_of(now);
    const std::string text = explain_text(now.decide(), plan);
    for (const auto& line : split(text, '\n')) CHECK(printable(line, 100000) == line);
    CHECK_THAT(text, Contains(R"(/x\x1b[2J)") && Contains(R"(/y\xff)"));
    CHECK(json::accept(explain_json(now.decide(), plan)));
    now.image.architecture = "arm\xff\x1b";
    CHECK(json::accept(explain_json(now.decide(), plan)));
    for (const auto& line : split(explain_text(now.decide(), plan), '\n')) CHECK(printable(line, 100000) == line);
}

TEST_CASE("explain: every effect has a name and a description of its own") {
    const Plan plan{{{"/data", true}}, {}};
    const std::vector<std::pair<Effect, std::pair<std::string, std::string>>> cases = {
        {effect::OpenSources{}, {"OpenSources", "open 1 host paths as the caller and copy their mounts"}},
        {effect::NewNamespaces{false, 5, 6, false}, {"NewNamespaces", "new mount namespace (private)"}},
        {effect::NewNamespaces{true, 5, 6, true},
         {"NewNamespaces", "new user namespace (uid 5, gid 6) and mount namespace (slave)"}},
        {effect::StartImageServer{7, 9, std::nullopt}, {"StartImageServer", "start the image server: 9 bytes at offset 7"}},
        {effect::StartImageServer{7, 9, HashTreeInfo{16, 4096, {}}},
         {"StartImageServer", "start the image server: 9 bytes at offset 7, checked against the hash tree at 16"}},
        {effect::MountImage{Driver::directory, 0, 0},
         {"MountImage", "mount the image's folder: read-only, nosuid, nodev"}},
        {effect::LayerMountPoints{{{"/a", false}}, true, true},
         {"LayerMountPoints",
          "layer over the image: missing mount points of 1, the caller in /etc/passwd, the caller's groups in "
          "/etc/group"}},
        {effect::Bind{0, "/in", true, false}, {"Bind", "bind /data at /in, read-only"}},
        {effect::Bind{0, "/in", false, false}, {"Bind", "bind /data at /in"}},
        {effect::MountTmpfs{"/tmp", 01777, 0, 0}, {"MountTmpfs", "tmpfs at /tmp, mode 1777"}},
        {effect::MakeDevices{{{"null", 0}}, {{"fd", "/proc/self/fd"}}}, {"MakeDevices", "make /dev: null fd"}},
        {effect::MountTmpfs{"/tmp", 01777, 0, 0, 64}, {"MountTmpfs", "tmpfs at /tmp, mode 1777, 64 MiB"}},
        {effect::MountTmpfs{"/tmp", 01777, 0, 0, 64, config::MemoryFs::ramfs}, {"MountTmpfs", "ramfs at /tmp, mode 1777"}},
        {effect::MakeDevices{{}, {{"ptmx", "pts/ptmx"}}, true}, {"MakeDevices", "make /dev: ptmx, with terminals of its own"}},
        {effect::MakeLibraries{{{0, {"libx.so.1", "libx.so"}}}},
         {"MakeLibraries", "make /.singularity.d/libs, with these bound into it, read-only: /data as libx.so.1 libx.so"}},
        {effect::MakeFolder{"/w"}, {"MakeFolder", "make sure that /w exists"}},
        {effect::PivotRoot{}, {"PivotRoot", "make it the root and detach the host's"}},
        {effect::EnterNamespaces{}, {"EnterNamespaces", "enter the mount namespace, copied for this task"}},
        {effect::DropBoundingSet{}, {"DropBoundingSet", "empty the capability bounding set"}},
        {effect::DropCapabilities{}, {"DropCapabilities", "empty every capability set"}},
        {effect::DropBoundingSet{1}, {"DropBoundingSet", "leave in the capability bounding set: CAP_CHOWN"}},
        {effect::DropCapabilities{3}, {"DropCapabilities", "leave in every capability set: CAP_CHOWN,CAP_DAC_OVERRIDE"}},
        {effect::BecomeIdentity{5, {6, 7}}, {"BecomeIdentity", "become uid 5 gid 6:7"}},
        {effect::BecomeIdentity{std::nullopt, {6}}, {"BecomeIdentity", "become gid 6"}},
        {effect::OpenLabel{SecurityModule::apparmor}, {"OpenLabel", "open where AppArmor takes a label"}},
        {effect::SetLabel{SecurityModule::selinux, "a:b"}, {"SetLabel", "have SELinux label the command a:b"}},
        {effect::InstallFilters{{"/s.json", "u.json"}}, {"InstallFilters", "install the seccomp filters of /s.json u.json"}},
        {effect::NoNewPrivileges{}, {"NoNewPrivileges", "set no_new_privs"}},
        {effect::ChangeDirectory{"/w", true, "/"}, {"ChangeDirectory", "change to /w"}},
        {effect::CloseDescriptors{}, {"CloseDescriptors", "close descriptors above 2 at exec"}},
    };
    for (const auto& [each, expected] : cases) {
        CHECK(name_of(each) == expected.first);
        CHECK(describe(each, plan) == expected.second);
    }
}
