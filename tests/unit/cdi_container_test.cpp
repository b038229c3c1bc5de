// CDI edits as nodes, binds and variables: only the step's own devices, and libraries under the names that programs use.
#include "runtime/policy/cdi_container.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "runtime/base/io.hpp"

using namespace berth;
using namespace berth::config;

namespace {

CdiEdits edits_of(const std::string& file, const std::string& device) {
    const auto text = read_file(BERTH_SOURCE_DIR "/tests/fuzz/corpus/cdi_spec/" + file, kMaxCdiSpecSize);
    REQUIRE(text.ok());
    auto spec = parse_cdi_spec(*text, file, file.ends_with(".yaml") ? CdiFormat::yaml : CdiFormat::json);
    REQUIRE(spec.ok());
    CdiSpecs specs;
    specs.specs.push_back(std::move(spec).value());
    const std::vector<CdiName> names = {{specs.specs[0].kind, device}};
    auto edits = resolve_cdi(names, specs, {});
    REQUIRE(edits.ok());
    return std::move(edits).value();
}

const CdiBind* at(const CdiContainer& made, const std::string& destination) {
    const auto found = std::ranges::find(made.binds, destination, &CdiBind::destination);
    return found == made.binds.end() ? nullptr : &*found;
}

std::string names_of(const CdiContainer& made) {
    std::string text;
    for (const CdiNode& node : made.nodes) text += node.name + " ";
    return text;
}

}  // namespace

TEST_CASE("CDI container: only nodes that the step may open") {
    const CdiEdits all = edits_of("nvidia.yaml", "all");
    const CdiContainer one = cdi_container(all, {{"nvidia-modeset", "nvidia-uvm", "nvidia-uvm-tools", "nvidiactl", "nvidia1", "dri/card2", "dri/renderD129"}, {}});
    CHECK(names_of(one) == "nvidia-modeset nvidia-uvm nvidia-uvm-tools nvidiactl nvidia1 dri/card2 dri/renderD129 ");
    CHECK(one.warnings == std::vector<std::string>{"the device /dev/nvidia0 is not this step's, and left out",
                                                   "the device /dev/dri/card1 is not this step's, and left out",
                                                   "the device /dev/dri/renderD128 is not this step's, and left out"});
    // A folder stands for what is in it, a name for itself alone.
    CHECK(names_of(cdi_container(all, {{"dri", "nvidia"}, {}})) == "dri/card1 dri/renderD128 dri/card2 dri/renderD129 ");
    CHECK(names_of(cdi_container(all, {})).empty());
    // Of a driver in a container of its own.
    const CdiContainer mig = cdi_container(edits_of("mig.json", "0:1"), {{"nvidia0", "nvidia-caps/nvidia-cap21"}, {}});
    CHECK(mig.nodes == std::vector<CdiNode>{{"nvidia0", "/run/nvidia/driver/dev/nvidia0"}, {"nvidia-caps/nvidia-cap21", "/dev/nvidia-caps/nvidia-cap21"}});
}

TEST_CASE("CDI container: libraries and links") {
    const std::string kFolder = "/usr/lib/x86_64-linux-gnu/";
    const CdiHost host{{}, {{kFolder + "libcuda.so.560.35.03", "libcuda.so.1"}, {kFolder + "libnvidia-ml.so.560.35.03", "libnvidia-ml.so.1"},
                            {"/usr/bin/nvidia-smi", "nonsense"}}};
    const CdiContainer made = cdi_container(edits_of("nvidia.yaml", "0"), host);
    const CdiBind library{kFolder + "libcuda.so.560.35.03", kFolder + "libcuda.so.1", true, false};
    REQUIRE(at(made, kFolder + "libcuda.so.1") != nullptr);
    CHECK(*at(made, kFolder + "libcuda.so.1") == library);
    REQUIRE(at(made, kFolder + "libcuda.so") != nullptr);  // the link to that
    CHECK(at(made, kFolder + "libcuda.so")->source == library.source);
    CHECK(at(made, kFolder + "libnvidia-ml.so.1") != nullptr);
    CHECK(at(made, "/usr/bin/nonsense") == nullptr);  // no library folder
    CHECK(made.binds.size() == 13 + 3);
    CHECK(made.variables == std::vector<std::pair<std::string, std::string>>{{"NVIDIA_VISIBLE_DEVICES", "void"}});
    CHECK(made.library_folders.size() == 2);
    CHECK(std::ranges::count(made.rulings, "left out: nothing is mounted where it leads, ../libnvidia-allocator.so.1", &Ruling::outcome) == 1);

    CdiEdits chain;
    chain.mounts = {{"/host/file", "/a/file", true, true}};
    chain.links = {{"/b/third", "second"}, {"/b/second", "../a/first"}, {"/a/first", "file"}, {"/x", "/x"}, {"/a/file", "/a/first"}};
    const CdiContainer followed = cdi_container(chain, {});
    CHECK(followed.binds == std::vector<CdiBind>{{"/host/file", "/a/file", true, true}, {"/host/file", "/a/first", true, true},
                                                 {"/host/file", "/b/second", true, true}, {"/host/file", "/b/third", true, true}});
    CHECK(followed.rulings.size() == 2);  // a link to itself, and one where something is mounted
}
