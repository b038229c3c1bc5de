// CDI specifications: every key of the specification, and every mistake with its place.
#include "runtime/config/cdi_spec.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

std::string sample(const std::string& name) {
    auto text = read_file(std::string(BERTH_SOURCE_DIR "/tests/fuzz/corpus/cdi_spec/") + name, kMaxCdiSpecSize);
    if (!text) FAIL(text.error().message);
    return *text;
}

CdiSpec good(const std::string& text, CdiFormat format = CdiFormat::json) {
    INFO(text);
    auto spec = parse_cdi_spec(text, "s", format);
    if (!spec) FAIL(spec.error().message);
    return *spec;
}

std::string refusal(const std::string& text, CdiFormat format = CdiFormat::json) {
    INFO(text);
    const auto spec = parse_cdi_spec(text, "s", format);
    if (spec) FAIL("was accepted");
    CHECK(spec.error().category == Category::config);
    CHECK(printable(spec.error().message, 5000) == spec.error().message);
    CHECK(spec.error().message.starts_with("s: "));
    return spec.error().message.substr(3);
}

/// A file of this version with one device of these members.
std::string with_device(const std::string& members, const std::string& version = "1.1.0") {
    return R"({"cdiVersion": ")" + version + R"(", "kind": "vendor.com/class", "devices": [{)" + members + "}]}";
}

std::string with_edits(const std::string& members, const std::string& version = "1.1.0") {
    return with_device(R"("name": "a", "containerEdits": {)" + members + "}", version);
}

}  // namespace

TEST_CASE("CDI specification: every key, in YAML") {
    const CdiSpec spec = good(sample("everything.yaml"), CdiFormat::yaml);
    CHECK(spec.kind == "vendor.example/class.sub_1-x");
    CHECK(spec.edits == CdiContainerEdits{});
    REQUIRE(spec.devices.size() == 2);
    CHECK(spec.devices[1] == CdiDevice{"plain", {}});
    CHECK(spec.devices[0].name == "dev-1");
    CdiContainerEdits edits;
    edits.env = {{"ONE", "1"}, {"TWO", "a b=c"}, {"THREE", ""}};
    edits.device_nodes = {{"/dev/vendor/one", "/dev/one", 'c', 240, 1048575, 0660, "rwm", 1, 4294967294U},
                          {"/dev/two", "/dev/two", 'b', std::nullopt, std::nullopt, std::nullopt, "none", std::nullopt, std::nullopt}};
    edits.net_devices = {{"ib0", "ib0"}};
    edits.mounts = {{"/opt/vendor", "/opt/vendor", "none", {"rbind", "ro"}}};
    edits.hooks = {{"createRuntime", "/opt/vendor/bin/hook", {"hook", "--flag", "0"}, {"A=b"}, 10}};
    edits.additional_gids = {44, 109};
    edits.intel_rdt = CdiIntelRdt{"gold", {"L3:0=f", "MB:0=20", "L2:0=1"}, true};
    CHECK(spec.devices[0].edits == edits);
}

TEST_CASE("CDI specification: files as the vendors' tools write them") {
    const CdiSpec nvidia = good(sample("nvidia.yaml"), CdiFormat::yaml);
    CHECK(nvidia.kind == "nvidia.com/gpu");
    REQUIRE(nvidia.devices.size() == 4);
    CHECK(nvidia.devices[0].name == "0");
    CHECK(nvidia.devices[3].name == "all");
    CHECK(nvidia.devices[3].edits.device_nodes.size() == 6);
    CHECK(nvidia.edits.hooks.size() == 5);
    CHECK(nvidia.edits.mounts.size() == 13);
    CHECK(nvidia.edits.mounts.back().options.back() == "noexec");
    const CdiSpec mig = good(sample("mig.json"));
    CHECK(mig.devices[0].name == "0:1");
    CHECK(mig.devices[0].edits.device_nodes[0].host_path == "/run/nvidia/driver/dev/nvidia0");
    CHECK(mig.devices[0].edits.device_nodes[0].mode == 0666U);
    CHECK(good(sample("amd.json")).devices.size() == 2);
    CHECK(good(sample("old.json")).devices.size() == 1);
    // JSON is YAML.
    CHECK(good(sample("mig.json"), CdiFormat::yaml) == mig);
}

TEST_CASE("CDI specification: what a file as a whole must have") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"[]", "must be an object: {…}"},
        {"{}", "cdiVersion: is missing"},
        {R"({"cdiVersion": 1})", "cdiVersion: must be a text in quotes"},
        {R"({"cdiVersion": "0.2.0"})", "cdiVersion: '0.2.0' is no version that Berth reads: those are 0.3.0 to 1.1.0"},
        {R"({"cdiVersion": "1.2.0"})", "'1.2.0' is no version"},
        {R"({"cdiVersion": "vv1.1.0"})", "is no version"},
        {R"({"cdiVersion": "0.6.0"})", "kind: is missing"},
        {R"({"cdiVersion": "0.6.0", "kind": "gpu"})", "kind: 'gpu' is no VENDOR/CLASS, as nvidia.com/gpu"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b"})", "devices: names no device"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": []})", "devices: names no device"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": {}})", "devices: must be a list: […]"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "device": []})", "'device' is an unknown key; did you mean 'devices'?"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "annotations": {"x": 1}, "devices": [{"name": "a"}]})",
         "annotations: the member 'x' must be a text in quotes"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "annotations": [], "devices": [{"name": "a"}]})", "annotations: must be an object"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "containerEdits": [], "devices": [{"name": "a"}]})", "containerEdits: must be an object"},
        {R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": [{"name": "a"}, {"name": "b"}, {"name": "a"}]})",
         "devices[2]: the device 'a' is devices[0] already"},
        {"{\n\"cdiVersion\": }", "not valid JSON (line 2)"},
        {R"({"kind": "a/b", "kind": "a/b"})", "member \"kind\" appears twice"}};
    for (const auto& [text, message] : cases) CHECK_THAT(refusal(text), Contains(message));
    CHECK_THAT(refusal("cdiVersion: 0.5.0\nkind: a/b\ndevices:\n- name: 0\n", CdiFormat::yaml),
               Equals("devices[0].name: must be a text in quotes"));
    CHECK_THAT(refusal("cdiVersion: 0.5\n", CdiFormat::yaml), Equals("cdiVersion: must be a text in quotes"));
    CHECK_THAT(refusal("a: 1\na: 2", CdiFormat::yaml), Equals("member \"a\" appears twice (line 2)"));
    CHECK_THAT(refusal(std::string(kMaxCdiSpecSize + 1, ' ')), Equals("a CDI specification may have 1 MiB"));
}

TEST_CASE("CDI specification: devices and their edits") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {with_device(R"("containerEdits": {})"), "devices[0].name: is missing"},
        {with_device(R"("name": "a b")"), "devices[0].name: 'a b' is no name of a device"},
        {with_device(R"("name": "a", "edits": {})"), "devices[0]: 'edits' is an unknown key"},
        {with_edits(R"("additionalGIDs": [1])"), "devices[0].containerEdits: 'additionalGIDs' is an unknown key; did you mean 'additionalGids'?"},
        {with_edits(R"("additionalGids": [-1])"), "containerEdits.additionalGids[0]: must be a whole number from 0 to 4294967294"},
        {with_edits(R"("additionalGids": [4294967295])"), "must be a whole number"},
        {with_edits(R"("env": {})"), "containerEdits.env: must be a list"},
        {with_edits(R"("env": ["A"])"), "containerEdits.env[0]: 'A' is no NAME=VALUE"},
        {with_edits(R"("env": ["=A"])"), "is no NAME=VALUE"},
        {with_edits(R"("env": ["A B=c"])"), "is no NAME=VALUE"},
        {with_edits(R"("env": ["A=\u0000"])"), "is no NAME=VALUE"},
        {with_edits(R"("env": [1])"), "containerEdits.env[0]: must be a text in quotes"},
        {with_edits(R"("deviceNodes": [{}])"), "deviceNodes[0].path: is missing"},
        {with_edits(R"("deviceNodes": [{"path": "dev/a"}])"), "deviceNodes[0].path: 'dev/a' is no absolute path without '..'"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/../etc"}])"), "is no absolute path without '..'"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a\u0000"}])"), "is no absolute path"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "hostPath": ""}])"), "deviceNodes[0].hostPath: '' is no absolute path"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "type": "x"}])"), "deviceNodes[0].type: 'x' is none of b, c, u and p"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "type": "bc"}])"), "'bc' is none of"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "permissions": "rx"}])"), "permissions: 'rx' is neither letters of rwm nor none"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "major": 4096}])"), "major: must be a whole number from 0 to 4095"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "minor": "1"}])"), "minor: must be a whole number"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "fileMode": 4096}])"), "fileMode: must be a whole number from 0 to 4095"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "uid": 4294967295}])"), "uid: must be a whole number"},
        {with_edits(R"("deviceNodes": [{"path": "/dev/a", "mode": 1}])"), "deviceNodes[0]: 'mode' is an unknown key"},
        {with_edits(R"("mounts": [{"hostPath": "/a"}])"), "mounts[0].containerPath: is missing"},
        {with_edits(R"("mounts": [{"hostPath": "/a", "containerPath": "//"}])"), "containerPath: the container's root cannot be covered"},
        {with_edits(R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "options": "ro"}])"), "options: must be a list"},
        {with_edits(R"("hooks": [{"path": "/a"}])"), "hooks[0].hookName: is missing"},
        {with_edits(R"("hooks": [{"hookName": "createcontainer", "path": "/a"}])"), "did you mean 'createContainer'?"},
        {with_edits(R"("hooks": [{"hookName": "prestart", "path": "a"}])"), "hooks[0].path: 'a' is no absolute path"},
        {with_edits(R"("hooks": [{"hookName": "prestart", "path": "/a", "timeout": 0}])"), "hooks[0].timeout: must be greater than zero"},
        {with_edits(R"("hooks": [{"hookName": "prestart", "path": "/a", "args": ["\u0000"]}])"), "hooks[0].args: has a NUL in it"},
        {with_edits(R"("hooks": [{"hookName": "prestart", "path": "/a", "env": ["x"]}])"), "hooks[0].env[0]: 'x' is no NAME=VALUE"},
        {with_edits(R"("netDevices": [{"name": "a", "hostInterfaceName": ""}])"), "netDevices[0]: has an empty name"},
        {with_edits(R"("intelRdt": {"enableMonitoring": 1})"), "intelRdt.enableMonitoring: must be true or false"},
        {with_edits(R"("intelRdt": {"closId": "a"})"), "intelRdt: 'closId' is an unknown key; did you mean 'closID'?"},
        {with_edits(R"("intelRdt": {"enableCMT": true})"), "enableCMT: is no longer in version 1.1.0"}};
    for (const auto& [text, message] : cases) CHECK_THAT(refusal(text), Contains(message));
}

TEST_CASE("CDI specification: a key needs the version that brought it") {
    struct Case {
        std::string since, before, members;
    };
    const auto c = GENERATE(values<Case>({
        {"0.4.0", "0.3.0", R"("name": "a", "containerEdits": {"mounts": [{"hostPath": "/a", "containerPath": "/a", "type": "none"}]})"},
        {"0.5.0", "0.4.0", R"("name": "a", "containerEdits": {"deviceNodes": [{"path": "/dev/a", "hostPath": "/dev/b"}]})"},
        {"0.5.0", "0.4.0", R"("name": "0")"},
        {"0.6.0", "0.5.0", R"("name": "a", "annotations": {"a": "b"})"},
        {"0.7.0", "0.6.0", R"("name": "a", "containerEdits": {"additionalGids": [1]})"},
        {"0.7.0", "0.6.0", R"("name": "a", "containerEdits": {"intelRdt": {"closID": "a"}})"},
        {"1.1.0", "1.0.0", R"("name": "a", "containerEdits": {"netDevices": [{"hostInterfaceName": "a", "name": "b"}]})"},
        {"1.1.0", "1.0.0", R"("name": "a", "containerEdits": {"intelRdt": {"schemata": ["x"]}})"},
    }));
    CHECK(good(with_device(c.members, c.since)).devices.size() == 1);
    CHECK(good(with_device(c.members, "v" + c.since)).devices.size() == 1);
    CHECK_THAT(refusal(with_device(c.members, c.before)),
               Contains("is not in version " + c.before + " of the specification: write cdiVersion \"" + c.since + "\" or newer"));
    const std::string dotted = R"({"cdiVersion": "VERSION", "kind": "vendor.com/a.b", "devices": [{"name": "a"}]})";
    auto with = [&](const std::string& version) { std::string text = dotted; return text.replace(text.find("VERSION"), 7, version); };
    CHECK(good(with("0.6.0")).kind == "vendor.com/a.b");
    CHECK_THAT(refusal(with("0.5.0")), Contains("kind: is not in version 0.5.0"));
    CHECK(good(with_edits(R"("intelRdt": {"enableCMT": true, "enableMBM": false})", "1.0.0")).devices[0].edits.intel_rdt->monitoring);
}

TEST_CASE("CDI specification: what a broken file seems to be about") {
    CHECK(guess_cdi_kind("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: [[[") == "nvidia.com/gpu");
    CHECK(guess_cdi_kind("kind : \"nvidia.com/gpu\"\n") == "nvidia.com/gpu");
    CHECK(guess_cdi_kind("{\"cdiVersion\":\"9\",\"kind\":\"a.b/c\",\"devices\":1}") == "a.b/c");
    for (const char* text : {"", "kind", "kind:", "kind: x", "kind: a/b\nkind: c/d", "# kind of\nkind: a/b", "kin: a/b",
                             R"({"kind":"a.b\/c"})", R"({"\u006bind":"a/b"})", "kind = a/b"})
        CHECK_FALSE(guess_cdi_kind(text).has_value());
    CHECK_THAT(refusal(sample("broken.json")), Contains("member \"name\" appears twice"));
    CHECK_THAT(refusal(sample("broken.yaml"), CdiFormat::yaml), Contains("an anchor (&NAME) is not read; leave it out (line 4)"));
}
