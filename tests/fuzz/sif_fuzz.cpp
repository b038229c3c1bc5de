// Feeds any bytes to the SIF reader: it reads or refuses, and what it accepts keeps its promises.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "runtime/base/text.hpp"
#include "sif/image.hpp"
#include "sif/names.hpp"

namespace {

using namespace berth::sif;

void expect(bool holds) {
    if (!holds) std::abort();
}

/// Uses everything that a descriptor offers, so that the sanitizers see it read.
std::size_t describe(const Descriptor& d) {
    std::size_t length = berth::printable(d.name()).size() + name_of(d.type).size();
    if (const auto p = partition_extra(d))
        length += name_of(p->file_system).size() + name_of(p->kind).size() + architecture_name(p->architecture).size();
    if (const auto s = signature_extra(d)) length += name_of(s->hash).size() + hex_text(s->fingerprint).size();
    if (const auto m = message_extra(d)) length += name_of(m->format).size() + name_of(m->kind).size();
    if (const auto s = sbom_extra(d)) length += name_of(s->format).size();
    if (const auto digest = oci_digest(d)) length += berth::printable(*digest).size();
    return length;
}

void check(const Image& image) {
    expect(image.descriptors().size() <= kMaxDescriptors);
    for (const Descriptor& d : image.descriptors()) {
        expect(describe(d) > 0);
        expect(d.size <= image.file_size() && d.offset <= image.file_size() - d.size);
        expect(image.read_object(d, 1U << 20).ok() == (d.size <= 1U << 20));
        const auto found = image.object(d.id);
        expect(found.ok() && encode(*found) == encode(d));
    }
    const auto primary = image.primary_partition();
    expect(primary.ok() == image.architecture().ok());
    expect(!uuid_text(image.header().uuid).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int file = ::memfd_create("sif_fuzz", MFD_CLOEXEC);
    expect(file >= 0 && ::ftruncate(file, 0) == 0);
    expect(::pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
    const auto image = Image::open(file, "fuzz.sif");
    if (image.ok())
        check(*image);
    else
        expect(image.error().message.starts_with("fuzz.sif: "));
    return 0;
}
