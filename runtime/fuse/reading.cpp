#include "runtime/fuse/reading.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <new>
#include <optional>
#include <vector>

#include "runtime/fuse/file_reader.hpp"

namespace berth::fuse {
namespace {

std::optional<std::vector<Piece>> locate(Server& server, fuse_ino_t node, std::uint64_t offset, std::size_t size) {
    const Lease context = server.image->lease();
    if (!context) return std::nullopt;
    auto inode = read_inode(*context, to_inode(server.image->super(), node));
    if (!inode || !S_ISREG(inode->base.mode)) return std::nullopt;
    return fuse::locate(*context, *inode, offset, size);
}

// A program's pages are asked for in the order of its page faults, in windows that cut blocks, and it waits for each.
// The block behind such a window is likely to be next: another processor can unpack it while the program goes on.
std::optional<Piece> likely_next(Server& server, fuse_ino_t node, std::uint64_t end, const std::vector<Piece>& pieces) {
    if (server.threads == 1 || pieces.empty() || pieces.back().kind != Piece::Kind::block || pieces.back().whole)
        return std::nullopt;
    const auto next = locate(server, node, end, 1);
    if (!next || next->empty() || next->front().kind == Piece::Kind::hole) return std::nullopt;
    return next->front();
}

// The request has been answered: whatever fails here is met again, and reported, when the block is asked for.
void unpack_ahead(Server& server, const Piece& piece) noexcept {
    try {
        static_cast<void>(fetch(*server.image, server.cache, {piece}));
    } catch (const std::bad_alloc&) {
        return;
    }
}

}  // namespace

void read_file(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
    auto& server = *static_cast<Server*>(fuse_req_userdata(request));
    if (offset < 0) return static_cast<void>(fuse_reply_err(request, EINVAL));
    const auto begin = static_cast<std::uint64_t>(offset);
    const auto pieces = locate(server, node, begin, size);
    if (!pieces) return static_cast<void>(fuse_reply_err(request, EIO));
    const auto content = fetch(*server.image, server.cache, *pieces);
    if (!content) return static_cast<void>(fuse_reply_err(request, EIO));
    const auto next = likely_next(server, node, begin + size, *pieces);
    fuse_reply_iov(request, content->vectors.data(), static_cast<int>(content->vectors.size()));
    if (next) unpack_ahead(server, *next);
}

}  // namespace berth::fuse
