#include "runtime/fuse/attributes.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace berth::fuse {
namespace {

constexpr fuse_ino_t kFirstNode = FUSE_ROOT_ID + 1;
constexpr std::uint64_t kStatBlock = 512;  // st_blocks counts these, whatever st_blksize: stat(2)

std::uint64_t size_of(const sqfs_inode& inode) {
    if (S_ISREG(inode.base.mode)) return inode.xtra.reg.file_size;
    if (S_ISDIR(inode.base.mode)) return inode.xtra.dir.dir_size;
    if (S_ISLNK(inode.base.mode)) return inode.xtra.symlink_size;
    return 0;
}

bool fill_ids(const Server& server, Context& context, const sqfs_inode& inode, struct stat& status) {
    if (server.owner) {
        status.st_uid = server.owner->uid;
        status.st_gid = server.owner->gid;
        return true;
    }
    return sqfs_id_get(context.fs(), inode.base.uid, &status.st_uid) == SQFS_OK &&
           sqfs_id_get(context.fs(), inode.base.guid, &status.st_gid) == SQFS_OK;
}

}  // namespace

fuse_ino_t to_node(const squashfs_super_block& super, sqfs_inode_id id) {
    return id == super.root_inode ? FUSE_ROOT_ID : id + kFirstNode;
}

sqfs_inode_id to_inode(const squashfs_super_block& super, fuse_ino_t node) {
    return node == FUSE_ROOT_ID ? super.root_inode : node - kFirstNode;
}

bool fill_entry(const Server& server, Context& context, sqfs_inode_id id, fuse_entry_param& entry) {
    const auto inode = read_inode(context, id);
    if (!inode) return false;
    auto& status = entry.attr;
    status = {};
    if (!fill_ids(server, context, *inode, status)) return false;
    status.st_ino = inode->base.inode_number;
    status.st_mode = inode->base.mode;
    status.st_nlink = static_cast<nlink_t>(inode->nlink);
    status.st_size = static_cast<off_t>(size_of(*inode));
    status.st_blksize = static_cast<blksize_t>(server.image->super().block_size);
    if (S_ISREG(status.st_mode))
        status.st_blocks = static_cast<blkcnt_t>((size_of(*inode) + kStatBlock - 1) / kStatBlock);
    if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
        status.st_rdev =
            ::makedev(static_cast<unsigned>(inode->xtra.dev.major), static_cast<unsigned>(inode->xtra.dev.minor));
    status.st_mtime = status.st_atime = status.st_ctime = static_cast<time_t>(inode->base.mtime);
    entry.ino = to_node(server.image->super(), id);
    entry.attr_timeout = kForEver;
    entry.entry_timeout = kForEver;
    return true;
}

}  // namespace berth::fuse
