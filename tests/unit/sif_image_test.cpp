#include "sif/image.hpp"

#include <cstring>
#include <functional>

#include "sif_fixture.hpp"

namespace berth::sif::test {
namespace {

/// A sample image with one change, made to its header or to a descriptor.
struct Broken {
    std::string bytes = sample_image();

    Broken& header(const std::function<void(Header&)>& change) {
        Header header = decode_header(span<kHeaderSize>(0));
        change(header);
        store(0, encode(header));
        return *this;
    }
    Broken& descriptor(std::size_t place, const std::function<void(Descriptor&)>& change) {
        const std::size_t at = kDescriptorsOffset + place * kDescriptorSize;
        Descriptor descriptor = decode_descriptor(span<kDescriptorSize>(at));
        change(descriptor);
        store(at, encode(descriptor));
        return *this;
    }
    [[nodiscard]] Error error() const {
        const MemoryFile file(bytes);
        auto image = Image::open(file.fd(), "bad.sif");
        REQUIRE_FALSE(image.ok());
        return std::move(image).error();
    }
    [[nodiscard]] std::string message() const { return error().message; }

private:
    template <std::size_t N>
    [[nodiscard]] std::span<const std::byte, N> span(std::size_t at) const {
        return std::span<const std::byte, N>(std::as_bytes(std::span(bytes)).data() + at, N);
    }
    template <std::size_t N>
    void store(std::size_t at, const std::array<std::byte, N>& data) {
        std::memcpy(bytes.data() + at, data.data(), N);
    }
};

TEST_CASE("a sound image is read as it was written", "[sif][image]") {
    const MemoryFile file(sample_image());
    const auto image = Image::open(file.fd(), "good.sif");
    REQUIRE(image.ok());
    REQUIRE(image->descriptors().size() == 5);
    CHECK(image->header().descriptors_free == 43);
    CHECK(*image->architecture() == "amd64");
    const auto primary = image->primary_partition();
    REQUIRE(primary.ok());
    CHECK(primary->descriptor.id == 2);
    CHECK(primary->descriptor.offset % 4096 == 0);
    CHECK(primary->extra.file_system == FileSystem::squashfs);
    CHECK(*image->read_object(*image->object(1), 100) == "Bootstrap: scratch\n");
    CHECK(image->object(4)->linked_group() == 1);
    CHECK(static_cast<int>(image->object(5)->type) == 0x5001);
}

TEST_CASE("what is asked of an image stays within its objects", "[sif][image]") {
    const MemoryFile file(sample_image());
    const auto image = Image::open(file.fd(), "good.sif");
    REQUIRE(image.ok());
    const auto missing = image->object(9);
    CHECK(missing.error().message == "good.sif: no object with id 9; it has 1, 2, 3, 4, 5");
    CHECK(missing.error().category == Category::usage);
    const Descriptor definition = *image->object(1);
    CHECK(image->read_object(definition, 5).error().message == "good.sif: object 1 has 19 bytes, at most 5 are read");
    std::array<std::byte, 4> buffer{};
    CHECK(image->read(definition, 15, buffer).ok());
    CHECK(image->read(definition, 16, buffer).error().message == "good.sif: object 1 has 19 bytes, wanted 4 at 16");
    CHECK_FALSE(image->read(definition, ~0ULL, buffer).ok());
}

TEST_CASE("files that are no SIF image", "[sif][image]") {
    Broken broken;
    broken.bytes = "short";
    CHECK(broken.message() == "bad.sif: not a SIF image: the file has 5 bytes, a header alone has 128");
    broken.bytes = std::string(200, 'x') + "\x1b";
    CHECK(broken.message() == "bad.sif: not a SIF image: magic is \"xxxxxxxxxx\", wanted \"SIF_MAGIC\"");
    CHECK(broken.error().category == Category::image);
    const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto image = Image::open(folder.get(), "/");
    CHECK(image.error().message == "/: not a regular file, so not a SIF image");
    CHECK(image.error().category == Category::unsupported);
    CHECK(Image::open(-1, "closed").error().number == EBADF);
}

TEST_CASE("every bound of the header", "[sif][image]") {
    const auto message = [](auto change) { return Broken().header(change).message(); };
    CHECK(message([](Header& h) { h.magic[3] = '\x1b'; }) ==
          R"(bad.sif: not a SIF image: magic is "SIF\x1bMAGIC", wanted "SIF_MAGIC")");
    CHECK(message([](Header& h) { h.version[1] = '2'; }) == "bad.sif: SIF version is \"02\"; this Berth reads \"01\"");
    CHECK(message([](Header& h) { h.descriptors_total = kMaxDescriptors + 1; }) ==
          "bad.sif: header: descriptors total is 1025, at most 1024 are allowed");
    CHECK(message([](Header& h) { h.descriptors_total = ~0ULL; }) ==
          "bad.sif: header: descriptors total is -1, at most 1024 are allowed");
    CHECK(message([](Header& h) { h.descriptors_free = 49; }) ==
          "bad.sif: header: descriptors free is 49, more than the total of 48");
    CHECK(message([](Header& h) { h.descriptors_size = 28079; }) ==
          "bad.sif: header: descriptors length is 28079, must be 28080 (48 of 585 bytes)");
    CHECK_THAT(
        message([](Header& h) { h.descriptors_offset = 1U << 30; }),
        Catch::StartsWith("bad.sif: header: descriptors offset is 1073741824 with length 28080, but the file has"));
    CHECK_THAT(message([](Header& h) { h.descriptors_offset = ~0ULL; }),
               Catch::StartsWith("bad.sif: header: descriptors offset is -1 with length 28080, but the file has"));
    CHECK_THAT(message([](Header& h) { h.data_offset = ~0ULL - 100; }),
               Catch::StartsWith("bad.sif: header: data offset is -101 with length"));
    CHECK_THAT(message([](Header& h) { h.data_size += 1; }), Catch::EndsWith("bytes: is it complete?"));
    CHECK(message([](Header& h) { h.descriptors_offset = 127; }) ==
          "bad.sif: header: the descriptor table (bytes 127 to 28207) overlaps the header (bytes 0 to 128)");
    CHECK_THAT(message([](Header& h) { h.data_offset = 32175; }),
               Catch::StartsWith("bad.sif: header: the data section (bytes 32175 to"));
}

TEST_CASE("every bound of a descriptor", "[sif][image]") {
    const auto message = [](std::size_t place, auto change) { return Broken().descriptor(place, change).message(); };
    CHECK(message(0, [](Descriptor& d) { d.used = 2; }) == "bad.sif: descriptor at place 0: used is 2, must be 0 or 1");
    CHECK(message(0, [](Descriptor& d) { d.id = 0; }) ==
          "bad.sif: descriptor at place 0 (id 0): id is 0x0, must be from 1 to 0xefffffff");
    CHECK(message(0, [](Descriptor& d) { d.id = kGroupMask; }) ==
          "bad.sif: descriptor at place 0 (id 4026531840): id is 0xf0000000, must be from 1 to 0xefffffff");
    CHECK(message(1, [](Descriptor& d) { d.id = 1; }) ==
          "bad.sif: descriptor at place 1 (id 1): another descriptor has this id");
    CHECK(message(1, [](Descriptor& d) { d.group = 1; }) ==
          "bad.sif: descriptor at place 1 (id 2): group is 0x1, must be a number with the mask 0xf0000000");
    CHECK(message(3, [](Descriptor& d) { d.link = 4; }) ==
          "bad.sif: descriptor at place 3 (id 4): link is 0x4, must be another object, a group or 0");
    CHECK(message(3, [](Descriptor& d) { d.link = kGroupMask; }) ==
          "bad.sif: descriptor at place 3 (id 4): link is 0xf0000000, must be another object, a group or 0");
    CHECK_THAT(
        message(1, [](Descriptor& d) { d.offset = 1ULL << 62; }),
        Catch::StartsWith("bad.sif: descriptor at place 1 (id 2): offset is 4611686018427387904 and size 5004, but"));
    CHECK_THAT(message(1, [](Descriptor& d) { d.size = ~0ULL; }), Catch::Contains("size -1, but the file has"));
    CHECK_THAT(message(4, [](Descriptor& d) { d.size += 1; }), Catch::Contains("size 2, but the file has"));
    CHECK_THAT(message(1, [](Descriptor& d) { d.size_with_padding = 5003; }),
               Catch::Contains("size with padding is 5003, does not fit size 5004"));
    CHECK_THAT(message(1, [](Descriptor& d) { d.size_with_padding = ~0ULL; }), Catch::Contains("padding is -1"));
}

TEST_CASE("objects overlap nothing", "[sif][image]") {
    const auto message = [](std::size_t place, std::uint64_t offset) {
        return Broken()
            .descriptor(place,
                        [&](Descriptor& d) {
                            d.offset = offset;
                            d.size_with_padding = d.size;
                        })
            .message();
    };
    CHECK(message(0, 100) == "bad.sif: object 1 (bytes 100 to 119) overlaps the header (bytes 0 to 128)");
    CHECK(message(0, 32175) ==
          "bad.sif: object 1 (bytes 32175 to 32194) overlaps the descriptor table (bytes 4096 to 32176)");
    CHECK(message(0, 32768) == "bad.sif: object 2 (bytes 32768 to 37772) overlaps object 1 (bytes 32768 to 32787)");
}

TEST_CASE("an unused descriptor may hold anything", "[sif][image]") {
    Broken broken;
    broken.descriptor(7, [](Descriptor& d) {
        d.offset = d.size = ~0ULL;
        d.id = 1;
    });
    const MemoryFile file(broken.bytes);
    CHECK(Image::open(file.fd(), "x").ok());
}

TEST_CASE("there is one primary partition or an error", "[sif][image]") {
    WriteRequest request = sample_request();
    request.objects[2].extra = encode(PartitionExtra{FileSystem::luks_squashfs, PartitionKind::primary_system, {}});
    const MemoryFile two(image_of(request));
    CHECK(Image::open(two.fd(), "two.sif")->primary_partition().error().message ==
          "two.sif: two primary system partitions, objects 2 and 3; an image to run has one");
    request.objects.erase(request.objects.begin() + 1);
    const MemoryFile one(image_of(request));
    CHECK(Image::open(one.fd(), "one.sif")->primary_partition()->extra.file_system == FileSystem::luks_squashfs);
    CHECK(*Image::open(one.fd(), "one.sif")->architecture() == "unknown");
    request.objects.erase(request.objects.begin() + 1);
    const MemoryFile none(image_of(request));
    CHECK(Image::open(none.fd(), "no.sif")->architecture().error().message ==
          "no.sif: no primary system partition: this SIF holds data only and cannot be run");
}

TEST_CASE("a name in a message cannot speak to the terminal", "[sif][image]") {
    const MemoryFile file("short");
    CHECK_THAT(Image::open(file.fd(), "\x1b[2J.sif").error().message, Catch::StartsWith("\\x1b[2J.sif: not a SIF"));
}

}  // namespace
}  // namespace berth::sif::test
