#include "runtime/environment/environment.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::string_view kImageLibraries = "/.singularity.d/libs";

/// From weak to strong: a later one replaces what an earlier one said.
constexpr auto kOverridePrefixes = std::to_array<std::string_view>({"SINGULARITYENV_", "APPTAINERENV_", "BERTHENV_"});

/// Settings of a runtime on the host, ours included: inside they would steer a nested one.
constexpr auto kRuntimePrefixes = std::to_array<std::string_view>({"SINGULARITY_", "APPTAINER_", "BERTH_"});

/// bash's exported functions: programs of the host, under names that no other shell can hold.
constexpr std::string_view kFunctionPrefix = "BASH_FUNC_";

/// The first three make the loader open host libraries in the container; the container has its own of the others.
constexpr auto kNeverFromHost =
    std::to_array<std::string_view>({"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "HOME", "PATH"});

/// What every shell sets for itself: the image's scripts did not mean to.
constexpr auto kOfTheShell = std::to_array<std::string_view>({"PWD", "OLDPWD", "SHLVL", "_"});

/// A name, or a prefix when it ends in '*'.
constexpr auto kKeptWhenClean =
    std::to_array<std::string_view>({// terminal, language and time, without which output is garbled
                                     "TERM", "COLORTERM", "COLUMNS", "LINES", "LANG", "LANGUAGE", "LC_*", "TZ",
                                     // who and where the caller is: true in the container too
                                     "USER", "LOGNAME", "PWD",
                                     // the job, and what wires its ranks together
                                     "SLURM_*", "SLURMD_*", "PMI*", "OMPI_COMM_*",
                                     // the way out of the cluster; Singularity keeps these too
                                     "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY",
                                     "all_proxy", "ALL_PROXY", "ftp_proxy", "FTP_PROXY"});

/// The devices that Slurm gave the task: true whatever the image says, and --cleanenv.
constexpr auto kDevices = std::to_array<std::string_view>({"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
                                                           "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK"});

bool starts_with_one_of(std::string_view name, std::span<const std::string_view> prefixes) noexcept {
    return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool passes_from_host(std::string_view name, Environment environment) noexcept {
    if (starts_with_one_of(name, kOverridePrefixes) || starts_with_one_of(name, kRuntimePrefixes)) return false;
    if (name.starts_with(kFunctionPrefix) || std::ranges::count(kNeverFromHost, name) != 0) return false;
    return environment == Environment::inherit || kept_when_clean(name);
}

Variables overrides(const Variables& caller, const Request& request) {
    Variables result;
    for (const std::string_view prefix : kOverridePrefixes)
        for (auto found = caller.lower_bound(std::string(prefix));
             found != caller.end() && found->first.starts_with(prefix); ++found) {
            const std::string name = found->first.substr(prefix.size());
            if (!name.empty() && !name.starts_with(kFunctionPrefix)) result.insert_or_assign(name, found->second);
        }
    for (const EnvironmentChange& change : request.environment_changes) {
        const auto found = caller.find(change.name);
        if (change.value)
            result.insert_or_assign(change.name, *change.value);
        else if (found != caller.end())
            result.insert_or_assign(change.name, found->second);
    }
    return result;
}

std::string take(Variables& variables, const std::string& name) {
    const auto node = variables.extract(name);
    return node.empty() ? std::string{} : node.mapped();
}

/// PATH wins over the other two, as in Singularity.
void change_path(Variables& variables, Variables& changes) {
    std::string& path = variables.try_emplace("PATH", kDefaultPath).first->second;
    const std::string before = take(changes, "PREPEND_PATH");
    const std::string after = take(changes, "APPEND_PATH");
    const std::string instead = take(changes, "PATH");
    if (!before.empty()) path.insert(0, before + ":");
    if (!after.empty()) path += ":" + after;
    if (!instead.empty()) path = instead;
}

void add_library_folder(Variables& variables, const std::string& folder) {
    std::string& path = variables["LD_LIBRARY_PATH"];
    const auto parts = split(path, ':');
    if (std::ranges::count(parts, folder) == 0) path += (path.empty() ? "" : ":") + folder;
}

/// A library path of the user's still finds the libraries that options put into the container.
void add_image_libraries(Variables& variables) {
    const auto found = variables.find("LD_LIBRARY_PATH");
    if (found == variables.end() || found->second.empty()) return;
    const auto parts = split(found->second, ':');
    if (std::ranges::count(parts, kImageLibraries) == 0) found->second.append(":").append(kImageLibraries);
}

void name_container(Variables& variables, const ContainerFacts& facts) {
    if (facts.image_path.empty()) return;
    const std::string file_name = facts.image_path.substr(facts.image_path.rfind('/') + 1);
    for (const std::string_view prefix : kRuntimePrefixes) {
        variables.insert_or_assign(std::string(prefix) + "CONTAINER", facts.image_path);
        variables.insert_or_assign(std::string(prefix) + "NAME", file_name);
    }
}

}  // namespace

Variables parse_environment(std::span<const std::string> entries) {
    Variables result;
    for (const std::string& entry : entries) {
        const auto equals = entry.find('=');
        if (equals == 0 || equals == std::string::npos || entry.find('\0') != std::string::npos) continue;
        result.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
    return result;
}

Variables before_scripts(const ContainerFacts& facts) {
    Variables result{{"HOME", facts.home}, {"PATH", std::string(kDefaultPath)}};
    name_container(result, facts);
    return result;
}

void after_scripts(Variables& variables, const Variables& caller, const Request& request, const ContainerFacts& facts) {
    for (const std::string_view name : kOfTheShell) variables.erase(std::string(name));
    for (const auto& [name, value] : facts.variables) variables.insert_or_assign(name, value);
    for (const auto& [name, value] : caller)
        if (std::ranges::count(kDevices, name) != 0)
            variables.insert_or_assign(name, value);
        else if (passes_from_host(name, request.environment))
            variables.emplace(name, value);
    variables.emplace("HOME", facts.home);

    Variables changes = overrides(caller, request);
    change_path(variables, changes);
    add_image_libraries(changes);
    for (auto& [name, value] : changes) variables.insert_or_assign(name, std::move(value));
    if (facts.libraries) add_library_folder(variables, std::string(kImageLibraries));
    for (const std::string& folder : facts.library_folders) add_library_folder(variables, folder);
    name_container(variables, facts);
}

bool kept_when_clean(std::string_view name) noexcept {
    return std::ranges::count(kDevices, name) != 0 || std::ranges::any_of(kKeptWhenClean, [&](std::string_view kept) {
        if (!kept.ends_with('*')) return name == kept;
        return name.starts_with(kept.substr(0, kept.size() - 1));
    });
}

}  // namespace berth
