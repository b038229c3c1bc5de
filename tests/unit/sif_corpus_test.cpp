// Images that Singularity and Apptainer made, read as their bytes are.
#include <filesystem>

#include "sif/names.hpp"
#include "sif_fixture.hpp"

namespace berth::sif::test {
namespace {

/// An image of the corpus, open.
struct Opened {
    UniqueFd fd;
    Result<Image> image;
    explicit Opened(const std::string& path)
        : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), image(Image::open(fd.get(), path)) {
        INFO((image.ok() ? path : image.error().message));
        REQUIRE(image.ok());
    }
    const Image* operator->() const { return &*image; }
};

constexpr const char* kKey = "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84";

TEST_CASE("the runnable images", "[sif][corpus]") {
    const auto folder = corpus();
    if (!folder) return;
    const Opened amd64(*folder + "/busybox_amd64.sif");
    CHECK(*amd64->architecture() == "amd64");
    CHECK(uuid_text(amd64->header().uuid) == "4f307b4c-58a8-4753-9c0f-21dceefed4a6");
    CHECK(amd64->header().created == 1627931376);
    CHECK(amd64->header().data_offset == 32768);
    REQUIRE(amd64->descriptors().size() == 5);
    CHECK(*amd64->read_object(*amd64->object(1), 1000) == "BootStrap: docker\nFrom: busybox:1.33.1\n");
    const auto primary = amd64->primary_partition();
    CHECK(primary->descriptor.offset == 45056);
    CHECK(primary->descriptor.size == 745472);
    CHECK(primary->descriptor.size_with_padding == 749478);
    CHECK(primary->descriptor.name() == "squashfs-275937245");
    std::array<std::byte, 4> magic{};
    REQUIRE(amd64->read(primary->descriptor, 0, magic).ok());
    CHECK(magic[0] == std::byte{'h'});
    const Descriptor signature = *amd64->object(5);
    CHECK(signature.type == ObjectType::signature);
    CHECK_FALSE(signature.group_number());
    CHECK(signature.linked_group() == 1);
    CHECK(signature.uid == 1000);
    CHECK(signature_extra(signature)->hash == HashKind::sha256);
    CHECK(hex_text(signature_extra(signature)->fingerprint) == "1137E72E6816BFC06D9CAA0D15F3F4F4F14B03B2");
    CHECK(*Opened(*folder + "/busybox_arm64.sif")->architecture() == "arm64");
}

TEST_CASE("groups and signatures", "[sif][corpus]") {
    const auto folder = corpus();
    if (!folder) return;
    const Opened pgp(*folder + "/sif/images/two-groups-signed-pgp.sif");
    REQUIRE(pgp->descriptors().size() == 5);
    CHECK(pgp->object(2)->group_number() == 1);
    CHECK(pgp->object(3)->group_number() == 2);
    CHECK(pgp->object(5)->linked_group() == 2);
    CHECK(hex_text(signature_extra(*pgp->object(5))->fingerprint) == kKey);
    CHECK(partition_extra(*pgp->object(1))->file_system == FileSystem::raw);
    CHECK(partition_extra(*pgp->object(3))->file_system == FileSystem::ext3);
    CHECK(partition_extra(*pgp->object(3))->kind == PartitionKind::system);
    CHECK(*pgp->architecture() == "386");

    const Opened dsse(*folder + "/sif/images/one-group-signed-dsse.sif");
    CHECK_FALSE(signature_extra(*dsse->object(3))->has_fingerprint());

    const Opened legacy(*folder + "/sif/images/two-groups-signed-legacy-all.sif");
    CHECK(legacy->object(4)->linked_object() == 1);
    CHECK(legacy->object(4)->group_number() == 1);
    CHECK(signature_extra(*legacy->object(5))->hash == HashKind::sha384);
    CHECK(hex_text(signature_extra(*legacy->object(5))->fingerprint) == kKey);
}

TEST_CASE("every type of object", "[sif][corpus]") {
    const auto folder = corpus();
    if (!folder) return;
    const auto only = [&](const char* name) {
        const Opened image(*folder + "/sif/images/one-object-" + name + ".sif");
        CHECK(image->header().created <= image->header().modified);
        return *image->object(1);
    };
    const Descriptor message = only("crypt-message");
    CHECK(message_extra(message)->format == MessageFormat::openpgp);
    CHECK(message_extra(message)->kind == MessageKind::clear_signature);
    CHECK(sbom_extra(only("sbom"))->format == SbomFormat::cyclonedx_json);
    CHECK(only("generic-json").type == ObjectType::generic_json);
    CHECK(only("generic-json").name() == "data.json");
    CHECK(only("time").created == 1593475316);
    CHECK(oci_digest(only("oci-blob")) == "sha256:a88b15e95042f7d5a1327c03c57e10bdc1cf5f5efc2968fc73c12b6f5b00c731");
    CHECK_THAT(std::string(*oci_digest(only("oci-root-index"))),
               Catch::StartsWith("sha256:2dc692f0dcaf7e3cb30db2d5d61004"));
}

TEST_CASE("every image of the corpus opens, and its bytes are encoded back the same", "[sif][corpus]") {
    const auto folder = corpus();
    if (!folder) return;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
        if (entry.path().extension() != ".sif") continue;
        const Opened image(entry.path().string());
        std::array<std::byte, kHeaderSize> header{};
        REQUIRE(pread_exact(image.fd.get(), header, 0, "corpus").ok());
        CHECK((encode(image->header()) == header));
        std::array<std::byte, kDescriptorSize> first{};
        REQUIRE(pread_exact(image.fd.get(), first, image->header().descriptors_offset, "corpus").ok());
        if (!image->descriptors().empty()) CHECK((encode(image->descriptors()[0]) == first));
    }
}

}  // namespace
}  // namespace berth::sif::test
