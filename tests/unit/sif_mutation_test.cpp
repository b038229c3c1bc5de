// Every byte of header and descriptor table is cut off and flipped: each time the image is read cleanly or refused
// cleanly. The sanitizers' builds make this the test of the parser's memory safety.
#include "sif_fixture.hpp"

namespace berth::sif::test {
namespace {

/// What holds of every image that was opened, whatever its bytes.
bool keeps_promises(const Image& image) {
    for (const Descriptor& d : image.descriptors()) {
        if (d.size > image.file_size() || d.offset > image.file_size() - d.size) return false;
        if (d.id == 0 || !image.object(d.id).ok()) return false;
        if (d.name().size() > kNameSize || oci_digest(d).value_or("").size() > kExtraSize) return false;
    }
    return image.primary_partition().ok() || !image.primary_partition().error().message.empty();
}

/// Opens the image; true when it was read or refused as it should be.
bool clean(int fd) {
    const auto image = Image::open(fd, "mutant.sif");
    if (image.ok()) return keeps_promises(*image);
    const Category category = image.error().category;
    return (category == Category::image || category == Category::unsupported) &&
           image.error().message.starts_with("mutant.sif: ");
}

void cut_everywhere(const std::string& bytes) {
    const MemoryFile file(bytes);
    for (std::size_t size = kDataOffset; size-- > 0;) {
        file.cut(size);
        const auto image = Image::open(file.fd(), "mutant.sif");
        if (image.ok() || !clean(file.fd())) FAIL("cut to " << size << " bytes");
    }
}

void flip_everywhere(const std::string& bytes, char mask) {
    const MemoryFile file(bytes);
    const auto flip = [&](std::size_t at) {
        file.put(at, std::string(1, static_cast<char>(bytes[at] ^ mask)));
        if (!clean(file.fd())) FAIL("byte " << at << " flipped");
        file.put(at, bytes.substr(at, 1));
    };
    for (std::size_t at = 0; at < kHeaderSize; ++at) flip(at);
    for (std::size_t at = kDescriptorsOffset; at < kDataOffset; ++at) flip(at);
}

void mutate(const std::string& bytes) {
    cut_everywhere(bytes);
    flip_everywhere(bytes, '\xFF');
    flip_everywhere(bytes, '\x01');
}

TEST_CASE("every cut and every flip of our own image", "[sif][mutation]") {
    mutate(sample_image());
}

TEST_CASE("every cut and every flip of images that others made", "[sif][mutation][corpus]") {
    const auto folder = corpus();
    if (!folder) return;
    for (const char* name :
         {"busybox_amd64.sif", "sif/images/two-groups-signed-pgp.sif", "sif/images/two-groups-signed-legacy-all.sif"}) {
        const auto bytes = read_file(*folder + "/" + name, 1U << 20);
        REQUIRE(bytes.ok());
        mutate(*bytes);
    }
}

}  // namespace
}  // namespace berth::sif::test
