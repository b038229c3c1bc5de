// The files within a squashfs, read without mounting it. Nothing here follows a symbolic link.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/fuse/block_cache.hpp"
#include "runtime/fuse/squash_image.hpp"

namespace berth::tools {

using Inode = sqfs_inode;

/// A squashfs opened for one thread. Whatever its bytes are, the calls return an error (Category::image) at the worst;
/// they stay within the partition and the sizes named here. One a process (runtime/fuse/image_window.hpp).
class SquashTree {
public:
    /// More entries in a folder are taken for damage: they are all held at once.
    static constexpr std::size_t kMaxEntries = 1U << 20;

    struct Entry {
        std::string name;
        Inode inode{};
    };

    /// Does not own `fd`, which must outlive the tree.
    static Result<SquashTree> open(int fd, std::uint64_t offset, std::uint64_t size);

    [[nodiscard]] Result<Inode> root();
    /// The file of an absolute path; nothing where it, or a folder on the way, is missing or something else.
    [[nodiscard]] Result<std::optional<Inode>> find(std::string_view path);
    /// What a folder holds, in its order.
    [[nodiscard]] Result<std::vector<Entry>> list(Inode folder);
    /// The bytes of a regular file, a part after the other.
    [[nodiscard]] Status read_parts(Inode file, const std::function<Status(std::string_view)>& take);
    /// All of them. More than `limit` is an error.
    [[nodiscard]] Result<std::string> read(const Inode& file, std::size_t limit);
    [[nodiscard]] Result<std::string> link_target(Inode link);

    struct Owner {
        std::uint32_t uid = 0;
        std::uint32_t gid = 0;
    };
    [[nodiscard]] Result<Owner> owner(const Inode& inode);
    /// How many different ids, of users and groups together, its files have.
    [[nodiscard]] unsigned owners() const noexcept { return image_->super().no_ids; }
    [[nodiscard]] bool has_xattrs() const noexcept;

private:
    explicit SquashTree(std::unique_ptr<fuse::SquashImage> image) : image_(std::move(image)) {}

    std::unique_ptr<fuse::SquashImage> image_;
    std::unique_ptr<fuse::BlockCache> cache_ = std::make_unique<fuse::BlockCache>(8U << 20);
};

}  // namespace berth::tools
