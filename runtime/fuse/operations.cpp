#include "runtime/fuse/operations.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <climits>
#include <new>

#include "runtime/fuse/attributes.hpp"
#include "runtime/fuse/directory.hpp"
#include "runtime/fuse/listing.hpp"
#include "runtime/fuse/reading.hpp"

namespace berth::fuse {
namespace {

constexpr unsigned kMaxBackground = 64;

Server& server_of(fuse_req_t request) {
    return *static_cast<Server*>(fuse_req_userdata(request));
}

void init(void* userdata, fuse_conn_info* connection) {
    auto& server = *static_cast<Server*>(userdata);
    const unsigned capable = connection->capable;
    connection->want = capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                                  FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT |
                                  FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_EXPLICIT_INVAL_DATA);
    connection->max_background = kMaxBackground;
    connection->congestion_threshold = kMaxBackground * 3 / 4;
    connection->time_gran = 1000000000;
    server.skip_open = (capable & FUSE_CAP_NO_OPEN_SUPPORT) != 0;
    server.skip_opendir = (capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
}

void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    auto& server = server_of(request);
    const std::string_view wanted(name);
    if (wanted.size() > SQUASHFS_NAME_LEN) return static_cast<void>(fuse_reply_err(request, ENAMETOOLONG));
    fuse_entry_param reply{};
    reply.entry_timeout = kForEver;
    {
        const Lease context = server.image->lease();
        if (!context) return static_cast<void>(fuse_reply_err(request, EIO));
        auto directory = read_inode(*context, to_inode(server.image->super(), parent));
        if (!directory) return static_cast<void>(fuse_reply_err(request, EIO));
        if (!S_ISDIR(directory->base.mode)) return static_cast<void>(fuse_reply_err(request, ENOTDIR));
        DirectoryEntry entry;
        const Walk walk = DirectoryReader(*context, *directory).find(wanted, entry);
        if (walk == Walk::damaged) return static_cast<void>(fuse_reply_err(request, EIO));
        if (walk == Walk::found && !fill_entry(server, *context, entry.inode_id, reply))
            return static_cast<void>(fuse_reply_err(request, EIO));
    }
    fuse_reply_entry(request, &reply);  // with node 0: a name that is not there, which the kernel remembers
}

void getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
    auto& server = server_of(request);
    fuse_entry_param entry{};
    {
        const Lease context = server.image->lease();
        if (!context || !fill_entry(server, *context, to_inode(server.image->super(), node), entry))
            return static_cast<void>(fuse_reply_err(request, EIO));
    }
    fuse_reply_attr(request, &entry.attr, kForEver);
}

void readlink(fuse_req_t request, fuse_ino_t node) {
    auto& server = server_of(request);
    std::array<char, PATH_MAX> target{};
    {
        const Lease context = server.image->lease();
        if (!context) return static_cast<void>(fuse_reply_err(request, EIO));
        auto inode = read_inode(*context, to_inode(server.image->super(), node));
        std::size_t room = target.size();
        if (!inode || !S_ISLNK(inode->base.mode) || inode->xtra.symlink_size >= room ||
            sqfs_readlink((*context).fs(), &*inode, target.data(), &room) != SQFS_OK)
            return static_cast<void>(fuse_reply_err(request, EIO));
    }
    fuse_reply_readlink(request, target.data());
}

void open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    if (server_of(request).skip_open) return static_cast<void>(fuse_reply_err(request, ENOSYS));
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

void opendir(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    if (server_of(request).skip_opendir) return static_cast<void>(fuse_reply_err(request, ENOSYS));
    file->keep_cache = 1;
    file->cache_readdir = 1;
    fuse_reply_open(request, file);
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
    fuse_reply_err(request, 0);
}

template <ListingKind kind>
void list(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
    auto& server = server_of(request);
    Listing listing(request, size);
    const int error = list_directory(server, node, offset, kind, listing);
    if (error != 0) return static_cast<void>(fuse_reply_err(request, error));
    fuse_reply_buf(request, listing.data(), listing.used());
}

void statfs(fuse_req_t request, fuse_ino_t) {
    const auto& super = server_of(request).image->super();
    struct statvfs status {};
    status.f_bsize = super.block_size;
    status.f_frsize = super.block_size;
    status.f_blocks = (super.bytes_used + super.block_size - 1) / super.block_size;
    status.f_files = super.inodes;
    status.f_namemax = SQUASHFS_NAME_LEN;
    fuse_reply_statfs(request, &status);
}

void getxattr(fuse_req_t request, fuse_ino_t, const char*, std::size_t) {
    fuse_reply_err(request, ENOSYS);
}

void listxattr(fuse_req_t request, fuse_ino_t, std::size_t) {
    fuse_reply_err(request, ENOSYS);
}

void forget(fuse_req_t request, fuse_ino_t, std::uint64_t) {
    fuse_reply_none(request);
}

void forget_multi(fuse_req_t request, std::size_t, fuse_forget_data*) {
    fuse_reply_none(request);
}

// Nothing throws behind a reply, so an operation that ran out of memory has not replied yet.
template <auto operation>
struct Guarded;

template <typename... Arguments, void (*operation)(fuse_req_t, Arguments...)>
struct Guarded<operation> {
    static void call(fuse_req_t request, Arguments... arguments) {
        try {
            operation(request, arguments...);
        } catch (const std::bad_alloc&) {
            fuse_reply_err(request, ENOMEM);
        }
    }
};

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops table{};
    table.init = init;
    table.lookup = Guarded<lookup>::call;
    table.forget = forget;
    table.forget_multi = forget_multi;
    table.getattr = Guarded<getattr>::call;
    table.readlink = Guarded<readlink>::call;
    table.open = open;
    table.release = release;
    table.read = Guarded<read_file>::call;
    table.opendir = opendir;
    table.releasedir = release;
    table.readdir = Guarded<list<ListingKind::names>>::call;
    table.readdirplus = Guarded<list<ListingKind::attributes>>::call;
    table.statfs = statfs;
    table.getxattr = getxattr;
    table.listxattr = listxattr;
    return table;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
    static const fuse_lowlevel_ops table = make_operations();
    return table;
}

}  // namespace berth::fuse
