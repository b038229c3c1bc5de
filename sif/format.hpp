// The SIF format, version 01: sizes, kinds, and the header and descriptors as plain structs.
// Every number is little-endian and packed; see docs/sif-format.md. Nothing here reads a file or checks a bound.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace berth::sif {

inline constexpr std::size_t kHeaderSize = 128;
inline constexpr std::size_t kDescriptorSize = 585;
inline constexpr std::size_t kLaunchSize = 32;
inline constexpr std::size_t kNameSize = 128;
inline constexpr std::size_t kExtraSize = 384;
inline constexpr std::size_t kFingerprintSize = 20;

inline constexpr std::array<char, 10> kMagic{'S', 'I', 'F', '_', 'M', 'A', 'G', 'I', 'C', '\0'};
inline constexpr std::array<char, 3> kVersion{'0', '1', '\0'};

/// What writers lay out: 48 descriptors at 4096, so data from 32176; partitions begin on a page.
inline constexpr std::uint64_t kDescriptorsOffset = 4096;
inline constexpr std::uint64_t kDescriptorsTotal = 48;
inline constexpr std::uint64_t kDataOffset = kDescriptorsOffset + kDescriptorsTotal * kDescriptorSize;
inline constexpr std::uint64_t kPartitionAlignment = 4096;

/// A group is stored as number | kGroupMask; the mask alone means "no group". A link with the mask names a group.
inline constexpr std::uint32_t kGroupMask = 0xF0000000;
inline constexpr std::uint32_t kNoGroup = kGroupMask;
inline constexpr std::uint32_t kDefaultGroup = kGroupMask | 1;
inline constexpr std::uint32_t kNoLink = 0;

/// Two digits and a NUL; "00" where no architecture is named. names.hpp translates.
using ArchitectureCode = std::array<char, 3>;

// The kinds are open: an image may hold values that are not named here, and they are kept.
enum class ObjectType : std::int32_t {
    definition_file = 0x4001,
    environment,
    labels,
    partition,
    signature,
    generic_json,
    generic,
    cryptographic_message,
    sbom,
    oci_root_index,
    oci_blob
};
enum class FileSystem : std::int32_t { squashfs = 1, ext3, archive, raw, luks_squashfs, gocryptfs_squashfs };
enum class PartitionKind : std::int32_t { system = 1, primary_system, data, overlay };
enum class HashKind : std::int32_t { sha256 = 1, sha384, sha512, blake2s_256, blake2b_256 };
enum class MessageFormat : std::int32_t { openpgp = 1, pem };
enum class MessageKind : std::int32_t { clear_signature = 0x100, rsa_oaep = 0x200 };
enum class SbomFormat : std::int32_t {
    cyclonedx_json = 1,
    cyclonedx_xml,
    github_json,
    spdx_json,
    spdx_rdf,
    spdx_tag_value,
    spdx_yaml,
    syft_json
};

/// The header as the file has it. Times are seconds since 1970, UTC. Offsets and sizes are int64 in the file; here a
/// negative one is a huge value, which no bound admits.
struct Header {
    std::array<char, kLaunchSize> launch{};
    std::array<char, 10> magic = kMagic;
    std::array<char, 3> version = kVersion;
    ArchitectureCode architecture{'0', '0', '\0'};
    std::array<std::uint8_t, 16> uuid{};
    std::int64_t created = 0;
    std::int64_t modified = 0;
    std::uint64_t descriptors_free = 0;
    std::uint64_t descriptors_total = 0;
    std::uint64_t descriptors_offset = 0;
    std::uint64_t descriptors_size = 0;
    std::uint64_t data_offset = 0;
    std::uint64_t data_size = 0;
};

/// One descriptor as the file has it: name and extra keep all their bytes, since a signature covers them.
struct Descriptor {
    ObjectType type{};
    std::uint8_t used = 0;
    std::uint32_t id = 0;
    std::uint32_t group = kNoGroup;
    std::uint32_t link = kNoLink;
    std::uint64_t offset = 0;             ///< bytes from the start of the file
    std::uint64_t size = 0;               ///< bytes of the object itself
    std::uint64_t size_with_padding = 0;  ///< and of the gap before it
    std::int64_t created = 0;
    std::int64_t modified = 0;
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::array<char, kNameSize> name_field{};
    std::array<std::byte, kExtraSize> extra{};

    /// The name up to its first NUL. Anyone's bytes: show it through printable().
    [[nodiscard]] std::string_view name() const noexcept;
    /// The group's number without the mask, or nothing.
    [[nodiscard]] std::optional<std::uint32_t> group_number() const noexcept;
    /// The object, or the group, that this one links to.
    [[nodiscard]] std::optional<std::uint32_t> linked_object() const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> linked_group() const noexcept;
};

struct PartitionExtra {
    FileSystem file_system{};
    PartitionKind kind{};
    ArchitectureCode architecture{};
};
/// The fingerprint here proves nothing: it is not checked against the signature. Empty (zeros) beside DSSE.
struct SignatureExtra {
    HashKind hash{};
    std::array<std::uint8_t, kFingerprintSize> fingerprint{};
    [[nodiscard]] bool has_fingerprint() const noexcept;
};
struct MessageExtra {
    MessageFormat format{};
    MessageKind kind{};
};
struct SbomExtra {
    SbomFormat format{};
};

[[nodiscard]] Header decode_header(std::span<const std::byte, kHeaderSize> bytes) noexcept;
[[nodiscard]] Descriptor decode_descriptor(std::span<const std::byte, kDescriptorSize> bytes) noexcept;
[[nodiscard]] std::array<std::byte, kHeaderSize> encode(const Header& header) noexcept;
[[nodiscard]] std::array<std::byte, kDescriptorSize> encode(const Descriptor& descriptor) noexcept;

/// What a descriptor of that type carries in its extra field; nothing when it is of another type.
[[nodiscard]] std::optional<PartitionExtra> partition_extra(const Descriptor& descriptor) noexcept;
[[nodiscard]] std::optional<SignatureExtra> signature_extra(const Descriptor& descriptor) noexcept;
[[nodiscard]] std::optional<MessageExtra> message_extra(const Descriptor& descriptor) noexcept;
[[nodiscard]] std::optional<SbomExtra> sbom_extra(const Descriptor& descriptor) noexcept;
/// The digest ("sha256:…") that an OCI object is filed under, up to its first NUL.
[[nodiscard]] std::optional<std::string_view> oci_digest(const Descriptor& descriptor) noexcept;

/// The extra field of a partition.
[[nodiscard]] std::array<std::byte, kExtraSize> encode(const PartitionExtra& partition) noexcept;

}  // namespace berth::sif
