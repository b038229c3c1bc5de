// ld.so.cache from hostile bytes: an error, or entries that name files.
#include <cstdint>
#include <cstdlib>

#include "runtime/base/text.hpp"
#include "runtime/exec/linker_cache.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto entries = berth::parse_linker_cache({reinterpret_cast<const char*>(data), size});
    if (!entries) return 0;
    for (const auto& entry : *entries) {
        const bool good = !entry.name.empty() && entry.name.find('/') == std::string::npos && entry.path.starts_with('/') &&
                          entry.path.size() < size && berth::printable(entry.name) == entry.name;
        if (!good) std::abort();
    }
    return 0;
}
