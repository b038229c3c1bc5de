#include "runtime/fuse/file_reader.hpp"

#include <algorithm>
#include <array>

namespace berth::fuse {
namespace {

// Never written: its pages all stay the kernel's one zero page.
std::array<char, SQUASHFS_FILE_MAX_SIZE> zeros;

bool append_blocks(sqfs_blocklist& list, std::uint64_t block_size, std::uint64_t& position, std::uint64_t end,
                   std::uint64_t file_size, std::vector<Piece>& pieces) {
    while (position < end && list.remain > 0) {
        if (sqfs_blocklist_next(&list) != SQFS_OK) return false;
        if (list.pos + block_size <= position) continue;
        if (list.pos > position) return false;
        const std::uint64_t block_end = std::min(list.pos + block_size, file_size);
        const std::uint64_t stop = std::min(block_end, end);
        const auto kind = list.input_size == 0 ? Piece::Kind::hole : Piece::Kind::block;
        const bool whole = position == list.pos && stop == block_end;
        pieces.push_back(Piece{kind, list.block, list.header, position - list.pos, stop - position, whole});
        position = stop;
    }
    return true;
}

bool append_fragment(Context& context, const sqfs_inode& inode, std::uint64_t position, std::uint64_t end,
                     std::vector<Piece>& pieces) {
    auto* fs = context.fs();
    const auto& file = inode.xtra.reg;
    if (file.frag_idx >= fs->sb.fragments) return false;
    squashfs_fragment_entry entry{};
    if (sqfs_frag_entry(fs, &entry, file.frag_idx) != SQFS_OK) return false;
    const std::uint64_t tail_start = file.file_size - file.file_size % fs->sb.block_size;
    if (position < tail_start) return false;
    pieces.push_back(Piece{Piece::Kind::fragment, entry.start_block, entry.size,
                           file.frag_off + (position - tail_start), end - position, false});
    return true;
}

}  // namespace

std::optional<std::vector<Piece>> locate(Context& context, sqfs_inode& inode, std::uint64_t offset, std::size_t size) {
    std::vector<Piece> pieces;
    const std::uint64_t file_size = inode.xtra.reg.file_size;
    if (offset >= file_size || size == 0) return pieces;
    const std::uint64_t end = offset + std::min<std::uint64_t>(size, file_size - offset);

    sqfs_blocklist list{};
    if (sqfs_blockidx_blocklist(context.fs(), &inode, &list, static_cast<sqfs_off_t>(offset)) != SQFS_OK)
        return std::nullopt;
    std::uint64_t position = offset;
    if (!append_blocks(list, context.fs()->sb.block_size, position, end, file_size, pieces)) return std::nullopt;
    if (position < end && !append_fragment(context, inode, position, end, pieces)) return std::nullopt;
    return pieces;
}

std::optional<Content> fetch(const SquashImage& image, BlockCache& cache, const std::vector<Piece>& pieces) {
    Content content;
    content.vectors.reserve(pieces.size());
    for (const auto& piece : pieces) {
        if (piece.kind == Piece::Kind::hole) {
            content.vectors.push_back(iovec{zeros.data(), piece.length});
            continue;
        }
        // A block that is handed out whole stays in the kernel's page cache; nobody asks for it again soon.
        const auto keep = piece.whole ? BlockCache::Keep::no : BlockCache::Keep::yes;
        auto block = cache.get(piece.position, keep, [&] { return image.read_block(piece.position, piece.header); });
        if (!block || piece.skip > block->size || piece.length > block->size - piece.skip) return std::nullopt;
        content.vectors.push_back(iovec{static_cast<char*>(block->data) + piece.skip, piece.length});
        content.blocks.push_back(std::move(block));
    }
    return content;
}

}  // namespace berth::fuse
