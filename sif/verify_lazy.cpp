#include "sif/verify_lazy.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sif/lazy_group.hpp"

namespace berth::sif {
namespace {

/// Whether all that signed held the tree against the partition. Whoever made the image could have put in a tree over
/// other bytes, and a signer whose program knows no hash trees confirms the root object unseen.
bool all_vouch(const std::vector<CheckedSignature>& signatures, std::uint32_t relative_id) {
    return std::ranges::all_of(signatures, [relative_id](const CheckedSignature& signature) {
        return !signature.good() || signature.hash_tree == relative_id;
    });
}

/// The bytes that were read are those that this signature is about. Then, and only then, they may be believed.
Status check_root(const Image& image, CheckedSignature& signature, const LazyGroup& group) {
    const auto where = [&] { return fmt::format("{}: signature object {}", image.name(), signature.report.id); };
    if (group.bytes) {
        const auto expected =
            std::ranges::find(signature.expected, group.root.id, [](const auto& object) { return object.first.id; });
        if (expected == signature.expected.end())
            return Error{Category::internal, 0, where() + ": expects nothing of the root object"};
        BERTH_TRY(const Digest digest, digest_of(expected->second.hash, std::as_bytes(std::span(*group.bytes))));
        if (digest != expected->second) {
            signature.fail(Failure::object_changed,
                           fmt::format("{}: object {} is not what was signed", where(), group.root.id), group.root.id);
            return {};
        }
    }
    if (!group.fault.empty())
        signature.fail(Failure::malformed, fmt::format("{}: {}", image.name(), group.fault), group.culprit);
    return {};
}

void settle(CheckedSignature& signature, const LazyGroup& group) {
    std::erase_if(signature.expected, [&](const auto& expected) {
        const std::uint32_t id = expected.first.id;
        const bool settled = id == group.root.id || id == group.partition.id || id == group.tree.id;
        if (settled) signature.report.verified.push_back(id);
        return settled;
    });
}

}  // namespace

Result<std::optional<LazyPartition>> settle_lazily(const Image& image, const VerifyTask& task,
                                                   std::vector<CheckedSignature>& signatures) {
    std::optional<LazyPartition> found;
    if (std::ranges::none_of(signatures, &CheckedSignature::good)) return found;
    BERTH_TRY(const PrimaryPartition primary, image.primary_partition());
    BERTH_TRY(const auto group, read_lazy_group(image, primary.descriptor, task.objects));
    if (!group || !all_vouch(signatures, group->root.id - task.objects.front().id)) return found;
    for (CheckedSignature& signature : signatures) {
        if (!signature.good()) continue;
        BERTH_CHECK(check_root(image, signature, *group));
        if (signature.good()) settle(signature, *group);
    }
    if (group->fault.empty())
        found = LazyPartition{
            {group->partition.offset, group->partition.size}, {group->tree.offset, group->tree.size}, group->digest};
    return found;
}

}  // namespace berth::sif
