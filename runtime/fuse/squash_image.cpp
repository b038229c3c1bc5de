#include "runtime/fuse/squash_image.hpp"

#include <sys/stat.h>

#include <cstring>
#include <limits>

#include "runtime/fuse/image_window.hpp"
#include "runtime/fuse/options.hpp"

namespace berth::fuse {
namespace {

constexpr mode_t kPermissions = 07777;

// A table's blocks must lie between the superblock and the end: libsquashfuse takes position 0 for "not cached".
bool blocks_in_range(const sqfs_table& table, std::size_t entries, std::size_t entry_size,
                     const squashfs_super_block& super) {
    for (std::size_t i = 0; i < sqfs_divceil(entries * entry_size, SQUASHFS_METADATA_SIZE); ++i)
        if (table.blocks[i] < sizeof(super) || table.blocks[i] >= super.bytes_used) return false;
    return true;
}

bool tables_in_range(const sqfs& fs) {
    return blocks_in_range(fs.id_table, fs.sb.no_ids, sizeof(std::uint32_t), fs.sb) &&
           blocks_in_range(fs.frag_table, fs.sb.fragments, sizeof(squashfs_fragment_entry), fs.sb);
}

bool type_fields_in_range(const sqfs_inode& inode) {
    if (S_ISREG(inode.base.mode))
        return inode.xtra.reg.file_size <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (S_ISDIR(inode.base.mode)) return inode.xtra.dir.offset < SQUASHFS_METADATA_SIZE;
    return true;
}

}  // namespace

std::unique_ptr<Context> Context::open(int fd, std::uint64_t offset) {
    std::unique_ptr<Context> context(new Context);
    if (sqfs_init(&context->fs_, fd, offset) != SQFS_OK) {
        context->fs_.fd = -1;
        return nullptr;
    }
    if (!tables_in_range(context->fs_)) return nullptr;
    return context;
}

Context::~Context() {
    if (fs_.fd >= 0) sqfs_destroy(&fs_);  // a failed sqfs_init has cleaned up after itself
}

Lease::~Lease() {
    if (context_) image_.give_back(std::move(context_));
}

SquashImage::SquashImage(int fd, std::uint64_t offset, const squashfs_super_block& super)
    : fd_(fd), offset_(offset), super_(super) {
    idle_.reserve(kMaxThreads);
}

Result<std::unique_ptr<SquashImage>> SquashImage::open(int fd, std::uint64_t offset, std::uint64_t size,
                                                       const sif::HashTree* tree, void (*complain)(const Error&)) {
    set_image_window(fd, offset, offset + size, tree, complain);
    BERTH_TRY(const auto super, read_superblock(offset, size));
    set_image_window(fd, offset, offset + super.bytes_used, tree, complain);
    std::unique_ptr<SquashImage> image(new SquashImage(fd, offset, super));
    auto first = Context::open(fd, offset);
    if (!first) return Error{Category::image, 0, "damaged squashfs: its id, fragment or export table cannot be read"};
    if (!image_window_used()) return Error{Category::internal, 0, "libsquashfuse reads past the image window"};

    image->geometry_.fd = fd;
    image->geometry_.offset = offset;
    image->geometry_.sb = super;
    image->geometry_.decompressor = first->fs()->decompressor;
    const auto root = read_inode(*first, super.root_inode);
    if (!root || !S_ISDIR(root->base.mode))
        return Error{Category::image, 0, "damaged squashfs: the root inode cannot be read or is no directory"};
    image->give_back(std::move(first));
    return image;
}

Lease SquashImage::lease() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto context = std::move(idle_.back());
            idle_.pop_back();
            return {*this, std::move(context)};
        }
    }
    return {*this, Context::open(fd_, offset_)};
}

void SquashImage::give_back(std::unique_ptr<Context> context) noexcept {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < idle_.capacity()) idle_.push_back(std::move(context));
}

std::shared_ptr<const sqfs_block> SquashImage::read_block(std::uint64_t position, std::uint32_t header) const {
    bool compressed = false;
    std::uint32_t size = 0;
    sqfs_data_header(header, &compressed, &size);
    if (position < sizeof(super_) || position >= super_.bytes_used || size == 0 || size > super_.block_size)
        return nullptr;
    sqfs_block* block = nullptr;
    // libsquashfuse wants the struct mutable, yet reads from it only the four fields that are set here.
    auto geometry = geometry_;
    if (sqfs_data_block_read(&geometry, static_cast<sqfs_off_t>(position), header, &block) != SQFS_OK) return nullptr;
    return {block, [](const sqfs_block* unused) { sqfs_block_dispose(const_cast<sqfs_block*>(unused)); }};
}

std::optional<sqfs_inode> read_inode(Context& context, sqfs_inode_id id) {
    auto* fs = context.fs();
    if ((id & 0xffff) >= SQUASHFS_METADATA_SIZE ||
        (id >> 16) >= fs->sb.directory_table_start - fs->sb.inode_table_start)
        return std::nullopt;
    sqfs_inode inode{};
    if (sqfs_inode_get(fs, &inode, id) != SQFS_OK) return std::nullopt;
    if (inode.base.uid >= fs->sb.no_ids || inode.base.guid >= fs->sb.no_ids) return std::nullopt;
    if (inode.base.inode_number == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;  // + 1: "not cached"
    // The library ors the type into the mode as stored; a crafted mode would make a type that is none.
    inode.base.mode =
        static_cast<decltype(inode.base.mode)>((inode.base.mode & kPermissions) | sqfs_mode(inode.base.inode_type));
    if (!type_fields_in_range(inode)) return std::nullopt;
    return inode;
}

}  // namespace berth::fuse
