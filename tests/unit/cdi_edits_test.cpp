// From names of CDI devices to what a container gets: which file decides, in which order, and what is refused.
#include "runtime/policy/cdi_edits.hpp"

#include <catch2/catch.hpp>

#include "runtime/base/io.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

using Allowed = std::vector<Setting<std::string>>;

std::string sample(const std::string& name) {
    auto text = read_file(std::string(BERTH_SOURCE_DIR "/tests/fuzz/corpus/cdi_spec/") + name, kMaxCdiSpecSize);
    if (!text) FAIL(text.error().message);
    return *text;
}

struct File {
    std::string name;
    std::string text;
    std::size_t folder = 0;
};

/// As load_cdi_specs() would.
CdiSpecs specs_of(const std::vector<File>& files) {
    CdiSpecs all;
    for (const File& file : files) {
        auto spec = parse_cdi_spec(file.text, file.name, file.name.ends_with(".yaml") ? CdiFormat::yaml : CdiFormat::json);
        if (spec) {
            spec->folder = file.folder;
            all.specs.push_back(std::move(*spec));
        } else {
            all.broken.push_back({file.name, file.folder, guess_cdi_kind(file.text), spec.error()});
        }
    }
    return all;
}

std::vector<CdiName> names_of(const std::vector<std::string>& texts) {
    std::vector<CdiName> names;
    for (const std::string& text : texts) {
        auto name = parse_cdi_name(text);
        if (!name) FAIL(name.error().message);
        names.push_back(std::move(*name));
    }
    return names;
}

CdiEdits good(const std::vector<File>& files, const std::vector<std::string>& names, const Allowed& allowed = {}) {
    auto edits = resolve_cdi(names_of(names), specs_of(files), allowed);
    if (!edits) FAIL(edits.error().message);
    return std::move(edits).value();
}

Error refusal(const std::vector<File>& files, const std::vector<std::string>& names, const Allowed& allowed = {}) {
    const auto edits = resolve_cdi(names_of(names), specs_of(files), allowed);
    if (edits) FAIL("was accepted");
    return edits.error();
}

/// A file of kind v.x/c whose device "a" has these edits.
std::string with_edits(const std::string& members, const std::string& whole = "") {
    return R"({"cdiVersion": "1.1.0", "kind": "v.x/c", "containerEdits": {)" + whole +
           R"(}, "devices": [{"name": "a", "containerEdits": {)" + members + R"(}}, {"name": "b"}]})";
}

std::string hook_of(const std::string& path, const std::string& arguments, const std::string& name = "createContainer") {
    return R"("hooks": [{"hookName": ")" + name + R"(", "path": ")" + path + R"(", "args": [)" + arguments + "]}]";
}

std::vector<std::string> paths(const CdiEdits& edits) {
    std::vector<std::string> list;
    for (const auto& node : edits.nodes) list.push_back(node.path);
    return list;
}

std::string outcome(const CdiEdits& edits, const std::string& subject) {
    for (const Ruling& ruling : edits.rulings)
        if (ruling.subject == subject) return ruling.outcome + " [" + ruling.rule + "]";
    return "no ruling";
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("CDI edits: a GPU as nvidia-ctk describes it") {
    const std::vector<File> files = {{"/etc/cdi/nvidia.yaml", sample("nvidia.yaml")}, {"/etc/cdi/amd.json", sample("amd.json")}};
    const CdiEdits one = good(files, {"nvidia.com/gpu=1"});
    CHECK(one.env == std::vector<std::pair<std::string, std::string>>{{"NVIDIA_VISIBLE_DEVICES", "void"}});
    CHECK(paths(one) == Texts{"/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidiactl",
                              "/dev/nvidia1", "/dev/dri/card2", "/dev/dri/renderD129"});
    CHECK(one.mounts.size() == 13);
    CHECK(one.mounts.front() == CdiBind{"/usr/bin/nvidia-smi", "/usr/bin/nvidia-smi", true, false});
    CHECK(std::ranges::count(one.mounts, true, &CdiBind::no_exec) == 1);
    CHECK(one.links == std::vector<CdiLink>{{"/usr/lib/x86_64-linux-gnu/libcuda.so", "libcuda.so.1"},
                                            {"/usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so", "../libnvidia-allocator.so.1"},
                                            {"/dev/dri/by-path/pci-0000:27:00.0-card", "../card2"},
                                            {"/dev/dri/by-path/pci-0000:27:00.0-render", "../renderD129"}});
    CHECK(one.library_folders == Texts{"/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/vdpau"});
    CHECK(one.hooks.empty());
    CHECK(one.warnings.empty());
    CHECK(outcome(one, "CDI device nvidia.com/gpu=1") == "given [/etc/cdi/nvidia.yaml]");
    CHECK(outcome(one, "hook nvidia-cdi-hook chmod") == "not run: folders of devices keep the host's modes [/etc/cdi/nvidia.yaml]");
    CHECK(outcome(one, "hook nvidia-cdi-hook enable-cuda-compat") ==
          "not run: it would change files of the image [/etc/cdi/nvidia.yaml]");

    const CdiEdits all = good(files, {"nvidia.com/gpu=all"});
    CHECK(all.nodes.size() == 10);
    CHECK(all.links.size() == 6);
    // The same twice is the same: the specification's own edits come once, and nodes by their path.
    CHECK(good(files, {"nvidia.com/gpu=all", "nvidia.com/gpu=0"}).nodes.size() == 10);
    CHECK(good(files, {"nvidia.com/gpu=0", "nvidia.com/gpu=1"}).mounts == all.mounts);
    CHECK(paths(good(files, {"amd.com/gpu=0", "nvidia.com/gpu=0"})).front() == "/dev/kfd");

    // What Berth does itself, or does without, is not run either way.
    const CdiEdits allowed = good(files, {"nvidia.com/gpu=0"}, {{"/usr/bin/nvidia-cdi-hook", {"berth.conf", 4}}});
    CHECK(allowed.hooks.empty());
    CHECK(allowed.links.size() == 4);

    const CdiEdits mig = good({{"/etc/cdi/mig.json", sample("mig.json")}}, {"nvidia.com/gpu=0:1"});
    CHECK(mig.library_folders == Texts{"/usr/lib64"});
    CHECK(mig.nodes[1].host_path == "/run/nvidia/driver/dev/nvidia0");
}

TEST_CASE("CDI edits: the order, and what comes later replaces") {
    const std::string first = with_edits(
        R"("env": ["A=device", "B=1"], "additionalGids": [5, 6, 5], "deviceNodes": [{"path": "/dev/n", "hostPath": "/dev/device"}],
           "mounts": [{"hostPath": "/1", "containerPath": "/deep/er/one"}, {"hostPath": "/2", "containerPath": "/top", "options": ["ro", "rw"]}])",
        R"("env": ["A=whole", "C=1"], "additionalGids": [6], "deviceNodes": [{"path": "/dev/n", "hostPath": "/dev/whole"}, {"path": "/dev/m"}],
           "mounts": [{"hostPath": "/0", "containerPath": "/deep/er/one", "options": ["ro"]}])");
    const CdiEdits edits = good({{"f", first}}, {"v.x/c=a", "v.x/c=b"});
    CHECK(edits.env == std::vector<std::pair<std::string, std::string>>{{"A", "device"}, {"C", "1"}, {"B", "1"}});
    CHECK(edits.additional_gids == std::vector<gid_t>{6, 5});
    CHECK(paths(edits) == Texts{"/dev/n", "/dev/m"});
    CHECK(edits.nodes[0].host_path == "/dev/device");
    CHECK(edits.mounts == std::vector<CdiBind>{{"/2", "/top", false, false}, {"/1", "/deep/er/one", false, false}});
    CHECK(good({{"f", first}}, {"v.x/c=b"}).env.size() == 2);  // of a device that is not asked for, nothing
    CHECK(good({{"f", first}}, {}).rulings.empty());
}

TEST_CASE("CDI edits: which file has the device") {
    const auto spec = [](const std::string& kind, const std::string& device, const std::string& value) {
        return R"({"cdiVersion": "0.5.0", "kind": ")" + kind + R"(", "devices": [{"name": ")" + device +
               R"(", "containerEdits": {"env": ["V=)" + value + R"("]}}]})";
    };
    const File etc{"/etc/cdi/a", spec("v.x/c", "a", "etc"), 0};
    const File run{"/run/cdi/a", spec("v.x/c", "a", "run"), 1};
    const File run2{"/run/cdi/b", spec("v.x/c", "a", "run2"), 1};
    const File last{"/last/a", spec("v.x/c", "a", "last"), 2};
    const auto value = [](const CdiEdits& edits) { return edits.env.at(0).second; };
    CHECK(value(good({etc}, {"v.x/c=a"})) == "etc");
    CHECK(value(good({etc, run}, {"v.x/c=a"})) == "run");
    CHECK(value(good({etc, run, run2, last}, {"v.x/c=a"})) == "last");
    CHECK(value(good({run, run2, {"/run/cdi/c", spec("v.x/c", "b", "other"), 1}}, {"v.x/c=b"})) == "other");
    const Error twice = refusal({etc, run, run2}, {"v.x/c=a"});
    CHECK(twice.category == Category::config);
    CHECK_THAT(twice.message, Equals("CDI device v.x/c=a: both /run/cdi/a and /run/cdi/b define it; remove one of the two"));

    CHECK_THAT(refusal({etc}, {"v.x/c=b"}).message, Equals("CDI device v.x/c=b: no specification on this node has it; devices of this kind: a"));
    CHECK_THAT(refusal({etc}, {"v.x/d=a"}).message, Equals("CDI device v.x/d=a: no specification on this node has it; kinds that are there: v.x/c"));
    CHECK_THAT(refusal({}, {"v.x/d=a"}).message, Contains("kinds that are there: none"));
    CHECK(refusal({}, {"v.x/d=a"}).category == Category::usage);

    // A broken file stops the devices that it may define, and no others.
    const std::string broken = "kind: v.x/c\ndevices: [[";
    const Error stopped = refusal({etc, {"/etc/cdi/b.yaml", broken, 0}}, {"v.x/c=a"});
    CHECK(stopped.category == Category::config);
    CHECK_THAT(stopped.message, Contains("CDI device v.x/c=a: a file that may define it cannot be read: /etc/cdi/b.yaml: not valid YAML"));
    CHECK_THAT(refusal({etc, {"/run/cdi/b.yaml", "what?", 1}}, {"v.x/c=a"}).message, Contains("/run/cdi/b.yaml: "));
    CHECK_THAT(refusal({{"/etc/cdi/b.yaml", broken, 0}}, {"v.x/c=a"}).message, Contains("/etc/cdi/b.yaml: "));
    const CdiEdits outweighed = good({{"/etc/cdi/b.yaml", broken, 0}, run}, {"v.x/c=a"});
    CHECK(outweighed.warnings.size() == 1);
    CHECK_THAT(outweighed.warnings.at(0), Contains("left out, and not needed here: /etc/cdi/b.yaml: "));
    const CdiEdits other = good({etc, {"/run/cdi/b.yaml", "kind: v.x/d\n[", 1}}, {"v.x/c=a"});
    CHECK(other.warnings.size() == 1);
}

TEST_CASE("CDI edits: what Berth cannot carry out is refused, with device and file") {
    struct Case {
        std::string members, message;
    };
    const auto c = GENERATE(values<Case>({
        {R"("intelRdt": {"closID": "gold"})", "intelRdt: Berth sets no shares of caches and memory bandwidth"},
        {R"("netDevices": [{"hostInterfaceName": "ib0", "name": "eth0"}])", "netDevices: ib0: containers have the host's network"},
        {R"("deviceNodes": [{"path": "/srv/node"}])", "deviceNodes: /srv/node: Berth puts device nodes beneath /dev only"},
        {R"("deviceNodes": [{"path": "/dev"}])", "deviceNodes: /dev: Berth puts"},
        {R"("deviceNodes": [{"path": "/device"}])", "deviceNodes: /device: Berth puts"},
        {R"("deviceNodes": [{"path": "/dev/fifo", "type": "p"}])", "deviceNodes: /dev/fifo: a FIFO is no device"},
        {R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "type": "tmpfs"}])", "mounts: /b: type 'tmpfs' is not carried out"},
        {R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "options": ["ro", "shared"]}])", "mounts: /b: option 'shared' is not carried out"},
        {R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "options": ["suid"]}])", "mounts: /b: option 'suid'"},
        {R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "options": ["dev"]}])", "mounts: /b: option 'dev'"},
    }));
    const Error error = refusal({{"/etc/cdi/f", with_edits(c.members)}}, {"v.x/c=a"});
    CHECK(error.category == Category::unsupported);
    CHECK_THAT(error.message, Contains("CDI device v.x/c=a: /etc/cdi/f: " + c.message));
    // Of the specification as a whole, whichever of its devices is asked for; of another device, not at all.
    CHECK_THAT(refusal({{"/etc/cdi/f", with_edits("", c.members)}}, {"v.x/c=b"}).message, Contains(c.message));
    CHECK(good({{"/etc/cdi/f", with_edits(c.members)}}, {"v.x/c=b"}).nodes.empty());
}

TEST_CASE("CDI edits: every option of a mount that holds, and a network device that is there anyway") {
    const CdiEdits edits = good({{"f", with_edits(R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "type": "bind", "options":
        ["ro", "nosuid", "nodev", "noexec", "bind", "rbind", "private", "rprivate", "slave", "rslave", "defaults"]}],
        "netDevices": [{"hostInterfaceName": "ib0", "name": "ib0"}])")}}, {"v.x/c=a"});
    CHECK(edits.mounts == std::vector<CdiBind>{{"/a", "/b", true, true}});
    CHECK(outcome(edits, "network interface ib0") == "there: containers have the host's network [f]");
    CHECK(outcome(edits, "bind /a") == "mounted at /b read-only [f]");
}

TEST_CASE("CDI hooks: those that Berth does itself, and none that only resemble them") {
    const std::string kHook = "/usr/bin/nvidia-cdi-hook";
    const auto edits = [&](const std::string& path, const std::string& arguments) {
        return good({{"f", with_edits(hook_of(path, arguments))}}, {"v.x/c=a"});
    };
    CHECK(edits(kHook, R"("x", "create-symlinks", "--link=a::/b", "--link", "../c::/d//e,f::/g")").links ==
          std::vector<CdiLink>{{"/b", "a"}, {"/d/e", "../c"}, {"/g", "f"}});
    CHECK(edits(kHook, R"("x", "create-symlinks", "--link=a::/b", "--link=c::/b")").links == std::vector<CdiLink>{{"/b", "c"}});
    CHECK(edits("/usr/bin/nvidia-ctk", R"("x", "hook", "create-symlinks", "--link=a::/b")").links.size() == 1);
    CHECK(edits(kHook, R"("x", "update-ldcache", "--ldconfig-path", "@/sbin/ldconfig", "--folder=/a", "--folder", "/b", "--folder=/a")").library_folders ==
          Texts{"/a", "/b"});
    CHECK(edits(kHook, R"("x", "disable-device-node-modification")").hooks.empty());
    CHECK(edits(kHook, R"("x", "chmod", "--mode", "755", "--path", "/dev/dri")").hooks.empty());

    const std::vector<std::pair<std::string, std::string>> programs = {
        {kHook, ""}, {kHook, R"("x")"}, {kHook, R"("x", "unheard-of")"}, {kHook, R"("x", "create-symlinks", "--link")"},
        {kHook, R"("x", "create-symlinks", "--link", "a:/b")"}, {kHook, R"("x", "create-symlinks", "--link", "::/b")"},
        {kHook, R"("x", "create-symlinks", "--link", "a::b")"}, {kHook, R"("x", "create-symlinks", "--link", "a::/")"},
        {kHook, R"("x", "create-symlinks", "--link", "a::/../b")"}, {kHook, R"("x", "create-symlinks", "--link", "a::/b::/c")"},
        {kHook, R"("x", "create-symlinks", "--link", "a\n::/b")"}, {kHook, R"("x", "create-symlinks", "a::/b")"},
        {kHook, R"("x", "create-symlinks", "--container-spec", "/x")"}, {kHook, R"("x", "update-ldcache", "--folder", "a")"},
        {kHook, R"("x", "update-ldcache", "--folder", "/a:/b")"}, {kHook, R"("x", "chmod", "--path", "/dev")"},
        {kHook, R"("x", "chmod", "--path", "/etc")"}, {kHook, R"("x", "disable-device-node-modification", "--more")"},
        {"/usr/bin/nvidia-ctk", R"("x", "create-symlinks", "--link=a::/b")"}, {"/opt/vendor/hook", R"("x", "create-symlinks", "--link=a::/b")"},
        {"/usr/bin/nvidia-cdi-hook-2", R"("x", "create-symlinks", "--link=a::/b")"}};
    for (const auto& [path, arguments] : programs) {
        INFO(path << " " << arguments);
        const std::string text = with_edits(hook_of(path, arguments));
        const Error error = refusal({{"f", text}}, {"v.x/c=a"});
        CHECK(error.category == Category::denied);
        CHECK_THAT(error.message, Contains("this node does not allow the hook ") && Contains("allow cdi hook = " + path + " does"));
        const CdiEdits allowed = good({{"f", text}}, {"v.x/c=a"}, {{path, {"conf", 1}}});
        CHECK(allowed.hooks.size() == 1);
        CHECK((allowed.links.empty() && allowed.library_folders.empty()));
    }
    // After the command has begun, a link would come too late.
    const Error late = refusal({{"f", with_edits(hook_of(kHook, R"("x", "create-symlinks", "--link=a::/b")", "poststart"))}}, {"v.x/c=a"}, {{kHook, {"conf", 1}}});
    CHECK(late.category == Category::unsupported);
    CHECK_THAT(late.message, Contains("prestart, createRuntime and createContainer"));
}

TEST_CASE("CDI hooks: what the site allows runs in the order of its time") {
    const Allowed allowed = {{"/opt/x", {"berth.conf", 3}}};
    const auto hook = [](const std::string& time) { return R"({"hookName": ")" + time + R"(", "path": "/opt/x", "args": ["x", ")" + time + R"("], "env": ["A=1"], "timeout": 3})"; };
    const std::string text = with_edits(R"("hooks": [)" + hook("createContainer") + "," + hook("createRuntime") + "," + hook("prestart") + "," + hook("createRuntime") + "]");
    const CdiEdits edits = good({{"f", text}}, {"v.x/c=a"}, allowed);
    Texts times;
    for (const CdiHook& each : edits.hooks) times.push_back(each.name);
    CHECK(times == Texts{"prestart", "createRuntime", "createRuntime", "createContainer"});
    CHECK(edits.hooks[0] == CdiHook{"prestart", "/opt/x", {"x", "prestart"}, {"A=1"}, 3});
    CHECK(outcome(edits, "hook /opt/x") == "run as the caller [berth.conf:3: allow cdi hook = /opt/x]");
    for (const char* const later : {"startContainer", "poststart", "poststop"})
        CHECK(refusal({{"f", with_edits("\"hooks\": [" + hook(later) + "]")}}, {"v.x/c=a"}, allowed).category == Category::unsupported);
}
