#include "runtime/fuse/directory.hpp"

#include <endian.h>

namespace berth::fuse {
namespace {

bool is_valid_name(std::string_view name) {
    return !name.empty() && name.size() <= SQUASHFS_NAME_LEN && name != "." && name != ".." &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace

DirectoryReader::DirectoryReader(Context& context, sqfs_inode& inode) : context_(context), inode_(inode) {
    open_ = sqfs_dir_open(context_.fs(), &inode_, &dir_, 0) == SQFS_OK;
}

bool DirectoryReader::seek(std::uint64_t offset) {
    if (offset > static_cast<std::uint64_t>(dir_.total)) return false;
    open_ = sqfs_dir_open(context_.fs(), &inode_, &dir_, static_cast<off_t>(offset)) == SQFS_OK;
    return open_;
}

Walk DirectoryReader::next(DirectoryEntry& entry) {
    if (!open_) return Walk::damaged;
    if (dir_.offset >= dir_.total) return Walk::end;
    sqfs_dir_entry raw{};
    sqfs_dentry_init(&raw, context_.name_buffer());
    sqfs_err error = SQFS_OK;
    if (!sqfs_dir_next(context_.fs(), &dir_, &raw, &error)) return error == SQFS_OK ? Walk::end : Walk::damaged;

    entry.name = {sqfs_dentry_name(&raw), sqfs_dentry_name_size(&raw)};
    if (dir_.offset > dir_.total || !is_valid_name(entry.name)) return Walk::damaged;
    entry.inode_id = sqfs_dentry_inode(&raw);
    entry.inode_number = sqfs_dentry_inode_num(&raw);
    entry.type = sqfs_dentry_mode(&raw);
    entry.next = static_cast<std::uint64_t>(sqfs_dentry_next_offset(&raw));
    return Walk::found;
}

// Not sqfs_dir_lookup: it copies a name from the index into the caller's buffer without regard to its length.
bool DirectoryReader::skip_by_index(std::string_view name) {
    auto* fs = context_.fs();
    sqfs_md_cursor cursor = inode_.next;
    for (unsigned left = inode_.xtra.dir.idx_count; left > 0; --left) {
        squashfs_dir_index index{};
        if (sqfs_md_read(fs, &cursor, &index, sizeof(index)) != SQFS_OK) return false;
        const std::uint64_t length = std::uint64_t{le32toh(index.size)} + 1;
        if (length > SQUASHFS_NAME_LEN) return false;
        if (sqfs_md_read(fs, &cursor, context_.name_buffer(), length) != SQFS_OK) return false;
        if (std::string_view(context_.name_buffer(), length) > name) break;
        dir_.cur.block = static_cast<sqfs_off_t>(le32toh(index.start_block) + fs->sb.directory_table_start);
        dir_.offset = static_cast<sqfs_off_t>(le32toh(index.index));
    }
    const auto start = dir_.cur.offset + static_cast<std::size_t>(dir_.offset);
    dir_.cur.offset = start % SQUASHFS_METADATA_SIZE;
    return true;
}

Walk DirectoryReader::find(std::string_view name, DirectoryEntry& entry) {
    if (!open_ || !skip_by_index(name)) return Walk::damaged;
    for (;;) {
        if (const Walk walk = next(entry); walk != Walk::found) return walk;
        if (entry.name == name) return Walk::found;
        if (entry.name > name) return Walk::end;
    }
}

}  // namespace berth::fuse
