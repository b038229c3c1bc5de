// nvliblist.conf from hostile bytes, and nvidia-container-cli's list.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/base/text.hpp"
#include "runtime/exec/gpu_files.hpp"

namespace {

void check(const berth::Result<berth::config::GpuList>& list) {
    if (!list) {
        if (berth::printable(list.error().message, 8192) != list.error().message) std::abort();
        return;
    }
    for (const auto* part : {&list->libraries, &list->programs})
        for (const auto& name : *part)
            if (name.value.empty() || name.value.find('/') != std::string::npos || name.value == "..") std::abort();
    for (const auto& path : list->files)
        if (berth::normal_path(path.value) != path.value) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check(berth::config::parse_gpu_list(text, "fuzz.conf"));
    check(berth::list_of_nvidia(text, "fuzz"));
    return 0;
}
