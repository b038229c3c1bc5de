#include "sif/lazy_sign.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/io.hpp"
#include "sif/digest_objects.hpp"
#include "sif/lazy_group.hpp"
#include "sif/verify_tasks.hpp"

namespace berth::sif {
namespace {

Error usage(const Image& image, const std::string& problem) {
    return Error{Category::usage, 0, image.name() + ": " + problem};
}

/// The partition to make a tree for; its group is one that the request signs wholly.
Result<Descriptor> partition_of(const Image& image, const SignRequest& request) {
    BERTH_TRY(const PrimaryPartition primary, image.primary_partition());
    const Descriptor& partition = primary.descriptor;
    const auto group = partition.group_number();
    if (!group)
        return usage(image, fmt::format("the primary partition, object {}, belongs to no group, so no signature can "
                                        "name it",
                                        partition.id));
    if (!request.objects.empty())
        return usage(image, "a hash tree is signed with the primary partition's whole group, not with single objects");
    if (!request.groups.empty() && std::ranges::find(request.groups, *group) == request.groups.end())
        return usage(image, fmt::format("a hash tree is signed with the primary partition's group {}, which is not "
                                        "among the groups to sign",
                                        *group));
    return partition;
}

/// Signatures of the group as it is would fail once two objects are added to it.
Status check_unsigned(const Image& image, std::uint32_t group) {
    const auto signatures = signatures_of(image, VerifyTask{group, std::nullopt, {}, true});
    if (signatures.empty()) return {};
    const std::uint32_t id = signatures.front().id;
    return usage(image, fmt::format("object {} signs group {} without a hash tree and would no longer hold; remove it "
                                    "(`berth sif del {}`), then let every signer sign again",
                                    id, group, id));
}

/// The objects of a tree that is there already; nothing when there are none.
Result<std::optional<LazyGroup>> existing_tree(const Image& image, const Descriptor& partition) {
    const std::uint32_t number = *partition.group_number();
    const auto objects = group_objects(image, number);
    BERTH_TRY(auto group, read_lazy_group(image, partition, objects));
    if (group && !group->fault.empty())
        return usage(image, fmt::format("{}; remove the old hash tree and its root object (`berth sif del ID`), then "
                                        "sign again",
                                        group->fault));
    if (group) return group;
    if (const auto left = std::ranges::find_if(objects, is_lazy_tree); left != objects.end())
        return usage(image, fmt::format("object {} is a hash tree without a root object; remove it "
                                        "(`berth sif del {}`), then sign again",
                                        left->id, left->id));
    BERTH_CHECK(check_unsigned(image, number));
    return group;
}

/// Whether the tree's object holds the same bytes as the new tree.
Result<bool> same_bytes(const Image& image, const Descriptor& tree, int fd) {
    std::vector<std::byte> old(kDigestBuffer);
    std::vector<std::byte> now(kDigestBuffer);
    for (std::uint64_t done = 0; done < tree.size;) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kDigestBuffer, tree.size - done));
        BERTH_CHECK(image.read(tree, done, std::span(old).first(size)));
        BERTH_CHECK(pread_exact(fd, std::span(now).first(size), done, "hash tree"));
        if (!std::equal(old.begin(), old.begin() + static_cast<std::ptrdiff_t>(size), now.begin())) return false;
        done += size;
    }
    return true;
}

Status check_same(const Image& image, const LazyGroup& group, const Sha256& digest, int fd) {
    BERTH_TRY(const bool same, same_bytes(image, group.tree, fd));
    if (same && digest == group.digest) return {};
    return usage(image, fmt::format("the hash tree in objects {} and {} is not that of the partition as it is now; "
                                    "remove both (`berth sif del ID`), then sign again",
                                    group.tree.id, group.root.id));
}

/// The tree and, behind it, the root object, once their ids are known.
Status add_objects(const Editor& editor, const Descriptor& partition, const Sha256& digest, int fd,
                   SignRequest& request) {
    NewObject tree;
    tree.type = ObjectType::generic;
    tree.name = kLazyTreeName;
    tree.fd = fd;
    tree.fd_size = *hash_tree_size(partition.size);
    tree.group = partition.group;
    tree.link = partition.id;
    tree.alignment = kHashBlock;
    NewObject root;
    root.type = ObjectType::generic_json;
    root.name = kLazyRootName;
    root.bytes = encode(LazyRoot{});  // for its id, which does not depend on it
    root.group = partition.group;
    request.additional.push_back(std::move(tree));
    request.additional.push_back(std::move(root));
    Changes changes;
    changes.append = request.additional;
    BERTH_TRY(const auto planned, editor.preview(changes, request.time));
    std::uint32_t lowest = lowest_id(editor.image(), *partition.group_number());
    for (const Descriptor& object : planned)
        if (object.group == partition.group) lowest = std::min(lowest, object.id);
    const std::uint32_t tree_id = planned[planned.size() - 2].id;
    request.checked_root = planned.back().id;
    request.additional.back().bytes = encode(LazyRoot{partition.id - lowest, tree_id - lowest, digest});
    return {};
}

}  // namespace

Result<std::vector<std::uint32_t>> sign_lazily(Editor& editor, SignRequest request, const Signer& signer) {
    const Image& image = editor.image();
    BERTH_TRY(const Descriptor partition, partition_of(image, request));
    BERTH_TRY(const auto existing, existing_tree(image, partition));
    BERTH_TRY(const TemporaryFile file, editor.temporary_file());
    auto digest = write_hash_tree(editor.fd(), {partition.offset, partition.size}, file.fd(), 0, image.header().uuid,
                                  request.stop);
    if (!digest) return std::move(digest).error().within(image.name());
    BERTH_CHECK(existing ? check_same(image, *existing, *digest, file.fd())
                         : add_objects(editor, partition, *digest, file.fd(), request));
    if (existing) request.checked_root = existing->root.id;
    return sign(editor, request, signer);
}

}  // namespace berth::sif
