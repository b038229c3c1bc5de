// Root objects of hash trees from hostile bytes: what is read is read one way, and written back it is the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sif/lazy_root.hpp"

using namespace berth::sif;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto root = parse_lazy_root(text, "fuzz");
    if (!root) {
        require(root.error().category == berth::Category::image ||
                root.error().category == berth::Category::unsupported);
        return 0;
    }
    const std::string written = encode(*root);
    require(size <= kMaxLazyRootSize && written.size() <= kMaxLazyRootSize);
    const auto again = parse_lazy_root(written, "fuzz");
    require(again.ok() && *again == *root);
    return 0;
}
