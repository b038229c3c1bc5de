#include "sif/format.hpp"

#include <catch2/catch.hpp>

#include "sif/names.hpp"

namespace berth::sif {
namespace {

/// Bytes that differ from their neighbours, so that a field read from the wrong place has a wrong value.
template <std::size_t N>
std::array<std::byte, N> counting() {
    std::array<std::byte, N> bytes{};
    for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
    return bytes;
}

TEST_CASE("header fields lie where the format puts them", "[sif][format]") {
    std::array<std::byte, kHeaderSize> bytes{};
    bytes[0] = std::byte{'#'};
    bytes[32] = std::byte{'S'};
    bytes[42] = std::byte{'0'};
    bytes[45] = std::byte{'0'};
    bytes[46] = std::byte{'2'};
    bytes[48] = std::byte{0xAB};
    for (std::size_t field = 0; field < 8; ++field) bytes[64 + 8 * field] = static_cast<std::byte>(field + 1);
    bytes[65] = std::byte{0x01};   // little-endian: 0x0101
    bytes[127] = std::byte{0x80};  // a negative number
    const Header header = decode_header(bytes);
    CHECK(header.launch[0] == '#');
    CHECK(header.magic[0] == 'S');
    CHECK(header.version[0] == '0');
    CHECK(architecture_name(header.architecture) == "amd64");
    CHECK(header.uuid[0] == 0xAB);
    CHECK(header.created == 0x0101);
    CHECK(header.modified == 2);
    CHECK(header.descriptors_free == 3);
    CHECK(header.descriptors_total == 4);
    CHECK(header.descriptors_offset == 5);
    CHECK(header.descriptors_size == 6);
    CHECK(header.data_offset == 7);
    CHECK(header.data_size == 0x8000000000000008);
}

TEST_CASE("descriptor fields lie where the format puts them", "[sif][format]") {
    const auto bytes = counting<kDescriptorSize>();
    const Descriptor d = decode_descriptor(bytes);
    const auto u32 = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 4; i-- > 0;) value = (value << 8) | std::to_integer<std::uint32_t>(bytes[at + i]);
        return value;
    };
    const auto u64 = [&](std::size_t at) { return (std::uint64_t{u32(at + 4)} << 32) | u32(at); };
    CHECK(static_cast<std::uint32_t>(d.type) == u32(0));
    CHECK(d.used == std::to_integer<int>(bytes[4]));
    CHECK(d.id == u32(5));
    CHECK(d.group == u32(9));
    CHECK(d.link == u32(13));
    CHECK(d.offset == u64(17));
    CHECK(d.size == u64(25));
    CHECK(d.size_with_padding == u64(33));
    CHECK(d.created == static_cast<std::int64_t>(u64(41)));
    CHECK(d.gid == static_cast<std::int64_t>(u64(65)));
    CHECK(static_cast<std::byte>(d.name_field[0]) == bytes[73]);
    CHECK(d.extra[0] == bytes[201]);
    CHECK(d.extra[383] == bytes[584]);
}

TEST_CASE("encoding gives back every byte that was decoded", "[sif][format]") {
    CHECK(encode(decode_header(counting<kHeaderSize>())) == counting<kHeaderSize>());
    CHECK(encode(decode_descriptor(counting<kDescriptorSize>())) == counting<kDescriptorSize>());
}

TEST_CASE("names end at the first NUL or at the field's end", "[sif][format]") {
    Descriptor d;
    CHECK(d.name().empty());
    d.name_field.fill('x');
    CHECK(d.name() == std::string(kNameSize, 'x'));
    d.name_field[3] = '\0';
    CHECK(d.name() == "xxx");
}

TEST_CASE("groups and links", "[sif][format]") {
    Descriptor d;
    CHECK_FALSE(d.group_number());
    CHECK_FALSE(d.linked_object());
    CHECK_FALSE(d.linked_group());
    d.group = kGroupMask | 7;
    d.link = kGroupMask | 3;
    CHECK(d.group_number() == 7);
    CHECK(d.linked_group() == 3);
    CHECK_FALSE(d.linked_object());
    d.link = 4;
    CHECK(d.linked_object() == 4);
    CHECK_FALSE(d.linked_group());
}

TEST_CASE("an extra field is read for its own type only", "[sif][format]") {
    Descriptor d;
    d.extra[0] = std::byte{2};
    d.extra[5] = std::byte{2};
    d.type = ObjectType::partition;
    REQUIRE(partition_extra(d));
    CHECK(partition_extra(d)->file_system == FileSystem::ext3);
    CHECK_FALSE(signature_extra(d));
    d.type = ObjectType::signature;
    REQUIRE(signature_extra(d));
    CHECK(signature_extra(d)->hash == HashKind::sha384);
    CHECK(signature_extra(d)->has_fingerprint());
    CHECK_FALSE(message_extra(d));
    d.type = ObjectType::cryptographic_message;
    CHECK(message_extra(d)->format == MessageFormat::pem);
    CHECK(message_extra(d)->kind == MessageKind::rsa_oaep);
    CHECK_FALSE(sbom_extra(d));
    d.type = ObjectType::sbom;
    CHECK(sbom_extra(d)->format == SbomFormat::cyclonedx_xml);
    CHECK_FALSE(oci_digest(d));
    d.type = ObjectType::oci_blob;
    CHECK(oci_digest(d) == "\x02");
    CHECK_FALSE(partition_extra(d));
}

TEST_CASE("kinds have siftool's names and unknown ones are said to be so", "[sif][names]") {
    CHECK(name_of(ObjectType::definition_file) == "Def.FILE");
    CHECK(name_of(ObjectType::oci_blob) == "OCI.Blob");
    CHECK(name_of(static_cast<ObjectType>(0x400C)) == "Unknown");
    CHECK(name_of(static_cast<ObjectType>(-1)) == "Unknown");
    CHECK(name_of(FileSystem::squashfs) == "Squashfs");
    CHECK(name_of(FileSystem::gocryptfs_squashfs) == "Gocryptfs squashfs");
    CHECK(name_of(static_cast<FileSystem>(0)) == "Unknown");
    CHECK(name_of(PartitionKind::primary_system) == "*System");
    CHECK(name_of(HashKind::blake2b_256) == "BLAKE2b-256");
    CHECK(name_of(MessageKind::rsa_oaep) == "RSA-OAEP");
    CHECK(name_of(SbomFormat::syft_json) == "syft-json");
}

TEST_CASE("architectures translate between SIF, Go and uname", "[sif][names]") {
    for (const char* name : {"386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le",
                             "s390x", "riscv64", "loong64"}) {
        const auto code = architecture_code(name);
        REQUIRE(code);
        CHECK(architecture_name(*code) == name);
    }
    CHECK(architecture_name({'0', '0', '\0'}) == "unknown");
    CHECK(architecture_name({'0', '2', '3'}) == "unknown");
    CHECK_FALSE(architecture_code("unknown"));
    CHECK(architecture_of_machine("x86_64") == "amd64");
    CHECK(architecture_of_machine("aarch64") == "arm64");
    CHECK(architecture_of_machine("i586") == "386");
    CHECK(architecture_of_machine("armv6l") == "arm");
    CHECK(architecture_of_machine("loongarch64") == "loong64");
    CHECK_FALSE(architecture_of_machine("vax"));
}

}  // namespace
}  // namespace berth::sif
