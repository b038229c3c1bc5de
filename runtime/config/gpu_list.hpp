// nvliblist.conf and rocmliblist.conf, which lie beside berth.conf: what the stack of a GPU's maker consists of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/origin.hpp"

namespace berth::config {

enum class GpuStack { nvidia, rocm };

/// "NVIDIA", "AMD".
[[nodiscard]] const char* to_string(GpuStack stack) noexcept;

/// What to look for on a node. Nothing in it need be there.
struct GpuList {
    std::vector<Setting<std::string>> libraries;  ///< "libcuda.so": this name, and those that begin with it and a dot
    std::vector<Setting<std::string>> programs;   ///< "nvidia-smi", looked for in the folders of the system
    std::vector<Setting<std::string>> files;      ///< absolute normal paths, at which the container sees them, too
};

/// Largest list that is read, in bytes, and the most names that it may have.
inline constexpr std::size_t kMaxGpuListSize = std::size_t{64} << 10;
inline constexpr std::size_t kMaxGpuListNames = 256;

/// A name a line, as in Singularity: one with ".so" in it is a library, any other a program, an absolute path a file or
/// folder. `#` begins a comment. Anything else (a pattern, "..", a name twice) is Category::config with FILE:LINE.
[[nodiscard]] Result<GpuList> parse_gpu_list(std::string_view text, const std::string& file);

/// nvliblist.conf or rocmliblist.conf in the folder of this berth.conf.
[[nodiscard]] std::string gpu_list_path(const std::string& berth_conf, GpuStack stack);

/// Reads and parses a list that was opened by open_trusted(). Category::config.
[[nodiscard]] Result<GpuList> read_gpu_list(int fd, const std::string& path);

}  // namespace berth::config
