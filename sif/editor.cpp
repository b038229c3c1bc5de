#include "sif/editor.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/edit_plan.hpp"
#include "sif/image_file.hpp"
#include "sif/layout.hpp"
#include "sif/storage.hpp"
#include "sif/temporary_file.hpp"

namespace berth::sif {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::uint64_t table_end(const Header& header) {
    return header.descriptors_offset + header.descriptors_size;
}

/// The bytes of header and table, as the file has them.
Result<std::string> read_head(int fd, const Header& header, const std::string& name) {
    std::string head(kHeaderSize + header.descriptors_size, '\0');
    const auto bytes = std::as_writable_bytes(std::span(head));
    BERTH_CHECK(pread_exact(fd, bytes.first(kHeaderSize), 0, name));
    BERTH_CHECK(pread_exact(fd, bytes.subspan(kHeaderSize), header.descriptors_offset, name));
    return head;
}

Table decode_table(std::string_view head) {
    Table table;
    for (auto rest = bytes_of(head).subspan(kHeaderSize); !rest.empty(); rest = rest.subspan(kDescriptorSize))
        table.push_back(decode_descriptor(rest.first<kDescriptorSize>()));
    return table;
}

std::string encode_table(const Table& table) {
    std::string bytes;
    for (const Descriptor& descriptor : table) {
        const auto encoded = encode(descriptor);
        // char may look at the bytes of any object.
        bytes.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
    }
    return bytes;
}

/// Room for more, doubled as long as the limit allows.
std::uint64_t total_for(std::uint64_t objects) {
    std::uint64_t total = kDescriptorsTotal;
    while (total < objects) total *= 2;
    return std::min(total, kMaxDescriptors);
}

}  // namespace

Result<Editor> Editor::open(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
    if (!resolved) return errno_error(printable(path));
    const std::string whole = resolved.get();
    const std::size_t begin = whole.rfind('/') + 1;
    BERTH_TRY(UniqueFd folder, open_at(AT_FDCWD, whole.substr(0, begin), O_PATH | O_DIRECTORY));
    std::string name = whole.substr(begin);
    BERTH_TRY(UniqueFd fd, open_locked(folder.get(), name, printable(path), kLockWait));
    BERTH_TRY(Image image, Image::open(fd.get(), path));
    BERTH_TRY(std::string head, read_head(fd.get(), image.header(), image.name()));
    Editor editor(std::move(folder), std::move(name), std::move(fd), std::move(image), std::move(head));
    BERTH_CHECK(editor.finish_cut_off());
    return editor;
}

Status Editor::reload() {
    BERTH_TRY(image_, Image::open(fd_.get(), image_.name()));
    BERTH_TRY(head_, read_head(fd_.get(), image_.header(), image_.name()));
    return {};
}

Result<EditPlan> Editor::plan(const Changes& changes, std::int64_t time) const {
    return plan_edit(image_, decode_table(head_), changes, time);
}

Result<TemporaryFile> Editor::temporary_file() const {
    return TemporaryFile::create_at(folder_.get(), image_.name());
}

Result<std::vector<Descriptor>> Editor::preview(const Changes& changes, std::int64_t time) const {
    BERTH_TRY(const EditPlan planned, plan(changes, time));
    std::vector<Descriptor> added;
    for (const PlannedObject& object : planned.added) added.push_back(object.descriptor);
    return added;
}

Result<std::vector<std::uint32_t>> Editor::apply(const Changes& changes, std::int64_t time) {
    BERTH_TRY(const EditPlan planned, plan(changes, time));
    BERTH_CHECK(check_unchanged());
    BERTH_CHECK(planned.in_place ? edit_in_place(planned, changes) : rewrite(planned, changes));
    BERTH_CHECK(reload());
    std::vector<std::uint32_t> ids;
    for (const PlannedObject& object : planned.added) ids.push_back(object.descriptor.id);
    return ids;
}

Result<std::uint32_t> Editor::append(NewObject object, std::int64_t time) {
    Changes changes;
    changes.append.push_back(std::move(object));
    BERTH_TRY(const auto ids, apply(changes, time));
    return ids.front();
}

Status Editor::check_unchanged() const {
    BERTH_TRY(const std::string head, read_head(fd_.get(), image_.header(), image_.name()));
    if (head == head_ && has_name(fd_.get(), folder_.get(), file_name_)) return {};
    return Error{Category::system, EBUSY,
                 image_.name() + ": another program changed the image meanwhile; nothing was edited, try again"};
}

// The new table is first written aside, behind everything. One write of the header (it lies within one sector) then
// makes the new image of the old one: it names the table aside. Only then the table's own place is written, and the
// header names that again.
Status Editor::edit_in_place(const EditPlan& plan, const Changes& changes) {
    const std::string table = encode_table(plan.table);
    const Header& header = plan.header;
    const std::uint64_t aside = std::max(image_.file_size(), header.data_offset + header.data_size);
    if (auto prepared = prepare(plan, table, aside, changes); !prepared) {
        // The file is the old image still, and longer only; what another program added meanwhile is not ours to cut
        // off.
        if (check_unchanged()) static_cast<void>(resize(fd_.get(), image_.file_size(), image_.name()));
        return prepared;
    }
    Header interim = header;
    interim.descriptors_offset = aside;
    // No data here: a program that adds an object now does so behind the table, not over it.
    interim.data_offset = aside + header.descriptors_size;
    interim.data_size = 0;
    BERTH_CHECK(write_at(fd_.get(), encode(interim), 0, image_.name()));
    BERTH_CHECK(sync(fd_.get(), image_.name()));
    BERTH_CHECK(settle(header, table));
    return tidy(plan, changes);
}

Status Editor::prepare(const EditPlan& plan, const std::string& table, std::uint64_t aside, const Changes& changes) {
    for (const PlannedObject& object : plan.added)
        BERTH_CHECK(write_content(fd_.get(), object.content, object.descriptor.offset, changes.stop, image_.name()));
    BERTH_CHECK(write_at(fd_.get(), bytes_of(table), aside, image_.name()));
    BERTH_CHECK(sync(fd_.get(), image_.name()));
    return check_unchanged();
}

Status Editor::settle(const Header& header, const std::string& table) {
    BERTH_CHECK(write_at(fd_.get(), bytes_of(table), header.descriptors_offset, image_.name()));
    BERTH_CHECK(sync(fd_.get(), image_.name()));
    BERTH_CHECK(write_at(fd_.get(), encode(header), 0, image_.name()));
    return sync(fd_.get(), image_.name());
}

Status Editor::tidy(const EditPlan& plan, const Changes& changes) {
    const Header& header = plan.header;
    std::uint64_t size = std::max(header.data_offset + header.data_size, table_end(header));
    // What lies behind the data is nobody's; an edit that has no use for the room leaves it, all the same.
    if (plan.added.empty() && !changes.compact) size = std::max(size, image_.file_size());
    BERTH_CHECK(resize(fd_.get(), size, image_.name()));
    if (!changes.zero) return {};
    for (const Descriptor& removed : plan.removed) {
        const std::uint64_t end = std::min(removed.offset + removed.size, size);
        if (removed.offset < end)
            BERTH_CHECK(write_zeros(fd_.get(), removed.offset, end - removed.offset, image_.name()));
    }
    return sync(fd_.get(), image_.name());
}

// An edit in place that was cut off between its two writes of the header has left the table behind the data.
Status Editor::finish_cut_off() {
    Header header = image_.header();
    const bool aside = header.descriptors_offset > kDescriptorsOffset && header.data_offset == table_end(header) &&
                       header.data_size == 0;
    if (!aside) return {};
    header.descriptors_offset = kDescriptorsOffset;
    std::uint64_t begin = header.data_offset;
    std::uint64_t end = table_end(header);
    for (const Descriptor& d : image_.descriptors()) {
        begin = std::min(begin, d.offset - (d.size_with_padding - d.size));
        end = std::max(end, d.offset + d.size);
    }
    if (image_.descriptors().empty()) begin = table_end(header);
    if (begin < table_end(header)) return {};  // not by an editor of this kind; it is sound as it is
    header.data_offset = begin;
    header.data_size = end > begin ? end - begin : 0;
    BERTH_CHECK(settle(header, head_.substr(kHeaderSize)));
    BERTH_CHECK(resize(fd_.get(), std::max(end, begin), image_.name()));
    return reload();
}

Status Editor::rewrite(const EditPlan& plan, const Changes& changes) {
    struct stat before {};
    if (::fstat(fd_.get(), &before) != 0) return errno_error(image_.name());
    ImagePlan whole{plan.header, {}};
    for (const Descriptor& descriptor : plan.table) {
        const auto added = std::ranges::find(plan.added, descriptor.id,
                                             [](const PlannedObject& object) { return object.descriptor.id; });
        if (descriptor.used == 0) continue;
        whole.objects.push_back(added == plan.added.end() ? plan_existing(descriptor, fd_.get()) : *added);
    }
    BERTH_CHECK(lay_out(whole, total_for(std::max<std::uint64_t>(plan.table.size(), plan.header.descriptors_total))));
    BERTH_TRY(TemporaryFile file, temporary_file());
    BERTH_CHECK(write_image(file.fd(), whole, changes.stop, image_.name()));
    BERTH_CHECK(keep_access(fd_.get(), file.fd(), before, image_.name()));
    if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) return errno_error(image_.name() + ": cannot lock the new image");
    BERTH_CHECK(check_unchanged());
    BERTH_CHECK(file.replace(fd_.get(), file_name_, before.st_mode & 07777));
    fd_ = std::move(file).release();
    return {};
}

}  // namespace berth::sif
