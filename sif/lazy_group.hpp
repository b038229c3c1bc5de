// A group's hash tree, found among its objects and held against the rules (docs/sif-format.md, "Hash trees"). What
// signing and verifying share; whether anybody signed it is the caller's question. Not installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sif/image.hpp"
#include "sif/lazy_root.hpp"

namespace berth::sif {

struct LazyGroup {
    Descriptor root;
    std::optional<std::string> bytes;  ///< of the root object, read once; nothing where it has no right size
    Descriptor partition;
    Descriptor tree;            ///< only without a fault
    Sha256 digest{};            ///< only without a fault
    std::string fault;          ///< why this is no usable hash tree, without the image's name; empty: it is one
    std::uint32_t culprit = 0;  ///< the object that the fault is about
};

/// Looks for the root object among `objects`, the group's without signatures, by id, and reads it; nothing when there
/// is none. `partition` is one of them. An Error means that it could not be read.
[[nodiscard]] Result<std::optional<LazyGroup>> read_lazy_group(const Image& image, const Descriptor& partition,
                                                               const std::vector<Descriptor>& objects);

}  // namespace berth::sif
