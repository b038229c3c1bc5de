#include "tools/squash_tree.hpp"

#include <sys/stat.h>

#include <array>
#include <climits>

#include "runtime/base/text.hpp"
#include "runtime/fuse/directory.hpp"
#include "runtime/fuse/file_reader.hpp"

namespace berth::tools {
namespace {

constexpr std::uint64_t kPart = 1U << 20;

Error damaged(const char* what) {
    return {Category::image, 0, std::string("damaged squashfs: ") + what};
}

}  // namespace

Result<SquashTree> SquashTree::open(int fd, std::uint64_t offset, std::uint64_t size) {
    BERTH_TRY(auto image, fuse::SquashImage::open(fd, offset, size));
    return SquashTree(std::move(image));
}

Result<Inode> SquashTree::root() {
    const auto context = image_->lease();
    const auto inode = context ? fuse::read_inode(*context, image_->super().root_inode) : std::nullopt;
    if (!inode) return damaged("the root inode cannot be read");
    return *inode;
}

Result<std::optional<Inode>> SquashTree::find(std::string_view path) {
    BERTH_TRY(Inode inode, root());
    const auto context = image_->lease();
    if (!context) return damaged("its tables cannot be read");
    for (const std::string& name : split(normal_path(path).substr(1), '/')) {
        if (!S_ISDIR(inode.base.mode)) return std::optional<Inode>{};
        fuse::DirectoryReader reader(*context, inode);
        fuse::DirectoryEntry entry;
        const fuse::Walk walk = reader.find(name, entry);
        if (walk == fuse::Walk::end) return std::optional<Inode>{};
        const auto found = walk == fuse::Walk::found ? fuse::read_inode(*context, entry.inode_id) : std::nullopt;
        if (!found) return damaged("a folder cannot be read");
        inode = *found;
    }
    return std::optional(inode);
}

Result<std::vector<SquashTree::Entry>> SquashTree::list(Inode folder) {
    const auto context = image_->lease();
    if (!context) return damaged("its tables cannot be read");
    std::vector<Entry> entries;
    fuse::DirectoryReader reader(*context, folder);
    for (;;) {
        fuse::DirectoryEntry entry;
        const fuse::Walk walk = reader.next(entry);
        if (walk == fuse::Walk::end) return entries;
        std::string name(walk == fuse::Walk::found ? entry.name : "");
        const auto inode = walk == fuse::Walk::found ? fuse::read_inode(*context, entry.inode_id) : std::nullopt;
        if (!inode || entries.size() == kMaxEntries) return damaged("a folder cannot be read");
        entries.push_back({std::move(name), *inode});
    }
}

Status SquashTree::read_parts(Inode file, const std::function<Status(std::string_view)>& take) {
    const std::uint64_t size = file.xtra.reg.file_size;
    for (std::uint64_t done = 0; done < size;) {
        const auto part = static_cast<std::size_t>(std::min(kPart, size - done));
        std::optional<fuse::Content> content;
        if (const auto context = image_->lease())
            if (const auto pieces = fuse::locate(*context, file, done, part))
                content = fuse::fetch(*image_, *cache_, *pieces);
        if (!content) return damaged("a file's blocks cannot be read");
        std::size_t got = 0;
        for (const iovec& vector : content->vectors) {
            BERTH_CHECK(take({static_cast<const char*>(vector.iov_base), vector.iov_len}));
            got += vector.iov_len;
        }
        if (got != part) return damaged("a file's blocks are shorter than the file");
        done += part;
    }
    return {};
}

Result<std::string> SquashTree::read(const Inode& file, std::size_t limit) {
    if (file.xtra.reg.file_size > limit)
        return Error{Category::image, EFBIG, "larger than " + std::to_string(limit) + " bytes"};
    std::string text;
    BERTH_CHECK(read_parts(file, [&text](std::string_view part) {
        text += part;
        return Status{};
    }));
    return text;
}

Result<std::string> SquashTree::link_target(Inode link) {
    std::array<char, PATH_MAX> target{};
    std::size_t room = target.size();
    const auto context = image_->lease();
    if (!context || !S_ISLNK(link.base.mode) || link.xtra.symlink_size >= room ||
        sqfs_readlink((*context).fs(), &link, target.data(), &room) != SQFS_OK)
        return damaged("a symbolic link cannot be read");
    return std::string(target.data());
}

Result<SquashTree::Owner> SquashTree::owner(const Inode& inode) {
    const auto context = image_->lease();
    Owner owner;
    if (!context || sqfs_id_get((*context).fs(), inode.base.uid, &owner.uid) != SQFS_OK ||
        sqfs_id_get((*context).fs(), inode.base.guid, &owner.gid) != SQFS_OK)
        return damaged("the table of owners cannot be read");
    return owner;
}

bool SquashTree::has_xattrs() const noexcept {
    return image_->super().xattr_id_table_start != UINT64_MAX;
}

}  // namespace berth::tools
