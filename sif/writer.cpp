#include "sif/writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/checked.hpp"
#include "runtime/base/io.hpp"
#include "sif/image.hpp"

namespace berth::sif {
namespace {

constexpr std::uint64_t kCopyPart = 64U << 20;  // often enough to stop, rarely enough to cost nothing

struct Layout {
    Header header;
    std::vector<Descriptor> descriptors;
    std::uint64_t end = kDataOffset;
};

std::uint64_t aligned(std::uint64_t offset, ObjectType type) noexcept {
    if (type != ObjectType::partition) return offset;
    return (offset + kPartitionAlignment - 1) / kPartitionAlignment * kPartitionAlignment;
}

Status place(Layout& layout, const NewObject& object, std::int64_t time) {
    Descriptor d;
    if (object.name.size() >= kNameSize)
        return Error{Category::usage, 0, fmt::format("object name of {} bytes, at most 127 fit", object.name.size())};
    std::ranges::copy(object.name, d.name_field.begin());
    d.type = object.type;
    d.used = 1;
    d.id = static_cast<std::uint32_t>(layout.descriptors.size() + 1);
    d.group = object.group;
    d.link = object.link;
    d.extra = object.extra;
    d.created = d.modified = time;
    d.uid = object.uid;
    d.gid = object.gid;
    d.size = object.size();
    d.offset = aligned(layout.end, object.type);
    const auto end = checked_add(d.offset, d.size);
    if (!end || !checked_cast<off_t>(*end)) return Error{Category::usage, EFBIG, "the objects do not fit one file"};
    d.size_with_padding = *end - layout.end;
    layout.end = *end;
    const auto partition = partition_extra(d);
    if (partition && partition->kind == PartitionKind::primary_system)
        layout.header.architecture = partition->architecture;
    layout.descriptors.push_back(d);
    return {};
}

Result<Layout> plan(const WriteRequest& request) {
    if (request.launch.size() > kLaunchSize)
        return Error{Category::usage, 0, fmt::format("launch line of {} bytes, at most 32 fit", request.launch.size())};
    if (request.objects.size() > kDescriptorsTotal)
        return Error{Category::usage, 0, fmt::format("{} objects, at most 48 fit", request.objects.size())};
    Layout layout;
    for (const NewObject& object : request.objects) BERTH_CHECK(place(layout, object, request.time));
    Header& header = layout.header;
    std::ranges::copy(request.launch, header.launch.begin());
    header.uuid = request.uuid;
    header.created = header.modified = request.time;
    header.descriptors_free = kDescriptorsTotal - request.objects.size();
    header.descriptors_total = kDescriptorsTotal;
    header.descriptors_offset = kDescriptorsOffset;
    header.descriptors_size = kDescriptorsTotal * kDescriptorSize;
    header.data_offset = kDataOffset;
    header.data_size = layout.end - kDataOffset;
    return layout;
}

/// Copies a part through memory, for file systems between which copy_file_range(2) does not work.
Status copy_by_hand(int from, int to, std::uint64_t position, std::uint64_t offset, std::uint64_t size,
                    const std::string& name) {
    std::vector<std::byte> buffer(1U << 20);
    while (size > 0) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size));
        BERTH_CHECK(pread_exact(from, part, position, name + ": reading an object"));
        BERTH_CHECK(pwrite_all(to, part, offset, name));
        position += part.size();
        offset += part.size();
        size -= part.size();
    }
    return {};
}

Status copy_file(const NewObject& object, int to, std::uint64_t offset, const WriteRequest& request,
                 const std::string& name) {
    for (std::uint64_t done = 0; done < object.fd_size;) {
        if (request.stop != nullptr && request.stop()) return Error{Category::system, EINTR, name + ": interrupted"};
        const std::uint64_t part = std::min(kCopyPart, object.fd_size - done);
        auto from = static_cast<off_t>(done);
        auto target = static_cast<off_t>(offset + done);
        // The kernel shares the blocks where the file system can: both sides begin on a page.
        const ssize_t n = ::copy_file_range(object.fd, &from, to, &target, part, 0);
        if (n > 0) {
            done += static_cast<std::uint64_t>(n);
            continue;
        }
        BERTH_CHECK(copy_by_hand(object.fd, to, done, offset + done, part, name));
        done += part;
    }
    return {};
}

}  // namespace

Status create(int fd, const WriteRequest& request, const std::string& name) {
    auto planned = plan(request);
    if (!planned) return std::move(planned).error().within(name);
    const Layout& layout = *planned;
    // Gaps are holes, which read as zeros.
    if (::ftruncate(fd, static_cast<off_t>(layout.end)) != 0) return errno_error(name);
    BERTH_CHECK(pwrite_all(fd, encode(layout.header), 0, name));
    for (std::size_t i = 0; i < layout.descriptors.size(); ++i) {
        const Descriptor& descriptor = layout.descriptors[i];
        const NewObject& object = request.objects[i];
        BERTH_CHECK(pwrite_all(fd, encode(descriptor), kDescriptorsOffset + i * kDescriptorSize, name));
        if (object.fd < 0)
            BERTH_CHECK(pwrite_all(fd, std::as_bytes(std::span(object.bytes)), descriptor.offset, name));
        else
            BERTH_CHECK(copy_file(object, fd, descriptor.offset, request, name));
    }
    auto read_back = Image::open(fd, name);
    if (!read_back) return std::move(read_back).error();
    return {};
}

}  // namespace berth::sif
