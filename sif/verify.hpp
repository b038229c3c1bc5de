// Verifying the signatures of an image: who signed what, and whether it is still that.
//
//     BERTH_TRY(auto image, Image::open(fd, path));
//     BERTH_TRY(auto openpgp, OpenPgpVerifier::open({keyring}));
//     VerifyKeys keys{std::move(openpgp), {}};
//     BERTH_TRY(const auto report, verify(image, {}, keys));
//     if (!report.all_verified()) …report.first_problem()…
//
// What holds afterwards holds for the bytes that were read: whoever can write the file can change them at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sif/dsse_key.hpp"
#include "sif/hash_tree.hpp"
#include "sif/image.hpp"
#include "sif/openpgp.hpp"
#include "sif/signature.hpp"

namespace berth::sif {

/// How many signature objects one verification checks; each costs a run of gpg (some 10 ms). More is Category::image.
inline constexpr std::size_t kMaxSignatures = 64;

/// Who is authorised to sign. A form of signature without keys here is not looked at.
struct VerifyKeys {
    std::optional<OpenPgpVerifier> openpgp;
    std::vector<VerificationKey>
        keys;  ///< for DSSE envelopes; one good signature by any of them makes an envelope good
};

/// What is to be verified. Nothing named: every group, wholly, and no object outside of the groups.
struct VerifyRequest {
    std::vector<std::uint32_t> groups;   ///< numbers without the mask: all of these groups' objects
    std::vector<std::uint32_t> objects;  ///< ids: these objects, by signatures of their groups
    /// Legacy signatures instead of current ones: they protect no metadata. Nothing named: the primary partition, by
    /// signatures of it alone.
    bool legacy = false;
    bool legacy_all = false;  ///< with legacy: every object in a group, each by signatures of its own
    /// The primary partition's whole group, and nothing else; name no group and no object. Where that group holds a
    /// hash tree that all signers vouch for (docs/sif-format.md, "Hash trees") neither partition nor tree is read: see
    /// VerifyReport::lazy.
    bool lazy = false;
    /// With lazy: where no such tree is there, objects are not read at all; see VerifyReport::unread.
    bool only_lazily = false;
    unsigned threads = 0;      ///< for digests; 0: one a processor
    bool (*stop)() = nullptr;  ///< asked while objects are read; true ends it with Category::system, EINTR
};

/// One signature and what came of it.
struct SignatureReport {
    std::uint32_t id = 0;  ///< of the signature object
    SignatureForm form = SignatureForm::openpgp;
    std::optional<std::uint32_t> group;   ///< that it signs
    std::optional<std::uint32_t> object;  ///< that it signs alone (legacy)
    std::vector<SignedBy> signers;     ///< whom the cryptographic check names; of a DSSE envelope all that it accepted
    HashKind hash = HashKind::sha256;  ///< of the digests in it
    std::vector<std::uint32_t> verified;  ///< objects of those asked for that are what was signed
    Failure failure = Failure::not_checked;
    std::optional<std::uint32_t> culprit;  ///< the object that the failure is about
    std::string message;                   ///< one line, names the image and the object
};

/// A partition whose signatures hold on a condition: it is read through HashTree::open() with these, and only so.
struct LazyPartition {
    ByteRange partition;  ///< in the file
    ByteRange tree;       ///< in the file
    Sha256 root{};
};

/// Something that was asked for and that no signature speaks about.
struct Problem {
    Failure failure = Failure::no_signature;
    std::optional<std::uint32_t> group;
    std::optional<std::uint32_t> object;
    std::string message;
};

struct VerifyReport {
    std::vector<SignatureReport> signatures;  ///< those that were checked
    std::vector<Problem> problems;
    std::vector<std::uint32_t> verified;  ///< objects asked for that every signature about them confirms; sorted
    /// Set only by VerifyRequest::lazy, where all is verified and the group has a hash tree: then partition and tree
    /// are among `verified` though their bytes were not looked at. Otherwise all bytes were.
    std::optional<LazyPartition> lazy;
    /// Set only by VerifyRequest::only_lazily: the signatures, the header and the descriptors are good, and what remains
    /// is to read every byte. Nothing is verified.
    bool unread = false;

    /// True when all that was asked for is signed, and each signature about it is good.
    [[nodiscard]] bool all_verified() const noexcept;
    /// Whether this object is among the verified: ask it for the partition that will be mounted.
    [[nodiscard]] bool covers(std::uint32_t object) const noexcept;
    /// Why not, in one line; empty when all is verified.
    [[nodiscard]] std::string first_problem() const;
};

/// Checks the image's signatures. Reads through the image's descriptor, with at most some 10 MiB of buffers. Needs no
/// privilege, and should have none: it reads a stranger's bytes. What is not verified is in the report; an Error is a
/// request that makes no sense (Category::usage: no such group or object, no keys) or a check that could not be made
/// (system, unsupported).
[[nodiscard]] Result<VerifyReport> verify(const Image& image, const VerifyRequest& request, VerifyKeys& keys);

}  // namespace berth::sif
