#include "sif/format.hpp"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>

namespace berth::sif {
namespace {

/// Takes fields off a buffer in order. The sizes are fixed by the format, so the buffer never runs out.
class FieldReader {
public:
    explicit FieldReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

    template <typename T>
    void operator()(T& field) noexcept {
        if constexpr (std::is_enum_v<T>) {
            std::underlying_type_t<T> number{};
            (*this)(number);
            field = static_cast<T>(number);
        } else if constexpr (std::integral<T>) {
            std::make_unsigned_t<T> number = 0;
            for (std::size_t i = sizeof(T); i-- > 0;)
                number = static_cast<std::make_unsigned_t<T>>((std::uint64_t{number} << 8) |
                                                              std::to_integer<std::uint64_t>(rest_[i]));
            field = static_cast<T>(number);
            rest_ = rest_.subspan(sizeof(T));
        } else {
            std::memcpy(field.data(), rest_.data(), field.size());
            rest_ = rest_.subspan(field.size());
        }
    }

private:
    std::span<const std::byte> rest_;
};

class FieldWriter {
public:
    explicit FieldWriter(std::span<std::byte> bytes) noexcept : rest_(bytes) {}

    template <typename T>
    void operator()(const T& field) noexcept {
        if constexpr (std::is_enum_v<T>) {
            (*this)(static_cast<std::underlying_type_t<T>>(field));
        } else if constexpr (std::integral<T>) {
            const auto number = static_cast<std::uint64_t>(field);
            for (std::size_t i = 0; i < sizeof(T); ++i) rest_[i] = static_cast<std::byte>(number >> (8 * i));
            rest_ = rest_.subspan(sizeof(T));
        } else {
            std::memcpy(rest_.data(), field.data(), field.size());
            rest_ = rest_.subspan(field.size());
        }
    }

private:
    std::span<std::byte> rest_;
};

// Each of these lists the fields in the file's order, once, for reading and for writing.
void header_fields(auto& header, auto&& field) {
    field(header.launch);
    field(header.magic);
    field(header.version);
    field(header.architecture);
    field(header.uuid);
    field(header.created);
    field(header.modified);
    field(header.descriptors_free);
    field(header.descriptors_total);
    field(header.descriptors_offset);
    field(header.descriptors_size);
    field(header.data_offset);
    field(header.data_size);
}

void descriptor_fields(auto& descriptor, auto&& field) {
    field(descriptor.type);
    field(descriptor.used);
    field(descriptor.id);
    field(descriptor.group);
    field(descriptor.link);
    field(descriptor.offset);
    field(descriptor.size);
    field(descriptor.size_with_padding);
    field(descriptor.created);
    field(descriptor.modified);
    field(descriptor.uid);
    field(descriptor.gid);
    field(descriptor.name_field);
    field(descriptor.extra);
}

void partition_fields(auto& partition, auto&& field) {
    field(partition.file_system);
    field(partition.kind);
    field(partition.architecture);
}

std::string_view until_nul(const char* data, std::size_t size) noexcept {
    return {data, ::strnlen(data, size)};
}

}  // namespace

std::string_view Descriptor::name() const noexcept {
    return until_nul(name_field.data(), name_field.size());
}

std::optional<std::uint32_t> Descriptor::group_number() const noexcept {
    return group == kNoGroup ? std::nullopt : std::optional(group & ~kGroupMask);
}

std::optional<std::uint32_t> Descriptor::linked_object() const noexcept {
    return link == kNoLink || link >= kGroupMask ? std::nullopt : std::optional(link);
}

std::optional<std::uint32_t> Descriptor::linked_group() const noexcept {
    return link > kGroupMask ? std::optional(link & ~kGroupMask) : std::nullopt;
}

bool SignatureExtra::has_fingerprint() const noexcept {
    return std::ranges::any_of(fingerprint, [](std::uint8_t byte) { return byte != 0; });
}

Header decode_header(std::span<const std::byte, kHeaderSize> bytes) noexcept {
    Header header;
    header_fields(header, FieldReader(bytes));
    return header;
}

Descriptor decode_descriptor(std::span<const std::byte, kDescriptorSize> bytes) noexcept {
    Descriptor descriptor;
    descriptor_fields(descriptor, FieldReader(bytes));
    return descriptor;
}

std::array<std::byte, kHeaderSize> encode(const Header& header) noexcept {
    std::array<std::byte, kHeaderSize> bytes{};
    header_fields(header, FieldWriter(bytes));
    return bytes;
}

std::array<std::byte, kDescriptorSize> encode(const Descriptor& descriptor) noexcept {
    std::array<std::byte, kDescriptorSize> bytes{};
    descriptor_fields(descriptor, FieldWriter(bytes));
    return bytes;
}

std::optional<PartitionExtra> partition_extra(const Descriptor& descriptor) noexcept {
    if (descriptor.type != ObjectType::partition) return std::nullopt;
    PartitionExtra partition;
    partition_fields(partition, FieldReader(descriptor.extra));
    return partition;
}

std::optional<SignatureExtra> signature_extra(const Descriptor& descriptor) noexcept {
    if (descriptor.type != ObjectType::signature) return std::nullopt;
    SignatureExtra signature;
    FieldReader field(descriptor.extra);
    field(signature.hash);
    field(signature.fingerprint);
    return signature;
}

std::optional<MessageExtra> message_extra(const Descriptor& descriptor) noexcept {
    if (descriptor.type != ObjectType::cryptographic_message) return std::nullopt;
    MessageExtra message;
    FieldReader field(descriptor.extra);
    field(message.format);
    field(message.kind);
    return message;
}

std::optional<SbomExtra> sbom_extra(const Descriptor& descriptor) noexcept {
    if (descriptor.type != ObjectType::sbom) return std::nullopt;
    SbomExtra sbom;
    FieldReader{descriptor.extra}(sbom.format);
    return sbom;
}

std::optional<std::string_view> oci_digest(const Descriptor& descriptor) noexcept {
    if (descriptor.type != ObjectType::oci_root_index && descriptor.type != ObjectType::oci_blob) return std::nullopt;
    // char may look at the bytes of any object.
    return until_nul(reinterpret_cast<const char*>(descriptor.extra.data()), descriptor.extra.size());
}

std::array<std::byte, kExtraSize> encode(const PartitionExtra& partition) noexcept {
    std::array<std::byte, kExtraSize> extra{};
    partition_fields(partition, FieldWriter(extra));
    return extra;
}

}  // namespace berth::sif
