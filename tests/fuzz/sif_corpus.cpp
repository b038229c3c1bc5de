// sif_corpus FOLDER: writes the seeds of the SIF fuzzer. They are small, so that a run of the fuzzer is short: the
// table begins right after the header and has few places, which the format allows and the usual writers do not do.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <string>
#include <vector>

#include "runtime/base/io.hpp"
#include "sif/format.hpp"

namespace {

using namespace berth;
using namespace berth::sif;

struct Seed {
    const char* name;
    std::vector<Descriptor> descriptors;
};

Descriptor used(ObjectType type, std::initializer_list<int> extra = {}) {
    Descriptor d;
    d.type = type;
    d.used = 1;
    d.group = kDefaultGroup;
    d.size = d.size_with_padding = 8;
    std::size_t i = 0;
    for (const int byte : extra) d.extra[i++] = static_cast<std::byte>(byte);
    return d;
}

Descriptor partition(FileSystem file_system, PartitionKind kind) {
    Descriptor d = used(ObjectType::partition);
    d.extra = encode(PartitionExtra{file_system, kind, {'0', '2', '\0'}});
    return d;
}

Descriptor linked(Descriptor d, std::uint32_t group, std::uint32_t link) {
    d.group = group;
    d.link = link;
    return d;
}

template <std::size_t N>
void append(std::string& text, const std::array<std::byte, N>& bytes) {
    for (const std::byte byte : bytes) text += static_cast<char>(byte);
}

/// The seed's image, with one unused descriptor at the end of its table.
std::string image_of(const Seed& seed) {
    Header header;
    header.launch = {'#', '!', 'x', '\n'};
    header.architecture = {'0', '2', '\0'};
    header.descriptors_total = seed.descriptors.size() + 1;
    header.descriptors_free = 1;
    header.descriptors_offset = kHeaderSize;
    header.descriptors_size = header.descriptors_total * kDescriptorSize;
    header.data_offset = header.descriptors_offset + header.descriptors_size;
    header.data_size = 8 * seed.descriptors.size();
    std::string table;
    std::uint32_t id = 0;
    for (Descriptor d : seed.descriptors) {
        d.offset = header.data_offset + std::size_t{8} * id;
        d.id = ++id;
        d.name_field = {'n', 'a', 'm', 'e'};
        append(table, encode(d));
    }
    append(table, encode(Descriptor{}));
    std::string bytes;
    append(bytes, encode(header));
    return bytes + table + std::string(header.data_size, 'd');
}

std::vector<Seed> seeds() {
    const Descriptor primary = partition(FileSystem::squashfs, PartitionKind::primary_system);
    const Descriptor signature = linked(used(ObjectType::signature, {1, 0, 0, 0, 0xAB}), kNoGroup, kDefaultGroup);
    return {{"empty", {}},
            {"primary", {used(ObjectType::definition_file), used(ObjectType::labels), primary}},
            {"signed",
             {primary, linked(partition(FileSystem::ext3, PartitionKind::overlay), kGroupMask | 2, 0), signature}},
            {"two-primaries", {primary, primary}},
            {"encrypted",
             {partition(FileSystem::luks_squashfs, PartitionKind::primary_system),
              linked(used(ObjectType::cryptographic_message, {2, 0, 0, 0, 0, 2}), kDefaultGroup, 1)}},
            {"others",
             {used(ObjectType::sbom, {4}), used(ObjectType::oci_root_index, {'s', 'h', 'a'}),
              used(ObjectType::oci_blob), used(static_cast<ObjectType>(0x7FFF))}}};
}

Status write_seed(const std::string& folder, const Seed& seed) {
    const std::string path = fmt::format("{}/{}.sif", folder, seed.name);
    BERTH_TRY(const UniqueFd file, open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    return write_all(file.get(), image_of(seed), path);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    ::mkdir(argv[1], 0755);
    for (const Seed& seed : seeds()) {
        if (const Status written = write_seed(argv[1], seed); !written) {
            fmt::print(stderr, "{}\n", written.error().message);
            return 1;
        }
    }
    return 0;
}
