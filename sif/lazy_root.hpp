// The two objects that let a node check a partition block by block (docs/sif-format.md, "Hash trees"): the hash tree
// itself, and the root object, a small JSON text that names partition, tree and the tree's root digest. Both lie in the
// partition's group, so that the group's signatures cover them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"
#include "sif/hash_tree.hpp"

namespace berth::sif {

/// The objects' names; their types are generic JSON and generic.
inline constexpr std::string_view kLazyRootName = "berth-hash-tree-root";
inline constexpr std::string_view kLazyTreeName = "berth-hash-tree";

/// The largest root object that is read. Version 1 writes some 180 bytes.
inline constexpr std::size_t kMaxLazyRootSize = 1024;

/// What a root object says. Relative ids count from the lowest id in the group, as those of a signature do.
struct LazyRoot {
    std::uint32_t partition = 0;  ///< relative id
    std::uint32_t tree = 0;       ///< relative id
    Sha256 digest{};              ///< of the tree's top block

    friend bool operator==(const LazyRoot&, const LazyRoot&) = default;
};

/// Whether type and name are those of a root object, or of a tree. What the object holds is not looked at.
[[nodiscard]] inline bool is_lazy_root(const Descriptor& object) noexcept {
    return object.type == ObjectType::generic_json && object.name() == kLazyRootName;
}
[[nodiscard]] inline bool is_lazy_tree(const Descriptor& object) noexcept {
    return object.type == ObjectType::generic && object.name() == kLazyTreeName;
}

/// Version 1, compact, without a newline at its end.
[[nodiscard]] std::string encode(const LazyRoot& root);

/// Reads version 1 strictly: every member there once, none that is unknown, the one hash and the one block size.
/// Category::image, or unsupported for another version. `what` begins the message.
[[nodiscard]] Result<LazyRoot> parse_lazy_root(std::string_view text, const std::string& what);

}  // namespace berth::sif
