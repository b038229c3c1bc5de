// A library's tables from hostile bytes: an error or two versions, within bounded time.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/base/io.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/exec/elf_library.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const berth::UniqueFd fd(::memfd_create("library", MFD_CLOEXEC));
    if (!fd || !berth::write_all(fd.get(), {reinterpret_cast<const char*>(data), size}, "library")) std::abort();
    const auto library = berth::read_elf_library(fd.get(), "library");
    if (!library && library.error().message.empty()) std::abort();
    return 0;
}
