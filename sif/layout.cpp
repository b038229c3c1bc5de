#include "sif/layout.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "runtime/base/checked.hpp"

namespace berth::sif {
namespace {

constexpr std::uint64_t kMaxAlignment = 1U << 30;  // a huge page; more would only be a huge hole

Error usage(std::string message, int number = 0) {
    return {Category::usage, number, std::move(message)};
}

Status check(const NewObject& object, std::uint32_t id) {
    if (object.name.size() >= kNameSize)
        return usage(fmt::format("object name of {} bytes, at most {} fit", object.name.size(), kNameSize - 1));
    if (object.group < kGroupMask)
        return usage(fmt::format("group {:#x} lacks the mask {:#x}", object.group, kGroupMask));
    if (object.link == kGroupMask || object.link == id)
        return usage(fmt::format("link {:#x} must name another object, a group, or nothing", object.link));
    if (object.alignment > kMaxAlignment)
        return usage(fmt::format("alignment {}, at most {} is possible", object.alignment, kMaxAlignment));
    return {};
}

/// The new ones last: an offset of 0 wraps.
std::vector<PlannedObject*> by_offset(ImagePlan& plan) {
    std::vector<PlannedObject*> order;
    for (PlannedObject& object : plan.objects) order.push_back(&object);
    std::ranges::stable_sort(order, {}, [](const PlannedObject* object) { return object->descriptor.offset - 1; });
    return order;
}

}  // namespace

Result<PlannedObject> plan_object(const NewObject& object, std::uint32_t id, std::int64_t time) {
    BERTH_CHECK(check(object, id));
    PlannedObject planned;
    Descriptor& d = planned.descriptor;
    std::ranges::copy(object.name, d.name_field.begin());
    d.type = object.type;
    d.used = 1;
    d.id = id;
    d.group = object.group;
    d.link = object.link;
    d.extra = object.extra;
    d.created = d.modified = time;
    d.uid = object.uid;
    d.gid = object.gid;
    d.size = object.size();
    planned.content = {object.bytes, object.fd, 0, object.fd_size};
    const std::uint64_t usual = object.type == ObjectType::partition ? kPartitionAlignment : 1;
    planned.alignment = object.alignment == 0 ? usual : object.alignment;
    return planned;
}

PlannedObject plan_existing(const Descriptor& descriptor, int fd) noexcept {
    PlannedObject planned;
    planned.descriptor = descriptor;
    planned.content = {{}, fd, descriptor.offset, descriptor.size};
    const std::uint64_t found = std::uint64_t{1} << std::countr_zero(descriptor.offset | kPartitionAlignment);
    planned.alignment = descriptor.type == ObjectType::partition ? kPartitionAlignment : found;
    return planned;
}

void set_partition_extra(Descriptor& descriptor, const PartitionExtra& partition) noexcept {
    constexpr std::size_t kPartitionFields = 11;
    const auto encoded = encode(partition);
    std::copy_n(encoded.begin(), kPartitionFields, descriptor.extra.begin());
}

Status place(PlannedObject& object, std::uint64_t& end) {
    Descriptor& d = object.descriptor;
    const auto rounded = checked_add(end, object.alignment - 1);
    if (rounded) d.offset = *rounded / object.alignment * object.alignment;
    const auto after = rounded ? checked_add(d.offset, d.size) : std::nullopt;
    if (!after || !checked_cast<off_t>(*after)) return usage("the objects do not fit one file", EFBIG);
    d.size_with_padding = *after - end;
    end = *after;
    return {};
}

Status lay_out(ImagePlan& plan, std::uint64_t total) {
    if (plan.objects.size() > total)
        return usage(fmt::format("{} objects, at most {} fit", plan.objects.size(), total));
    Header& header = plan.header;
    header.descriptors_total = total;
    header.descriptors_free = total - plan.objects.size();
    header.descriptors_offset = kDescriptorsOffset;
    header.descriptors_size = total * kDescriptorSize;
    header.data_offset = kDescriptorsOffset + header.descriptors_size;
    std::uint64_t end = header.data_offset;
    for (PlannedObject* object : by_offset(plan)) BERTH_CHECK(place(*object, end));
    header.data_size = end - header.data_offset;
    return {};
}

Status write_image(int fd, const ImagePlan& plan, bool (*stop)(), const std::string& name) {
    const Header& header = plan.header;
    // Gaps are holes, which read as zeros.
    BERTH_CHECK(resize(fd, header.data_offset + header.data_size, name));
    BERTH_CHECK(write_at(fd, encode(header), 0, name));
    std::uint64_t slot = header.descriptors_offset;
    for (const PlannedObject& object : plan.objects) {
        BERTH_CHECK(write_at(fd, encode(object.descriptor), slot, name));
        BERTH_CHECK(write_content(fd, object.content, object.descriptor.offset, stop, name));
        slot += kDescriptorSize;
    }
    auto read_back = Image::open(fd, name);
    if (!read_back) return std::move(read_back).error();
    return {};
}

}  // namespace berth::sif
