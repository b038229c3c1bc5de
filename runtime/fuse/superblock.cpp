#include "runtime/fuse/superblock.hpp"

#include <endian.h>

#include <bit>
#include <cstddef>
#include <span>
#include <string>

#include "runtime/fuse/image_window.hpp"

namespace berth::fuse {
namespace {

constexpr std::uint32_t kMinBlockSize = 4096;
constexpr std::uint64_t kAbsent = UINT64_MAX;

Error damaged(const char* field, std::uint64_t value) {
    return Error{Category::image, 0, std::string("damaged squashfs: ") + field + " is " + std::to_string(value)};
}

squashfs_super_block to_host(squashfs_super_block raw) {
    for (auto* field : {&raw.s_magic, &raw.inodes, &raw.mkfs_time, &raw.block_size, &raw.fragments})
        *field = le32toh(*field);
    for (auto* field : {&raw.compression, &raw.block_log, &raw.flags, &raw.no_ids, &raw.s_major, &raw.s_minor})
        *field = le16toh(*field);
    for (auto* field :
         {&raw.root_inode, &raw.bytes_used, &raw.id_table_start, &raw.xattr_id_table_start, &raw.inode_table_start,
          &raw.directory_table_start, &raw.fragment_table_start, &raw.lookup_table_start})
        *field = le64toh(*field);
    return raw;
}

Status check_format(const squashfs_super_block& super) {
    if (super.s_magic != SQUASHFS_MAGIC) return Error{Category::image, 0, "not a squashfs file system"};
    if (super.s_major != SQUASHFS_MAJOR || super.s_minor != SQUASHFS_MINOR)
        return Error{Category::unsupported, 0,
                     "squashfs version " + std::to_string(super.s_major) + "." + std::to_string(super.s_minor) +
                         "; only 4.0 is supported: make the image anew"};
    if (sqfs_decompressor_get(super.compression) == nullptr) {
        const char* name = sqfs_compression_name(super.compression);
        return Error{Category::unsupported, 0,
                     "squashfs compression '" +
                         (name != nullptr ? std::string(name) : std::to_string(super.compression)) +
                         "' is not supported: make the image with gzip, xz, lzo, lz4 or zstd"};
    }
    if (!std::has_single_bit(super.block_size) || super.block_size < kMinBlockSize ||
        super.block_size > SQUASHFS_FILE_MAX_SIZE || super.block_size != UINT32_C(1) << (super.block_log & 31U))
        return damaged("block_size", super.block_size);
    return {};
}

Status check_tables(const squashfs_super_block& super) {
    const auto used = super.bytes_used;
    if (super.inode_table_start < sizeof(super) || super.inode_table_start >= used)
        return damaged("inode_table_start", super.inode_table_start);
    if (super.directory_table_start <= super.inode_table_start || super.directory_table_start >= used)
        return damaged("directory_table_start", super.directory_table_start);
    if (super.id_table_start <= super.directory_table_start || super.id_table_start >= used)
        return damaged("id_table_start", super.id_table_start);
    if (super.no_ids == 0) return damaged("no_ids", super.no_ids);
    if (super.fragments != 0 &&
        (super.fragment_table_start < super.directory_table_start || super.fragment_table_start >= used))
        return damaged("fragment_table_start", super.fragment_table_start);
    if (super.lookup_table_start != kAbsent && super.lookup_table_start >= used)
        return damaged("lookup_table_start", super.lookup_table_start);
    if (super.xattr_id_table_start != kAbsent && super.xattr_id_table_start >= used)
        return damaged("xattr_id_table_start", super.xattr_id_table_start);
    return {};
}

}  // namespace

Result<squashfs_super_block> read_superblock(std::uint64_t offset, std::uint64_t size) {
    squashfs_super_block raw{};
    if (size < sizeof(raw)) return Error{Category::image, 0, "not a squashfs file system: shorter than its superblock"};
    BERTH_CHECK(read_image(std::as_writable_bytes(std::span(&raw, 1)), offset));
    const auto super = to_host(raw);
    BERTH_CHECK(check_format(super));
    if (super.bytes_used > size)
        return Error{Category::image, 0,
                     "the squashfs is truncated: it uses " + std::to_string(super.bytes_used) +
                         " bytes and its partition has " + std::to_string(size)};
    BERTH_CHECK(check_tables(super));
    return super;
}

}  // namespace berth::fuse
