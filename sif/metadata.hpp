// The text that a signature of the current form signs: digests of the header, of descriptors and of objects
// (docs/sif-format.md, "Signatures"). Pure: nothing here reads a file or checks a signature.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sif/digest.hpp"

namespace berth::sif {

/// The media type that a DSSE envelope gives to this text.
inline constexpr std::string_view kMetadataType = "application/vnd.sylabs.sif-metadata+json";

/// The longest text that is read. kMaxDescriptors objects with SHA-512 digests need some 350 KiB.
inline constexpr std::size_t kMaxMetadataSize = 512U << 10;

struct ObjectMetadata {
    std::uint32_t relative_id = 0;  ///< the object's id less the lowest id in its group
    Digest descriptor;
    Digest object;
};

struct SignedMetadata {
    Digest header;
    std::vector<ObjectMetadata> objects;  ///< relative ids are unique
    /// The root object of a hash tree that the signer held against the partition (lazy_root.hpp), by its relative id.
    /// A member of Berth's own, which other programs pass over.
    std::optional<std::uint32_t> hash_tree;
};

/// The digest of what a signature covers of the header: launch line, magic, version, UUID.
[[nodiscard]] Result<Digest> header_digest(const Header& header, HashKind hash);

/// The digest of what it covers of a descriptor: type, used, relative id, link, size, created, uid, gid, name, extra.
/// Offset, group, padded size and modified are not covered.
[[nodiscard]] Result<Digest> descriptor_digest(const Descriptor& descriptor, std::uint32_t relative_id, HashKind hash);

/// Version 1, compact, without a newline at its end. A text longer than GnuPG's line length has one object a line.
[[nodiscard]] std::string encode(const SignedMetadata& metadata);

/// Reads version 1 strictly: every member there is (berthHashTree may be missing), none that is unknown.
/// Category::image; a hash that is not on the allow-list has number ENOTSUP. `what` begins the message.
[[nodiscard]] Result<SignedMetadata> parse_metadata(std::string_view text, const std::string& what);

}  // namespace berth::sif
