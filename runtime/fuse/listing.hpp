// Answers to readdir and readdirplus.
#pragma once

#include <memory>

#include "runtime/fuse/directory.hpp"
#include "runtime/fuse/operations.hpp"

namespace berth::fuse {

enum class ListingKind { names, attributes };

/// A reply buffer of the size that the kernel gave.
class Listing {
public:
    Listing(fuse_req_t request, std::size_t size)
        : request_(request), size_(size), data_(std::make_unique_for_overwrite<char[]>(size)) {}

    /// Appends one entry whose successor is asked for as `next`. False where it no longer fits.
    [[nodiscard]] bool add(ListingKind kind, const char* name, const fuse_entry_param& entry, off_t next);

    [[nodiscard]] const char* data() const noexcept { return data_.get(); }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }

private:
    fuse_req_t request_;
    std::size_t size_;
    std::size_t used_ = 0;
    std::unique_ptr<char[]> data_;
};

/// Fills `listing` from `offset` on: 0 is ".", 1 is "..", 2 the directory's first entry, and 2 + n the entry that
/// begins n bytes into its uncompressed listing. Returns 0 or an errno value.
[[nodiscard]] int list_directory(Server& server, fuse_ino_t node, off_t offset, ListingKind kind, Listing& listing);

}  // namespace berth::fuse
