// GPU stacks, for berth doctor: what can be seen of them, and what is missing beside it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/gpu_cache.hpp"
#include "runtime/exec/gpu_files.hpp"
#include "tools/doctor_checks.hpp"

namespace berth::tools {
namespace {

constexpr std::size_t kMaxLinkerCache = 64U << 20;
constexpr const char* kNvidiaDriver = "/proc/driver/nvidia/version";

std::size_t count(const Surroundings& node, const std::string& pattern) {
    glob_t matches{};
    const bool found = ::glob((node.root + pattern).c_str(), 0, nullptr, &matches) == 0;
    const std::size_t number = found ? matches.gl_pathc : 0;
    ::globfree(&matches);
    return number;
}

std::string devices(std::size_t number) { return fmt::format("{} device{}", number, number == 1 ? "" : "s"); }

/// ld.so's cache holds the names of all libraries as text.
bool linker_finds(const Surroundings& node, const std::string& library) {
    const auto cache = read_file(node.root + "/etc/ld.so.cache", kMaxLinkerCache);
    return cache && cache->find("/" + library + '\0') != std::string::npos;
}

std::vector<Finding> nvidia(const Surroundings& node) {
    const std::size_t number = count(node, "/dev/nvidia[0-9]*");
    if (!exists(node, kNvidiaDriver)) {
        if (number == 0) return {};
        return {{Health::warn, "NVIDIA", devices(number) + " in /dev, and no driver in the kernel", "modprobe nvidia"}};
    }
    std::vector<std::string> seen{printable(first_line(node, kNvidiaDriver)), devices(number)};
    std::vector<std::string> missing;
    std::vector<std::string> remedies;
    for (const char* device : {"/dev/nvidiactl", "/dev/nvidia-uvm"})
        (exists(node, device) ? seen : missing).emplace_back(device);
    if (number == 0) missing.emplace_back("/dev/nvidia0");
    if (!missing.empty()) remedies.emplace_back("nvidia-modprobe -c0 -u, as root, makes the devices");
    const bool library = linker_finds(node, "libcuda.so.1");
    (library ? seen : missing).emplace_back(library ? "libcuda.so.1" : "libcuda.so.1 (ld.so's cache does not have it)");
    if (!library) remedies.emplace_back("install the driver's libraries, then ldconfig");
    if (missing.empty()) return {{Health::ok, "NVIDIA", fmt::format("{}", fmt::join(seen, ", ")), ""}};
    return {{Health::warn, "NVIDIA", fmt::format("{}; missing: {}", fmt::join(seen, ", "), fmt::join(missing, ", ")), fmt::format("{}", fmt::join(remedies, "; "))}};
}

std::vector<Finding> amd(const Surroundings& node) {
    if (!exists(node, "/sys/module/amdgpu")) return {};
    const std::string version = printable(first_line(node, "/sys/module/amdgpu/version"));
    const std::string seen = "amdgpu" + (version.empty() ? "" : " " + version) + ", " + devices(count(node, "/dev/dri/renderD*")) + " in /dev/dri";
    if (exists(node, "/dev/kfd")) return {{Health::ok, "AMD", seen + ", /dev/kfd", ""}};
    return {{Health::ok, "AMD", seen + "; no /dev/kfd, which computing needs", ""}};
}

/// What containers would get, where the kernel has the driver.
std::vector<Finding> stack_of(config::GpuStack stack, const config::SitePolicy& policy) {
    const std::string subject = std::string(to_string(stack)) + " for containers";
    const auto facts = find_gpu_facts(stack, policy);
    if (!facts) return {{Health::fail, subject, facts.error().message, "mend it, or GPU options end in this error"}};
    const std::string seen = fmt::format("{} files (berth gpu list names them)", facts->files.size());
    if (!facts->left_out.empty())
        return {{Health::warn, subject, fmt::format("{}; {} left out: {}", seen, facts->left_out.size(), facts->left_out.front()),
                 "make the driver's files root's alone, or take them out of the list"}};
    if (facts->files.empty()) return {{Health::warn, subject, "nothing that the list names is here", "install the driver's libraries, then ldconfig"}};
    return {{Health::ok, subject, seen, ""}};
}

std::vector<Finding> stacks(const Surroundings& node) {
    std::vector<Finding> findings;
    if (!node.root.empty()) return findings;  // another node's root: its libraries are not found by this one's cache
    const auto policy = config::load_policy(node.berth_conf);
    if (!policy) return findings;  // the check of the configuration says so
    for (const auto stack : {config::GpuStack::nvidia, config::GpuStack::rocm})
        if (!gpu_driver(stack).empty())
            for (Finding& finding : stack_of(stack, *policy)) findings.push_back(std::move(finding));
    return findings;
}

}  // namespace

std::vector<Finding> examine_gpus(const Surroundings& node) {
    auto findings = nvidia(node);
    for (auto& finding : amd(node)) findings.push_back(std::move(finding));
    for (auto& finding : stacks(node)) findings.push_back(std::move(finding));
    if (findings.empty()) findings.push_back({Health::ok, "GPUs", "none seen", ""});
    return findings;
}

}  // namespace berth::tools
