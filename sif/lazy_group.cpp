#include "sif/lazy_group.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::sif {
namespace {

using Objects = std::vector<Descriptor>;

void set_fault(LazyGroup& group, std::uint32_t culprit, std::string fault) {
    group.culprit = culprit;
    group.fault = std::move(fault);
}

/// A second one of its kind: which of them counts would be anybody's guess.
std::optional<Descriptor> second(const Objects& objects, bool (*is_one)(const Descriptor&) noexcept) {
    auto found = std::ranges::find_if(objects, is_one);
    if (found != objects.end()) found = std::find_if(found + 1, objects.end(), is_one);
    return found == objects.end() ? std::nullopt : std::optional(*found);
}

/// The tree that the root object names, as far as descriptors tell.
void find_tree(LazyGroup& group, const Objects& objects, const LazyRoot& root) {
    const std::uint64_t lowest = objects.front().id;
    const auto fault = [&group](const std::string& what) {
        set_fault(group, group.root.id, fmt::format("object {}: {}", group.root.id, what));
    };
    if (lowest + root.partition != group.partition.id)
        return fault(fmt::format("is about object {}, not the primary partition, object {}", lowest + root.partition,
                                 group.partition.id));
    const auto tree = std::ranges::find(objects, lowest + root.tree, &Descriptor::id);
    if (tree == objects.end())
        return fault(fmt::format("names object {} as hash tree, which is not in the group", lowest + root.tree));
    if (!is_lazy_tree(*tree) || tree->linked_object() != group.partition.id)
        return fault(
            fmt::format("names object {} as hash tree, which is none of object {}", tree->id, group.partition.id));
    if (tree->size != hash_tree_size(group.partition.size))
        return fault(fmt::format("names object {} as hash tree, whose {} bytes do not fit a partition of {} bytes",
                                 tree->id, tree->size, group.partition.size));
    group.tree = *tree;
    group.digest = root.digest;
}

}  // namespace

Result<std::optional<LazyGroup>> read_lazy_group(const Image& image, const Descriptor& partition,
                                                 const std::vector<Descriptor>& objects) {
    const auto found = std::ranges::find_if(objects, is_lazy_root);
    if (found == objects.end()) return std::optional<LazyGroup>();
    LazyGroup group;
    group.root = *found;
    group.partition = partition;
    if (found->size > kMaxLazyRootSize) {
        set_fault(group, found->id,
                  fmt::format("object {}: {} bytes, at most {} are read", found->id, found->size, kMaxLazyRootSize));
        return std::optional(std::move(group));
    }
    // Once: who may write to the file could show one text to the check and another to the parser.
    BERTH_TRY(group.bytes, image.read_object(*found, kMaxLazyRootSize));
    for (const auto is_one : {is_lazy_root, is_lazy_tree})
        if (const auto other = second(objects, is_one); other && group.fault.empty())
            set_fault(group, other->id,
                      fmt::format("object {}: a second \"{}\" in the group", other->id, other->name()));
    if (!group.fault.empty()) return std::optional(std::move(group));
    const auto root = parse_lazy_root(*group.bytes, fmt::format("object {}", found->id));
    if (root)
        find_tree(group, objects, *root);
    else
        set_fault(group, found->id, root.error().message);
    return std::optional(std::move(group));
}

}  // namespace berth::sif
