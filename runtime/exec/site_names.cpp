#include "runtime/exec/site_names.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <set>

#include "runtime/base/whole_number.hpp"
#include "runtime/exec/gpu_cache.hpp"
#include "runtime/exec/gpu_files.hpp"

namespace berth {
namespace {

/// Whether every folder and link that the path names is root's, so that nobody else decides where it leads.
bool is_roots_path(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        struct stat st {};
        if (::lstat(path.substr(0, end).c_str(), &st) != 0 || st.st_uid != 0) return false;
        if (!S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) return false;
        if (end == std::string::npos) return true;
    }
}

/// Links are followed only where they are root's; any other path stands for itself.
void look_up_path(SiteNames& names, const std::string& path) {
    names.paths[path] = path;
    if (!is_roots_path(path)) return;
    const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), std::free);
    if (resolved) names.paths[path] = resolved.get();
}

/// What the libraries that specifications mount are called: "libcuda.so" of "/usr/lib/libcuda.so.560.35.03".
void add_stems(const config::CdiContainerEdits& edits, std::set<std::string>& stems) {
    for (const auto& mount : edits.mounts) {
        const std::string name = mount.host_path.substr(mount.host_path.rfind('/') + 1);
        if (const auto so = name.find(".so"); so != std::string::npos) stems.insert(name.substr(0, so + 3));
    }
}

/// The node's CDI specifications; all of them are root's alone.
Result<CdiFacts> cdi_facts(const config::SiteConfig& site, UserSide& side) {
    std::vector<std::string> folders;
    for (const auto& folder : site.cdi_spec_dirs.value) folders.push_back(folder.value);
    CdiFacts facts;
    facts.specs = config::load_cdi_specs(folders);
    BERTH_TRY(facts.host.usable_devices, side.usable_devices());
    std::set<std::string> stems;
    for (const config::CdiSpec& spec : facts.specs.specs) {
        add_stems(spec.edits, stems);
        for (const auto& device : spec.devices) add_stems(device.edits, stems);
    }
    BERTH_TRY(facts.host.library_names, library_names(stems));
    return facts;
}

}  // namespace

std::optional<unsigned> numeric_id(const std::string& text) {
    const auto number = whole_number<unsigned>(text);
    return number == UINT_MAX ? std::nullopt : number;
}

Result<SiteNames> site_names(const Request& request, const config::SitePolicy& policy, UserSide& side) {
    const config::SiteConfig& site = policy.conf;
    SiteNames names;
    for (const config::GpuStack stack : wants_gpus(request, site)) {
        BERTH_TRY(GpuFacts gpu, gpu_facts(stack, policy));
        BERTH_TRY(const auto devices, side.usable_devices());
        gpu.devices = gpu_devices(stack, devices);
        names.gpus.emplace(stack, std::move(gpu));
    }
    if (!request.cdi_devices.empty()) { BERTH_TRY(names.cdi, cdi_facts(site, side)); }
    if (site.mount_hostfs.value) { BERTH_TRY(names.host_mounts, side.host_mounts()); }
    for (const auto& entry : site.limit_container_owners.value) {
        if (const auto uid = numeric_id(entry.value)) names.users[entry.value] = *uid;
        if (const passwd* account = ::getpwnam(entry.value.c_str())) names.users[entry.value] = account->pw_uid;
    }
    for (const auto& entry : site.limit_container_groups.value) {
        if (const auto gid = numeric_id(entry.value)) names.groups[entry.value] = *gid;
        if (const ::group* found = ::getgrnam(entry.value.c_str())) names.groups[entry.value] = found->gr_gid;
    }
    for (const auto& entry : site.limit_container_paths.value) look_up_path(names, entry.value);
    if (policy.ecl.activated.value)
        for (const auto& group : policy.ecl.groups)
            if (!group.folder.empty()) look_up_path(names, group.folder);
    return names;
}

}  // namespace berth
