// What of a GPU maker's stack this node has: libraries through ld.so's cache, programs, files.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/gpu_list.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

/// Where a node is looked through.
struct GpuPlaces {
    std::string linker_cache = "/etc/ld.so.cache";
    std::vector<std::string> programs = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
};

/// Looks for all that the list names; devices and driver are not looked at. A library counts for every name under which
/// ld.so finds it, and for the name in the list itself (libcuda.so), which programs open, too. Only files that nobody but
/// root could have changed (config::open_trusted) and, of libraries, those of this architecture: what else is found is in
/// `left_out`. Reads what root wrote, and nothing else. Category::config for an ld.so cache that is broken or not root's;
/// without one there are no libraries.
[[nodiscard]] Result<GpuFacts> find_gpu_files(const config::GpuList& list, const GpuPlaces& places = {});

/// Files of libraries, every link resolved, and the names by which ld.so finds them: for those that are called as one of
/// `stems` ("libcuda.so"). Nothing where there is no ld.so cache. Category::config as find_gpu_files().
[[nodiscard]] Result<std::map<std::string, std::string>> library_names(const std::set<std::string>& stems, const GpuPlaces& places = {});

/// What `nvidia-container-cli list` printed, as a list. Lines that are no absolute paths are Category::config.
[[nodiscard]] Result<config::GpuList> list_of_nvidia(const std::string& output, const std::string& program);

/// What the kernel says of a stack's driver, in one line; "" where there is none.
[[nodiscard]] std::string gpu_driver(config::GpuStack stack);

}  // namespace berth
