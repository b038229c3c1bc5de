// Signing an image: metadata of its groups, signed, and appended as signature objects in one edit.
//
//     BERTH_TRY(auto editor, Editor::open(path));
//     BERTH_TRY(const auto signer, openpgp_signer(home, fingerprint, ask));
//     BERTH_TRY(const auto ids, sign(editor, {}, signer));
#pragma once

#include <optional>
#include <vector>

#include "sif/editor.hpp"
#include "sif/signature.hpp"

namespace berth::sif {

/// What is to be signed. Neither groups nor objects named: every group.
struct SignRequest {
    std::vector<std::uint32_t> groups;   ///< numbers without the mask: all objects of these groups but signatures
    std::vector<std::uint32_t> objects;  ///< ids: only these, by one signature for each of their groups
    HashKind hash = HashKind::sha256;    ///< of the digests that are signed
    std::vector<NewObject> additional;   ///< appended in the same edit, and signed with the group that they belong to
    /// A hash tree's root object in a group to sign, there or to be added, that the caller has held against the
    /// partition: the signature vouches for it (docs/sif-format.md, "Hash trees"). See sign_lazily().
    std::optional<std::uint32_t> checked_root;
    std::int64_t time = 0;     ///< seconds since 1970: created and modified of what is appended
    unsigned threads = 0;      ///< for digests; 0: one a processor
    bool (*stop)() = nullptr;  ///< asked while objects are read and copied; true ends the signing
};

/// Appends one signature object for each group: all of them, or none. It belongs to no group and links to the one it
/// signs. Signatures that are there stay. Nobody else may change the image meanwhile: the editor's lock and its own
/// check see to that.
/// \return the ids of the signature objects.
/// Errors: Category::usage (no such group or object, an object of no group, nothing to sign), those of
/// the signer and of Editor::apply(); then the image is as before.
[[nodiscard]] Result<std::vector<std::uint32_t>> sign(Editor& editor, const SignRequest& request, const Signer& signer);

/// The extra field of a signature object.
[[nodiscard]] std::array<std::byte, kExtraSize> signature_extra_of(const SignatureContent& content);

}  // namespace berth::sif
