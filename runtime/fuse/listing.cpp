#include "runtime/fuse/listing.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "runtime/fuse/attributes.hpp"

namespace berth::fuse {
namespace {

constexpr off_t kParentOffset = 1;
constexpr off_t kEntriesOffset = 2;

fuse_entry_param only_number(std::uint32_t inode_number, mode_t type) {
    fuse_entry_param entry{};  // node 0: the kernel takes the name, and looks the rest up when it needs it
    entry.attr.st_ino = inode_number;
    entry.attr.st_mode = type;
    return entry;
}

// An inode that cannot be read costs its own entry's attributes, not the listing.
fuse_entry_param describe(const Server& server, Context& context, const DirectoryEntry& found, ListingKind kind) {
    fuse_entry_param entry{};
    if (kind == ListingKind::attributes && fill_entry(server, context, found.inode_id, entry)) return entry;
    return only_number(found.inode_number, found.type);
}

bool add_dots(const sqfs_inode& inode, off_t offset, ListingKind kind, Listing& listing) {
    if (offset < kParentOffset && !listing.add(kind, ".", only_number(inode.base.inode_number, S_IFDIR), kParentOffset))
        return false;
    return offset >= kEntriesOffset ||
           listing.add(kind, "..", only_number(inode.xtra.dir.parent_inode, S_IFDIR), kEntriesOffset);
}

}  // namespace

bool Listing::add(ListingKind kind, const char* name, const fuse_entry_param& entry, off_t next) {
    char* place = data_.get() + used_;
    const std::size_t room = size_ - used_;
    const std::size_t length = kind == ListingKind::attributes
                                   ? fuse_add_direntry_plus(request_, place, room, name, &entry, next)
                                   : fuse_add_direntry(request_, place, room, name, &entry.attr, next);
    if (length > room) return false;
    used_ += length;
    return true;
}

int list_directory(Server& server, fuse_ino_t node, off_t offset, ListingKind kind, Listing& listing) {
    if (offset < 0) return EINVAL;
    const Lease context = server.image->lease();
    if (!context) return EIO;
    auto inode = read_inode(*context, to_inode(server.image->super(), node));
    if (!inode) return EIO;
    if (!S_ISDIR(inode->base.mode)) return ENOTDIR;
    if (!add_dots(*inode, offset, kind, listing)) return 0;

    DirectoryReader reader(*context, *inode);
    if (offset > kEntriesOffset && !reader.seek(static_cast<std::uint64_t>(offset - kEntriesOffset))) return EINVAL;
    DirectoryEntry found;
    for (;;) {
        const Walk walk = reader.next(found);
        // What was read before the damage is handed out first; the next call then begins at the damage.
        if (walk == Walk::damaged) return listing.used() > 0 ? 0 : EIO;
        if (walk == Walk::end) return 0;
        const auto entry = describe(server, *context, found, kind);
        if (!listing.add(kind, found.name.data(), entry, static_cast<off_t>(found.next) + kEntriesOffset)) return 0;
    }
}

}  // namespace berth::fuse
