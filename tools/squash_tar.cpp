#include "tools/squash_tar.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth::tools {
namespace {

constexpr std::size_t kBlock = 512;

/// A header of the ustar format (POSIX.1-1988), as the archive has it.
struct Header {
    std::array<char, 100> name{};
    std::array<char, 8> mode{};
    std::array<char, 8> uid{};
    std::array<char, 8> gid{};
    std::array<char, 12> size{};
    std::array<char, 12> mtime{};
    std::array<char, 8> checksum{};
    char type = '0';
    std::array<char, 100> link{};
    std::array<char, 6> magic{'u', 's', 't', 'a', 'r', '\0'};
    std::array<char, 2> version{'0', '0'};
    std::array<char, 32> user{};
    std::array<char, 32> group{};
    std::array<char, 8> major{};
    std::array<char, 8> minor{};
    std::array<char, 155> prefix{};
    std::array<char, 12> rest{};
};
static_assert(sizeof(Header) == kBlock);

struct Member {
    std::string path;
    std::string link;
    char type = '0';
    std::uint64_t size = 0;
    Inode inode{};
};

class TarWriter {
public:
    TarWriter(SquashTree& tree, int fd) : tree_(tree), fd_(fd) {}

    Status write() {
        BERTH_TRY(const Inode root, tree_.root());
        BERTH_CHECK(write_folder(".", root, 0));
        BERTH_CHECK(put(std::string(2 * kBlock, '\0')));
        return flush();
    }

private:
    Status write_folder(const std::string& path, const Inode& inode, std::size_t depth) {
        if (depth > kMaxDepth || !folders_.insert(inode.base.inode_number).second)
            return Error{Category::image, 0,
                         "damaged squashfs: folders within themselves, or too deep: " + printable(path)};
        if (depth > 0) BERTH_CHECK(write_header({path + "/", "", '5', 0, inode}));
        BERTH_TRY(const auto entries, tree_.list(inode));
        for (const auto& entry : entries) {
            const std::string below = path + "/" + entry.name;
            BERTH_CHECK(S_ISDIR(entry.inode.base.mode) ? write_folder(below, entry.inode, depth + 1)
                                                       : write_file(below, entry.inode));
        }
        return {};
    }

    Status write_file(const std::string& path, const Inode& inode) {
        if (inode.nlink > 1) {
            const auto [first, is_new] = files_.try_emplace(inode.base.inode_number, path);
            if (!is_new) return write_header({path, first->second, '1', 0, inode});
        }
        switch (inode.base.mode & S_IFMT) {
            case S_IFREG: return write_content({path, "", '0', inode.xtra.reg.file_size, inode});
            case S_IFLNK: {
                BERTH_TRY(const std::string target, tree_.link_target(inode));
                return write_header({path, target, '2', 0, inode});
            }
            case S_IFCHR: return write_header({path, "", '3', 0, inode});
            case S_IFBLK: return write_header({path, "", '4', 0, inode});
            case S_IFIFO: return write_header({path, "", '6', 0, inode});
            default: return {};
        }
    }

    Status write_content(const Member& member) {
        BERTH_CHECK(write_header(member));
        BERTH_CHECK(tree_.read_parts(member.inode, [this](std::string_view part) { return put(part); }));
        return pad(member.size);
    }

    /// Fields that do not fit the old header go before it, as records of "LENGTH KEY=VALUE\n".
    Status write_header(const Member& member) {
        BERTH_TRY(const SquashTree::Owner owner, tree_.owner(member.inode));
        std::string records;
        if (member.path.size() > Header{}.name.size()) records += record("path", member.path);
        if (member.link.size() > Header{}.link.size()) records += record("linkpath", member.link);
        if (member.size > 077777777777) records += record("size", std::to_string(member.size));
        if (owner.uid > 07777777) records += record("uid", std::to_string(owner.uid));
        if (owner.gid > 07777777) records += record("gid", std::to_string(owner.gid));
        if (!records.empty()) {
            Header extended;
            extended.type = 'x';
            BERTH_CHECK(put_header(extended, "pax", records.size()));
            BERTH_CHECK(put(records));
            BERTH_CHECK(pad(records.size()));
        }
        Header header;
        header.type = member.type;
        set_number(header.mode, member.inode.base.mode & 07777U);
        set_number(header.uid, owner.uid);
        set_number(header.gid, owner.gid);
        set_number(header.mtime, static_cast<std::uint32_t>(member.inode.base.mtime));
        std::memcpy(header.link.data(), member.link.data(), std::min(member.link.size(), header.link.size()));
        if (member.type == '3' || member.type == '4') {
            set_number(header.major, static_cast<unsigned>(member.inode.xtra.dev.major));
            set_number(header.minor, static_cast<unsigned>(member.inode.xtra.dev.minor));
        }
        return put_header(header, member.path, member.size);
    }

    static std::string record(const char* key, const std::string& value) {
        std::size_t length = std::strlen(key) + value.size() + 3;
        length += std::to_string(length + std::to_string(length).size()).size();
        return fmt::format("{} {}={}\n", length, key, value);
    }

    template <std::size_t N>
    static void set_number(std::array<char, N>& field, std::uint64_t number) {
        const std::string digits = fmt::format("{:0{}o}", number, N - 1);
        if (digits.size() < N) std::memcpy(field.data(), digits.data(), digits.size());
    }

    Status put_header(Header header, const std::string& name, std::uint64_t size) {
        std::memcpy(header.name.data(), name.data(), std::min(name.size(), header.name.size()));
        set_number(header.size, size);
        header.checksum.fill(' ');
        std::array<unsigned char, kBlock> bytes{};
        std::memcpy(bytes.data(), &header, kBlock);
        unsigned sum = 0;
        for (const unsigned char byte : bytes) sum += byte;
        set_number(header.checksum, sum);
        return put({reinterpret_cast<const char*>(&header), kBlock});
    }

    Status pad(std::uint64_t size) { return put(std::string((kBlock - size % kBlock) % kBlock, '\0')); }

    Status put(std::string_view bytes) {
        buffer_ += bytes;
        return buffer_.size() < (1U << 20) ? Status{} : flush();
    }

    Status flush() {
        BERTH_CHECK(write_all(fd_, buffer_, "the archive"));
        buffer_.clear();
        return {};
    }

    SquashTree& tree_;
    int fd_;
    std::string buffer_;
    std::set<std::uint32_t> folders_;             // their inodes' numbers
    std::map<std::uint32_t, std::string> files_;  // of several names: the first of them
};

}  // namespace

Status write_tar(SquashTree& tree, int fd) {
    if (tree.has_xattrs())
        std::fputs("berth: warning: the file system's extended attributes are not carried over\n", stderr);
    return TarWriter(tree, fd).write();
}

}  // namespace berth::tools
