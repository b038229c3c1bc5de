// Signing with a hash tree over the primary partition, so that a node checks each block when it is read instead of the
// whole image before it starts (docs/sif-format.md, "Hash trees").
#pragma once

#include "sif/sign.hpp"

namespace berth::sif {

/// sign(), and in the same edit the hash tree and its root object, in the primary partition's group. They are appended
/// behind request.additional. The tree takes 1/127 of the partition's size, and as much again in the image's folder
/// while this runs. The same image and request give the same objects. A tree and a root object that are there are kept
/// when they are those of the partition as it is.
/// \return the ids of the signature objects.
/// Errors: those of sign(); Category::usage for a request that does not sign the primary partition's whole group, for a
/// group that others have signed without a tree, since their signatures would no longer hold, and for objects of a tree
/// that is not the partition's; image (no primary partition, or more than one). Then the image is as before.
[[nodiscard]] Result<std::vector<std::uint32_t>> sign_lazily(Editor& editor, SignRequest request, const Signer& signer);

}  // namespace berth::sif
