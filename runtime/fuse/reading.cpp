#include "runtime/fuse/reading.hpp"

#include <sys/stat.h>

#include <cerrno>
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

}  // namespace

void read_file(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
    auto& server = *static_cast<Server*>(fuse_req_userdata(request));
    if (offset < 0) return static_cast<void>(fuse_reply_err(request, EINVAL));
    const auto begin = static_cast<std::uint64_t>(offset);
    const auto pieces = locate(server, node, begin, size);
    if (!pieces) return static_cast<void>(fuse_reply_err(request, EIO));
    const auto content = fetch(*server.image, server.cache, *pieces);
    if (!content) return static_cast<void>(fuse_reply_err(request, EIO));
    fuse_reply_iov(request, content->vectors.data(), static_cast<int>(content->vectors.size()));
}

}  // namespace berth::fuse
