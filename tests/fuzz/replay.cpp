// Runs a fuzz target once on each file of the folders and files given, without a fuzzer: with any compiler and
// sanitizer, as a test, and to look at a finding under a debugger.
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "runtime/base/io.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kLargestInput = 16U << 20;
int replayed = 0;

bool replay(const std::filesystem::path& path) {
    const auto bytes = berth::read_file(path.string(), kLargestInput);
    if (!bytes) {
        fmt::print(stderr, "{}\n", bytes.error().message);
        return false;
    }
    // A copy of the exact size on the heap: one byte read past it is seen.
    const std::vector<std::uint8_t> input(bytes->begin(), bytes->end());
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ++replayed;
    return true;
}

bool replay_all(const std::filesystem::path& path) {
    std::error_code failure;
    if (!std::filesystem::is_directory(path, failure)) return replay(path);
    bool good = true;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, failure))
        if (entry.is_regular_file(failure)) good = replay(entry.path()) && good;
    return good && !failure;
}

}  // namespace

int main(int argc, char** argv) {
    bool good = argc > 1;
    for (int i = 1; i < argc; ++i) good = replay_all(argv[i]) && good;
    fmt::print("{} inputs replayed\n", replayed);
    return good && replayed > 0 ? 0 : 1;
}
