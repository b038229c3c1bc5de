// Which parts of a GPU's stack come into the container.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "runtime/base/text.hpp"
#include "runtime/policy/judge.hpp"

namespace berth {
namespace {

using config::GpuStack;
using config::SiteConfig;

bool is_numbered(std::string_view name, std::string_view prefix) {
    return name.starts_with(prefix) && name.size() > prefix.size() &&
           name.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

/// A GPU itself, not what every program needs beside it.
bool is_gpu(GpuStack stack, std::string_view name) {
    return is_numbered(name, stack == GpuStack::nvidia ? "nvidia" : "dri/renderD");
}

struct Wish {
    GpuStack stack;
    std::string option;  ///< "--nv"
    bool asked = false;  ///< by the user: who then hears what is missing
    std::string rule;
};

std::vector<Wish> wishes(const Request& request, const SiteConfig& site) {
    std::vector<Wish> found;
    const auto add = [&](GpuStack stack, const char* option, bool asked, std::string_view directive, const config::Setting<bool>& always) {
        if (asked || always.value) found.push_back({stack, option, asked, asked ? option : rule_text(directive, always)});
    };
    add(GpuStack::nvidia, "--nv", request.nv, "always use nv", site.always_use_nv);
    add(GpuStack::rocm, "--rocm", request.rocm, "always use rocm", site.always_use_rocm);
    return found;
}

/// What keeps the container from using a GPU, in one line; "" when nothing does.
std::string obstacle(const Wish& wish, const GpuFacts& gpu, const JobContext& job) {
    const std::string maker = to_string(wish.stack);
    const bool usable = std::ranges::any_of(gpu.devices, [&](const std::string& name) { return is_gpu(wish.stack, name); });
    if (usable && !gpu.files.empty()) return "";
    if (usable)
        return fmt::format("{}: this node has a device of {}'s and none of the libraries for it: is the driver installed, and ldconfig run?",
                           wish.option, maker);
    if (gpu.driver.empty() && gpu.devices.empty())
        return fmt::format("{}: this node has no {} driver: the container gets no GPU", wish.option, maker);
    if (job.launch == Launch::slurm)
        return fmt::format("{}: this step has no {} GPU on this node: ask Slurm for one (--gpus=1, --gres=gpu:1)", wish.option, maker);
    return fmt::format("{}: there is no {} GPU here that you may use", wish.option, maker);
}

/// One entry a file, one file a name: the first stack's.
void add_library(std::vector<DecidedLibrary>& libraries, const GpuFile& file) {
    const std::string name = file.destination.substr(file.destination.rfind('/') + 1);
    for (const DecidedLibrary& each : libraries)
        if (std::ranges::count(each.names, name) > 0) return;
    const auto same = std::ranges::find(libraries, file.source, &DecidedLibrary::source);
    if (same == libraries.end())
        libraries.push_back({file.source, {name}});
    else
        same->names.push_back(name);
}

void judge_stack(Judge& judge, Decision& decision, const Wish& wish, const GpuFacts& gpu, const JobContext& job) {
    std::array<std::size_t, 3> kinds{};
    for (const GpuFile& file : gpu.files) {
        ++kinds[static_cast<std::size_t>(file.kind)];
        if (file.kind == GpuFile::Kind::library)
            add_library(decision.device_libraries, file);
        else if (std::ranges::count(decision.device_files, file.destination, &DecidedBind::destination) == 0)  // two stacks may share it
            decision.device_files.push_back({file.source, file.destination, true, false});
    }
    const auto& [libraries, programs, files] = kinds;
    decision.device_nodes.insert(decision.device_nodes.end(), gpu.devices.begin(), gpu.devices.end());
    judge.grant(fmt::format("{} GPUs", to_string(wish.stack)),
                fmt::format("{} libraries, {} programs, {} other files, {} devices", libraries, programs, files, gpu.devices.size()), wish.rule);
    if (!wish.asked) return;
    if (auto message = obstacle(wish, gpu, job); !message.empty())
        decision.warnings.push_back(std::move(message));
    else
        decision.device_glibc = std::max(decision.device_glibc, gpu.needs_glibc);
    if (!gpu.left_out.empty())
        decision.warnings.push_back(fmt::format("{}: of the stack, {} files are left out (berth gpu list names them): {}", wish.option,
                                                gpu.left_out.size(), gpu.left_out.front()));
}

}  // namespace

std::vector<GpuStack> wants_gpus(const Request& request, const SiteConfig& site) {
    std::vector<GpuStack> stacks;
    for (const Wish& wish : wishes(request, site)) stacks.push_back(wish.stack);
    return stacks;
}

std::vector<std::string> gpu_devices(GpuStack stack, const std::vector<std::string>& devices) {
    std::vector<std::string> found;
    std::ranges::copy_if(devices, std::back_inserter(found), [&](std::string_view name) {
        return stack == GpuStack::nvidia ? name.starts_with("nvidia") : name == "kfd" || name.starts_with("dri/");
    });
    return found;
}

std::optional<std::string> glibc_warning(const GlibcVersion& needed, const std::optional<GlibcVersion>& images) {
    if (images && *images >= needed) return std::nullopt;
    const std::string wanted = "the GPU driver's libraries need glibc " + to_string(needed);
    if (!images) return wanted + ", and no glibc was found in the image: they will not load; use an image of a distribution with glibc";
    return wanted + " and the image has " + to_string(*images) + ": those that need it will not load; use an image of a newer distribution";
}

void judge_gpus(Judge& judge, Decision& decision, const Request& request, const SiteConfig& site, const SiteNames& names,
                const JobContext& job) {
    for (const Wish& wish : wishes(request, site)) {
        const auto gpu = names.gpus.find(wish.stack);
        judge_stack(judge, decision, wish, gpu == names.gpus.end() ? GpuFacts{} : gpu->second, job);
    }
    // Two stacks may share nodes.
    std::ranges::sort(decision.device_nodes);
    decision.device_nodes.erase(std::unique(decision.device_nodes.begin(), decision.device_nodes.end()), decision.device_nodes.end());
}

}  // namespace berth
