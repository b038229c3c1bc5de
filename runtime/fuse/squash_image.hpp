// A squashfs image opened with libsquashfuse, and the contexts through which threads read its metadata.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/fuse/squashfuse.hpp"
#include "runtime/fuse/superblock.hpp"
#include "sif/hash_tree.hpp"

namespace berth::fuse {

/// One `struct sqfs` with its caches, and room for a name. Used by one thread at a time.
class Context {
public:
    /// Nothing where libsquashfuse cannot load the tables (damaged, or out of memory).
    static std::unique_ptr<Context> open(int fd, std::uint64_t offset);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    [[nodiscard]] sqfs* fs() noexcept { return &fs_; }
    /// Room for the longest name that an image can claim. Older releases of libsquashfuse copy it unchecked.
    [[nodiscard]] char* name_buffer() noexcept { return name_.get(); }

private:
    Context() = default;

    static constexpr std::size_t kLongestClaimedName = 65536;
    sqfs fs_{};
    std::unique_ptr<char[]> name_{std::make_unique_for_overwrite<char[]>(kLongestClaimedName + 1)};
};

class SquashImage;

/// A context held; goes back to the image's pool with this object.
class Lease {
public:
    Lease(SquashImage& image, std::unique_ptr<Context> context) : image_(image), context_(std::move(context)) {}
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// False where no context could be made; the request fails with EIO then.
    explicit operator bool() const noexcept { return context_ != nullptr; }
    Context& operator*() const noexcept { return *context_; }

private:
    SquashImage& image_;
    std::unique_ptr<Context> context_;
};

/// The open image. Thread-safe, except for open.
class SquashImage {
public:
    /// Checks the superblock, sets the process' image window (`tree` and `complain` are its) and opens the first context.
    /// Does not own `fd`. Category::image or unsupported, for a user to read.
    static Result<std::unique_ptr<SquashImage>> open(int fd, std::uint64_t offset, std::uint64_t size,
                                                     const sif::HashTree* tree = nullptr,
                                                     void (*complain)(const Error&) = nullptr);

    [[nodiscard]] const squashfs_super_block& super() const noexcept { return super_; }
    /// The context used last, whose caches are warm; a new one when all are in use.
    [[nodiscard]] Lease lease();
    /// Reads and unpacks one data block: `header` is its size as the format packs it (bit 24: stored uncompressed).
    /// Null where the place or size is out of range, or the bytes do not unpack. Needs no context.
    [[nodiscard]] std::shared_ptr<const sqfs_block> read_block(std::uint64_t position, std::uint32_t header) const;

private:
    friend class Lease;
    SquashImage(int fd, std::uint64_t offset, const squashfs_super_block& super);
    void give_back(std::unique_ptr<Context> context) noexcept;

    int fd_;
    std::uint64_t offset_;
    squashfs_super_block super_;
    sqfs geometry_{};  // descriptor, offset, block size and decompressor only: what reading a block needs
    std::mutex mutex_;
    std::vector<std::unique_ptr<Context>> idle_;
};

/// The inode, its place, ids and type checked; nothing where the image is damaged.
[[nodiscard]] std::optional<sqfs_inode> read_inode(Context& context, sqfs_inode_id id);

}  // namespace berth::fuse
