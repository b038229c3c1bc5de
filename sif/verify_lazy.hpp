// The part of a verification that a hash tree replaces: partition and tree are not read. For verify.cpp.
#pragma once

#include "sif/verify_tasks.hpp"

namespace berth::sif {

/// Where the group has a root object and all good signatures vouch for its tree and confirm its bytes: what they expect
/// of partition, tree and root object counts as verified, and the rest remains to be read. A root object that is not
/// what was signed, or that breaks the rules, fails them. `task` is the primary partition's whole group. \return where
/// partition and tree are, and the tree's root; nothing when everything has to be read. An Error means that it could
/// not be checked.
[[nodiscard]] Result<std::optional<LazyPartition>> settle_lazily(const Image& image, const VerifyTask& task,
                                                                 std::vector<CheckedSignature>& signatures);

}  // namespace berth::sif
