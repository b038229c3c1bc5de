#include "sif/image.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/names.hpp"

namespace berth::sif {
namespace {

struct Range {
    std::uint64_t offset;
    std::uint64_t size;
    std::string what;
    [[nodiscard]] std::uint64_t end() const noexcept { return offset + size; }
};

bool fits(std::uint64_t offset, std::uint64_t size, std::uint64_t file_size) noexcept {
    return size <= file_size && offset <= file_size - size;
}

/// A number of the file as it was written there: signed.
std::int64_t shown(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

std::string quoted(std::span<const char> field) {
    const std::string_view text(field.data(), field.size());
    return '"' + printable(text.substr(0, text.find('\0'))) + '"';
}

/// The first two that overlap, in words; empty when none do. All of them fit the file, so no end overflows.
std::string overlap(std::vector<Range> ranges) {
    std::erase_if(ranges, [](const Range& range) { return range.size == 0; });
    std::ranges::sort(ranges, {}, &Range::offset);
    for (std::size_t i = 1; i < ranges.size(); ++i) {
        const Range& a = ranges[i - 1];
        const Range& b = ranges[i];
        if (b.offset < a.end())
            return fmt::format("{} (bytes {} to {}) overlaps {} (bytes {} to {})", b.what, b.offset, b.end(), a.what,
                               a.offset, a.end());
    }
    return {};
}

}  // namespace

Result<Image> Image::open(int fd, const std::string& name) {
    // An editor at work moves the table (sif/editor.cpp). What was read belongs together, and what was found wrong is so,
    // only if header and size are the same still.
    constexpr int kAttempts = 8;
    for (int attempt = 1;; ++attempt) {
        Image image(fd, printable(name, 4096));
        BERTH_CHECK(image.read_header());
        const Status sound = image.read_all();
        Image again(fd, image.name_);
        BERTH_CHECK(again.read_header());
        const bool same = encode(image.header_) == encode(again.header_) && image.file_size_ == again.file_size_;
        if (!same && attempt < kAttempts) continue;
        if (!sound) return sound.error();
        return image;
    }
}

Status Image::read_all() {
    BERTH_CHECK(check_header());
    BERTH_CHECK(read_descriptors());
    return check_overlap();
}

Error Image::bad(const std::string& what) const {
    return {Category::image, 0, name_ + ": " + what};
}

Status Image::read_header() {
    struct stat file {};
    if (::fstat(fd_, &file) != 0) return errno_error(name_);
    if (!S_ISREG(file.st_mode))
        return Error{Category::unsupported, 0, name_ + ": not a regular file, so not a SIF image"};
    file_size_ = static_cast<std::uint64_t>(file.st_size);
    if (file_size_ < kHeaderSize)
        return bad(
            fmt::format("not a SIF image: the file has {} bytes, a header alone has {}", file_size_, kHeaderSize));
    std::array<std::byte, kHeaderSize> bytes{};
    BERTH_CHECK(pread_exact(fd_, bytes, 0, name_));
    header_ = decode_header(bytes);
    return {};
}

Status Image::check_header() const {
    const Header& h = header_;
    if (h.magic != kMagic)
        return bad(fmt::format("not a SIF image: magic is {}, wanted \"SIF_MAGIC\"", quoted(h.magic)));
    if (h.version != kVersion)
        return Error{Category::unsupported, 0,
                     fmt::format("{}: SIF version is {}; this Berth reads \"01\"", name_, quoted(h.version))};
    if (h.descriptors_total > kMaxDescriptors)
        return bad(fmt::format("header: descriptors total is {}, at most {} are allowed", shown(h.descriptors_total),
                               kMaxDescriptors));
    if (h.descriptors_free > h.descriptors_total)
        return bad(fmt::format("header: descriptors free is {}, more than the total of {}", shown(h.descriptors_free),
                               h.descriptors_total));
    if (h.descriptors_size != h.descriptors_total * kDescriptorSize)
        return bad(fmt::format("header: descriptors length is {}, must be {} ({} of {} bytes)",
                               shown(h.descriptors_size), h.descriptors_total * kDescriptorSize, h.descriptors_total,
                               kDescriptorSize));
    if (!fits(h.descriptors_offset, h.descriptors_size, file_size_))
        return bad(
            fmt::format("header: descriptors offset is {} with length {}, but the file has {} bytes: is it "
                        "complete?",
                        shown(h.descriptors_offset), h.descriptors_size, file_size_));
    if (!fits(h.data_offset, h.data_size, file_size_))
        return bad(fmt::format("header: data offset is {} with length {}, but the file has {} bytes: is it complete?",
                               shown(h.data_offset), shown(h.data_size), file_size_));
    const std::string clash = overlap({{0, kHeaderSize, "the header"},
                                       {h.descriptors_offset, h.descriptors_size, "the descriptor table"},
                                       {h.data_offset, h.data_size, "the data section"}});
    if (!clash.empty()) return bad("header: " + clash);
    return {};
}

Status Image::read_descriptors() {
    std::vector<std::byte> table(header_.descriptors_size);
    BERTH_CHECK(pread_exact(fd_, table, header_.descriptors_offset, name_));
    for (std::span<const std::byte> rest(table); !rest.empty(); rest = rest.subspan(kDescriptorSize)) {
        const Descriptor descriptor = decode_descriptor(rest.first<kDescriptorSize>());
        const auto place = (table.size() - rest.size()) / kDescriptorSize;
        if (descriptor.used > 1)
            return bad(fmt::format("descriptor at place {}: used is {}, must be 0 or 1", place, descriptor.used));
        if (descriptor.used == 0) continue;
        if (auto sound = check_descriptor(descriptor); !sound)
            return std::move(sound).error().within(
                fmt::format("{}: descriptor at place {} (id {})", name_, place, descriptor.id));
        descriptors_.push_back(descriptor);
    }
    return {};
}

Status Image::check_descriptor(const Descriptor& d) const {
    const auto wrong = [](std::string what) { return Error{Category::image, 0, std::move(what)}; };
    if (d.id == 0 || d.id >= kGroupMask) return wrong(fmt::format("id is {:#x}, must be from 1 to 0xefffffff", d.id));
    if (std::ranges::find(descriptors_, d.id, &Descriptor::id) != descriptors_.end())
        return wrong("another descriptor has this id");
    if (d.group < kGroupMask)
        return wrong(fmt::format("group is {:#x}, must be a number with the mask {:#x}", d.group, kGroupMask));
    if (d.link == d.id || d.link == kGroupMask)
        return wrong(fmt::format("link is {:#x}, must be another object, a group or 0", d.link));
    if (!fits(d.offset, d.size, file_size_))
        return wrong(fmt::format("offset is {} and size {}, but the file has {} bytes: is it complete?",
                                 shown(d.offset), shown(d.size), file_size_));
    if (d.size_with_padding < d.size || d.size_with_padding - d.size > d.offset)
        return wrong(fmt::format("size with padding is {}, does not fit size {} at offset {}",
                                 shown(d.size_with_padding), d.size, d.offset));
    return {};
}

Status Image::check_overlap() const {
    std::vector<Range> ranges{{0, kHeaderSize, "the header"},
                              {header_.descriptors_offset, header_.descriptors_size, "the descriptor table"}};
    for (const Descriptor& d : descriptors_) ranges.push_back({d.offset, d.size, fmt::format("object {}", d.id)});
    const std::string clash = overlap(std::move(ranges));
    if (!clash.empty()) return bad(clash);
    return {};
}

Result<PrimaryPartition> Image::primary_partition() const {
    std::optional<PrimaryPartition> found;
    for (const Descriptor& descriptor : descriptors_) {
        const auto extra = partition_extra(descriptor);
        if (!extra || extra->kind != PartitionKind::primary_system) continue;
        if (found)
            return bad(fmt::format("two primary system partitions, objects {} and {}; an image to run has one",
                                   found->descriptor.id, descriptor.id));
        found = PrimaryPartition{descriptor, *extra};
    }
    if (!found) return bad("no primary system partition: this SIF holds data only and cannot be run");
    return *found;
}

Result<std::string_view> Image::architecture() const {
    BERTH_TRY(const PrimaryPartition primary, primary_partition());
    return architecture_name(primary.extra.architecture);
}

Result<Descriptor> Image::object(std::uint32_t id) const {
    const auto found = std::ranges::find(descriptors_, id, &Descriptor::id);
    if (found != descriptors_.end()) return *found;
    std::string ids;
    for (const Descriptor& descriptor : descriptors_)
        ids += fmt::format("{}{}", ids.empty() ? "" : ", ", descriptor.id);
    return Error{Category::usage, 0,
                 fmt::format("{}: no object with id {}; it has {}", name_, id, ids.empty() ? "none" : ids)};
}

Status Image::read(const Descriptor& object, std::uint64_t position, std::span<std::byte> buffer) const {
    if (!fits(position, buffer.size(), object.size))
        return bad(
            fmt::format("object {} has {} bytes, wanted {} at {}", object.id, object.size, buffer.size(), position));
    return pread_exact(fd_, buffer, object.offset + position, name_);
}

Result<std::string> Image::read_object(const Descriptor& object, std::size_t limit) const {
    if (object.size > limit)
        return Error{
            Category::image, EFBIG,
            fmt::format("{}: object {} has {} bytes, at most {} are read", name_, object.id, object.size, limit)};
    std::string data(object.size, '\0');
    BERTH_CHECK(read(object, 0, std::as_writable_bytes(std::span(data))));
    return data;
}

}  // namespace berth::sif
