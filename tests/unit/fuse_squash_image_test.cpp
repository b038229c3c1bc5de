#include "runtime/fuse/squash_image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/base/io.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/fuse/directory.hpp"
#include "runtime/fuse/file_reader.hpp"
#include "runtime/fuse/image_window.hpp"

extern "C" ssize_t sqfs_pread(int fd, void* buffer, std::size_t count, off_t position);

namespace fs = std::filesystem;
using namespace berth::fuse;

namespace {

constexpr std::size_t kNames = 2500;

// A folder packed by mksquashfs, which goes with this object.
class Image {
public:
    explicit Image(const std::string& options) {
        std::string name = (fs::temp_directory_path() / "squash-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder_ = name;
        fs::create_directories(folder_ / "tree/many");
        for (std::size_t i = 0; i < kNames; ++i) std::ofstream(folder_ / "tree/many" / std::to_string(i)) << i;
        content_.resize(1000000);
        for (std::size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<char>(i * i / 7);
        std::ofstream(folder_ / "tree/file") << content_;
        fs::create_symlink("many/1", folder_ / "tree/link");
        const auto command = "mksquashfs " + (folder_ / "tree").string() + " " + path() +
                             " -quiet -no-progress -noappend " + options + " >/dev/null";
        made_ = std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
        if (made_) fd_ = berth::UniqueFd(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
    }
    ~Image() { fs::remove_all(folder_); }
    Image(const Image&) = delete;
    Image& operator=(const Image&) = delete;

    [[nodiscard]] bool made() const { return made_; }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t size() const { return fs::file_size(path()); }
    [[nodiscard]] const std::string& content() const { return content_; }

private:
    [[nodiscard]] std::string path() const { return (folder_ / "image").string(); }

    fs::path folder_;
    std::string content_;
    bool made_ = false;
    berth::UniqueFd fd_;
};

sqfs_inode at(Context& context, sqfs_inode_id id) {
    const auto inode = read_inode(context, id);
    REQUIRE(inode);
    return *inode;
}

sqfs_inode find(Context& context, sqfs_inode directory, std::string_view name) {
    DirectoryEntry entry;
    REQUIRE(DirectoryReader(context, directory).find(name, entry) == Walk::found);
    return at(context, entry.inode_id);
}

std::string read(SquashImage& image, Context& context, sqfs_inode& inode, std::uint64_t offset, std::size_t size) {
    const auto pieces = locate(context, inode, offset, size);
    REQUIRE(pieces);
    BlockCache cache(1 << 20);
    const auto content = fetch(image, cache, *pieces);
    REQUIRE(content);
    std::string text;
    for (const auto& part : content->vectors) text.append(static_cast<const char*>(part.iov_base), part.iov_len);
    return text;
}

berth::UniqueFd memory_file(const std::string& bytes) {
    berth::UniqueFd fd(::memfd_create("squash-test", MFD_CLOEXEC));
    REQUIRE(berth::write_all(fd.get(), bytes, "memfd"));
    return fd;
}

template <typename T>
void put(std::string& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

// A superblock that passes; places from fs/squashfs/squashfs_fs.h.
std::string superblock() {
    squashfs_super_block super{};
    super.s_magic = SQUASHFS_MAGIC;
    super.s_major = SQUASHFS_MAJOR;
    super.block_size = 131072;
    super.block_log = 17;
    super.compression = ZLIB_COMPRESSION;
    super.no_ids = 1;
    super.inode_table_start = 96;
    super.directory_table_start = 200;
    super.id_table_start = 300;
    super.lookup_table_start = super.xattr_id_table_start = super.fragment_table_start = UINT64_MAX;
    super.bytes_used = 400;
    std::string bytes(400, '\0');
    put(bytes, 0, super);
    return bytes;
}

std::string superblock_error(const std::string& bytes) {
    const auto fd = memory_file(bytes);
    set_image_window(fd.get(), 0, bytes.size());
    const auto super = read_superblock(0, bytes.size());
    return super ? std::string("accepted") : super.error().message;
}

}  // namespace

TEST_CASE("squashfs superblock: each field is checked, and named", "[fuse]") {
    CHECK(superblock_error(superblock()) == "accepted");
    const auto changed = [](std::size_t offset, auto value) {
        auto bytes = superblock();
        put(bytes, offset, value);
        return superblock_error(bytes);
    };
    CHECK(superblock_error("hsqs") == "not a squashfs file system: shorter than its superblock");
    CHECK(changed(0, std::uint32_t{0}) == "not a squashfs file system");
    CHECK(changed(28, std::uint16_t{3}) == "squashfs version 3.0; only 4.0 is supported: make the image anew");
    CHECK(changed(20, std::uint16_t{2}).find("squashfs compression 'lzma' is not supported") == 0);
    CHECK(changed(20, std::uint16_t{99}).find("squashfs compression '99' is not supported") == 0);
    CHECK(changed(12, std::uint32_t{131073}) == "damaged squashfs: block_size is 131073");
    CHECK(changed(12, std::uint32_t{4096}) == "damaged squashfs: block_size is 4096");
    CHECK(changed(40, std::uint64_t{401}) == "the squashfs is truncated: it uses 401 bytes and its partition has 400");
    CHECK(changed(64, std::uint64_t{95}) == "damaged squashfs: inode_table_start is 95");
    CHECK(changed(72, std::uint64_t{96}) == "damaged squashfs: directory_table_start is 96");
    CHECK(changed(48, std::uint64_t{400}) == "damaged squashfs: id_table_start is 400");
    CHECK(changed(26, std::uint16_t{0}) == "damaged squashfs: no_ids is 0");
    CHECK(changed(16, std::uint32_t{1}) == "damaged squashfs: fragment_table_start is 18446744073709551615");
}

TEST_CASE("image window: no read leaves it", "[fuse]") {
    const auto fd = memory_file("0123456789");
    set_image_window(fd.get(), 2, 8);
    char buffer[16] = {};
    CHECK(!image_window_used());
    CHECK(sqfs_pread(fd.get(), buffer, 6, 2) == 6);
    CHECK(image_window_used());
    CHECK(std::string(buffer) == "234567");
    CHECK(sqfs_pread(fd.get(), buffer, 7, 2) == -1);
    CHECK(sqfs_pread(fd.get(), buffer, 1, 1) == -1);
    CHECK(sqfs_pread(fd.get(), buffer, 1, 8) == -1);
    CHECK(sqfs_pread(fd.get(), buffer, 0, 8) == 0);
    CHECK(sqfs_pread(fd.get(), buffer, 1, -1) == -1);
    CHECK(sqfs_pread(fd.get(), buffer, SIZE_MAX, 3) == -1);
    CHECK(sqfs_pread(fd.get() + 1, buffer, 1, 3) == -1);
}

TEST_CASE("squashfs image: directories and files", "[fuse]") {
    const auto* const options = GENERATE("", "-b 4096", "-no-fragments", "-noI -noD -noF", "-comp lz4 -b 1M");
    const Image packed(options);
    if (!packed.made()) {
        WARN("SKIP mksquashfs is not installed");
        return;
    }
    const auto image = SquashImage::open(packed.fd(), 0, packed.size());
    REQUIRE(image);
    const auto lease = (*image)->lease();
    REQUIRE(lease);
    auto root = at(*lease, (*image)->super().root_inode);
    auto many = find(*lease, root, "many");

    SECTION("a listing is whole, in order, and can be resumed anywhere") {
        DirectoryReader reader(*lease, many);
        std::vector<std::string> names;
        std::vector<std::uint64_t> places;
        DirectoryEntry entry;
        while (reader.next(entry) == Walk::found) {
            names.emplace_back(entry.name);
            places.push_back(entry.next);
        }
        CHECK(names.size() == kNames);
        CHECK(std::is_sorted(names.begin(), names.end()));
        for (std::size_t i = 0; i + 1 < names.size(); i += 97) {
            REQUIRE(reader.seek(places[i]));
            REQUIRE(reader.next(entry) == Walk::found);
            CHECK(entry.name == names[i + 1]);
        }
        CHECK(!reader.seek(places[5] + 1));
        CHECK(!reader.seek(places.back() + 1000));
    }
    SECTION("names are found, others are not") {
        DirectoryEntry entry;
        for (std::size_t i = 0; i < kNames; i += 41)
            CHECK(DirectoryReader(*lease, many).find(std::to_string(i), entry) == Walk::found);
        for (const char* name : {"", "-1", "1x", "2500", "99999", "zzz"})
            CHECK(DirectoryReader(*lease, many).find(name, entry) == Walk::end);
    }
    SECTION("a file's bytes") {
        auto file = find(*lease, root, "file");
        const auto& content = packed.content();
        CHECK(read(**image, *lease, file, 0, content.size()) == content);
        for (const std::uint64_t offset : {0UL, 1UL, 4095UL, 131071UL, 131073UL, 917504UL, 999999UL})
            CHECK(read(**image, *lease, file, offset, 140000) == content.substr(offset, 140000));
        CHECK(read(**image, *lease, file, content.size(), 10).empty());
        CHECK(read(**image, *lease, file, content.size() + 1, 10).empty());
    }
}

TEST_CASE("squashfs image: places outside of it are damage", "[fuse]") {
    const Image packed("");
    if (!packed.made()) {
        WARN("SKIP mksquashfs is not installed");
        return;
    }
    const auto image = SquashImage::open(packed.fd(), 0, packed.size());
    REQUIRE(image);
    const auto lease = (*image)->lease();
    const auto& super = (*image)->super();
    CHECK(!read_inode(*lease, 8192));
    CHECK(!read_inode(*lease, (super.directory_table_start - super.inode_table_start) << 16));
    CHECK(!read_inode(*lease, UINT64_MAX));
    CHECK(!(*image)->read_block(0, 100));
    CHECK(!(*image)->read_block(super.bytes_used, 100));
    CHECK(!(*image)->read_block(96, 0));
    CHECK(!(*image)->read_block(96, super.block_size + 1));
    CHECK(!SquashImage::open(packed.fd(), 1, packed.size() - 1));
    CHECK(!SquashImage::open(packed.fd(), 0, super.bytes_used - 1));
}
