// --nv and --rocm: what is mounted, which devices, and what the user hears.
#include "decision_fixture.hpp"

#include <numeric>

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;
using config::GpuStack;

namespace {

GpuFacts some_gpu() {
    GpuFacts gpu;
    gpu.driver = "NVRM 535";
    gpu.files = {{GpuFile::Kind::library, "/usr/lib/libcuda.so.535", "/.singularity.d/libs/libcuda.so.1"},
                 {GpuFile::Kind::library, "/usr/lib/libcuda.so.535", "/.singularity.d/libs/libcuda.so"},
                 {GpuFile::Kind::program, "/usr/bin/nvidia-smi", "/usr/bin/nvidia-smi"},
                 {GpuFile::Kind::file, "/etc/nvidia.icd", "/etc/nvidia.icd"}};
    gpu.needs_glibc = GlibcVersion{2, 34, 0};
    gpu.devices = {"nvidia0", "nvidiactl"};
    return gpu;
}

const std::string kMounted = "/usr/bin/nvidia-smi:/usr/bin/nvidia-smi:ro? /etc/nvidia.icd:/etc/nvidia.icd:ro? ";

/// "FILE: NAME NAME; " for each.
std::string shown(const std::vector<DecidedLibrary>& libraries) {
    std::string text;
    for (const auto& each : libraries) text += each.source + ":" + std::accumulate(each.names.begin(), each.names.end(), std::string(), [](auto all, const auto& name) { return all + " " + name; }) + "; ";
    return text;
}

}  // namespace

TEST_CASE("decision: AMD's stack by the option or by the site, beside NVIDIA's") {
    const std::string line = "always use rocm = yes";
    for (const Who& who : kEverybody)
        for (const bool option : {false, true})
            for (const bool both : {false, true}) {
                INFO(who.name << (option ? ", --rocm" : ", the site") << (both ? ", both stacks" : ""));
                Situation now;
                who.put_into(now.job);
                if (option) now.with("rocm");
                else now.with_site(line + "\n");
                if (both) now.with("nv");
                const auto wanted = both ? std::vector{GpuStack::nvidia, GpuStack::rocm} : std::vector{GpuStack::rocm};
                CHECK(wants_gpus(now.request, now.site) == wanted);
                for (const GpuStack stack : wanted) now.names.gpus[stack] = some_gpu();
                const Decision decision = now.decide();
                CHECK_FALSE(decision.refusal);
                const std::string rule = option ? "--rocm" : rule_at(1, line);
                CHECK(std::ranges::any_of(decision.rulings, [&](const Ruling& ruling) { return ruling.rule == rule; }));
                CHECK_FALSE(decision.device_libraries.empty());
            }
}

TEST_CASE("decision: GPUs by the option or by the site") {
    struct Case {
        const char* what;
        std::string conf;
        bool option;
        std::string rule;
    };
    const std::vector<Case> cases = {{"nobody wants them", "", false, ""},
                                     {"the user", "", true, "--nv"},
                                     {"the site", "always use nv = yes\n", false, rule_at(1, "always use nv = yes")},
                                     {"both", "always use nv = yes\n", true, "--nv"}};
    for (const Who& who : kEverybody)
        for (const Case& each : cases) {
            INFO(who.name << ": " << each.what);
            Situation now;
            who.put_into(now.job);
            now.with_site(each.conf);
            if (each.option) now.with("nv");
            const bool wanted = !each.rule.empty();
            CHECK(wants_gpus(now.request, now.site) == (wanted ? std::vector{GpuStack::nvidia} : std::vector<GpuStack>{}));
            if (wanted) now.names.gpus[GpuStack::nvidia] = some_gpu();
            const Decision decision = now.decide();
            CHECK_FALSE(decision.refusal);
            CHECK(shown(decision.device_files) == (wanted ? kMounted : ""));
            CHECK(shown(decision.device_libraries) == (wanted ? "/usr/lib/libcuda.so.535: libcuda.so.1 libcuda.so; " : ""));
            CHECK(decision.device_nodes == (wanted ? std::vector<std::string>{"nvidia0", "nvidiactl"} : std::vector<std::string>{}));
            CHECK(rulings_on(decision, "NVIDIA GPUs") == (wanted ? "2 libraries, 1 programs, 1 other files, 2 devices [" + each.rule + "]" : ""));
            CHECK(decision.device_glibc.has_value() == each.option);
            CHECK(decision.warnings.empty());
        }
}

TEST_CASE("decision: a user who asks hears why there is no GPU; a site's default is silent") {
    struct Case {
        Launch launch;
        GpuFacts gpu;
        std::string warning;
    };
    GpuFacts no_device = some_gpu();
    no_device.devices = {"nvidiactl"};
    GpuFacts no_files = some_gpu();
    no_files.files.clear();
    GpuFacts odd = some_gpu();
    odd.left_out = {"/usr/lib/x.so: belongs to uid 7", "y"};
    const std::vector<Case> cases = {
        {Launch::slurm, {}, "--nv: this node has no NVIDIA driver"},
        {Launch::slurm, no_device, "--nv: this step has no NVIDIA GPU on this node: ask Slurm"},
        {Launch::command_line, no_device, "no NVIDIA GPU here that you may use"},
        {Launch::slurm, no_files, "none of the libraries"},
        {Launch::slurm, odd, "2 files are left out (berth gpu list names them): /usr/lib/x.so: belongs to uid 7"},
    };
    for (const Case& each : cases) {
        Situation now;
        now.job.launch = each.launch;
        now.names.gpus[GpuStack::nvidia] = each.gpu;
        now.with("nv");
        const Decision asked = now.decide();
        CHECK_FALSE(asked.refusal);
        REQUIRE(asked.warnings.size() == 1);
        CHECK_THAT(asked.warnings[0], Contains(each.warning));
        now.request = Request{};
        now.request.image = "a.sif";
        now.with_site("always use nv = yes\n");
        CHECK(now.decide().warnings.empty());
    }
}

TEST_CASE("decision: the site may deny the option") {
    Situation now;
    now.with_site("option deny = nv\n").with("nv");
    now.request.given = {"nv"};
    CHECK(now.decide().refusal);
}

TEST_CASE("decision: two stacks share what both name") {
    Situation now;
    now.with("nv").with("rocm");
    now.names.gpus[GpuStack::nvidia] = some_gpu();
    GpuFacts amd = some_gpu();
    amd.files = {{GpuFile::Kind::library, "/opt/libcuda.so", "/.singularity.d/libs/libcuda.so.1"},
                 {GpuFile::Kind::library, "/opt/libhip.so", "/.singularity.d/libs/libhip.so"}};
    amd.devices = {"kfd", "dri/renderD128"};
    amd.needs_glibc = GlibcVersion{2, 17, 0};
    now.names.gpus[GpuStack::rocm] = amd;
    const Decision decision = now.decide();
    CHECK(shown(decision.device_files) == kMounted);
    CHECK(shown(decision.device_libraries) == "/usr/lib/libcuda.so.535: libcuda.so.1 libcuda.so; /opt/libhip.so: libhip.so; ");
    CHECK(decision.device_nodes == std::vector<std::string>{"dri/renderD128", "kfd", "nvidia0", "nvidiactl"});
    CHECK(decision.device_glibc == GlibcVersion{2, 34, 0});
}

TEST_CASE("decision: nodes of a maker's GPUs") {
    const std::vector<std::string> devices = {"dri/by-path", "dri/card0", "fuse", "kfd", "nvidia-caps/nvidia-cap2", "nvidia-uvm", "nvidia0", "nvidiactl", "snd"};
    CHECK(gpu_devices(GpuStack::nvidia, devices) == std::vector<std::string>{"nvidia-caps/nvidia-cap2", "nvidia-uvm", "nvidia0", "nvidiactl"});
    CHECK(gpu_devices(GpuStack::rocm, devices) == std::vector<std::string>{"dri/by-path", "dri/card0", "kfd"});
}

TEST_CASE("decision: the image's glibc") {
    CHECK_FALSE(glibc_warning({2, 34, 0}, GlibcVersion{2, 34, 0}));
    CHECK_FALSE(glibc_warning({2, 2, 5}, GlibcVersion{2, 34, 0}));
    CHECK_THAT(*glibc_warning({2, 34, 0}, GlibcVersion{2, 17, 0}), Contains("need glibc 2.34 and the image has 2.17"));
    CHECK_THAT(*glibc_warning({2, 34, 0}, std::nullopt), Contains("need glibc 2.34, and no glibc was found"));
}
