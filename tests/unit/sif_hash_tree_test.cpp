// The hash tree: dm-verity's layout, and every changed byte noticed and named.
#include "sif/hash_tree.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <string>

#include "runtime/base/io.hpp"

using namespace berth;
using namespace berth::sif;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t kDataOffset = 12345;

/// A file with data at an odd place and its tree behind it.
struct Tree {
    UniqueFd file;
    std::vector<std::byte> bytes;
    ByteRange data, tree;
    Sha256 root{};

    explicit Tree(std::size_t size) : file(::memfd_create("hash-tree", MFD_CLOEXEC)), bytes(size), data{kDataOffset, size} {
        std::minstd_rand random(static_cast<unsigned>(size));
        for (auto& byte : bytes) byte = static_cast<std::byte>(random());
        REQUIRE(pwrite_all(file.get(), bytes, kDataOffset, "data").ok());
        tree = {(kDataOffset + size + 4095) / 4096 * 4096, hash_tree_size(size).value()};
        const auto digest = write_hash_tree(file.get(), data, file.get(), tree.offset, {1, 2, 3});
        REQUIRE(digest.ok());
        root = *digest;
    }
    [[nodiscard]] HashTree open() const {
        auto opened = HashTree::open(file.get(), data, tree, root);
        REQUIRE(opened.ok());
        return std::move(opened).value();
    }
    void flip(std::uint64_t place) const {
        std::byte byte{};
        REQUIRE(::pread(file.get(), &byte, 1, static_cast<off_t>(place)) == 1);
        byte ^= std::byte{4};
        REQUIRE(::pwrite(file.get(), &byte, 1, static_cast<off_t>(place)) == 1);
    }
};

std::string reading(const HashTree& tree, std::uint64_t position, std::size_t count) {
    std::vector<std::byte> buffer(count);
    const auto status = tree.read(position, buffer);
    return status ? "read" : status.error().message;
}

}  // namespace

TEST_CASE("hash tree: what is read is what was there, at every size around a level's") {
    for (const std::size_t size : {1UL, 4095UL, 4096UL, 4097UL, 128 * 4096UL, 128 * 4096 + 1UL, 3000000UL}) {
        INFO(size);
        const Tree made(size);
        const HashTree tree = made.open();
        std::vector<std::byte> all(size);
        REQUIRE(tree.read(0, all).ok());
        CHECK(all == made.bytes);
        std::minstd_rand random(7);
        for (int i = 0; i < 50; ++i) {
            const std::size_t begin = random() % size;
            std::vector<std::byte> part(1 + random() % (size - begin));
            REQUIRE(tree.read(begin, part).ok());
            CHECK(std::equal(part.begin(), part.end(), made.bytes.begin() + static_cast<std::ptrdiff_t>(begin)));
        }
        CHECK_THAT(reading(tree, size, 1), Contains("beyond the partition's end"));
        CHECK_THAT(reading(tree, UINT64_MAX, 2), Contains("beyond the partition's end"));
    }
}

TEST_CASE("hash tree: a changed byte is an error that names its block, and other blocks stay readable") {
    const Tree made(1000 * 4096 + 100);
    for (const std::uint64_t block : {0UL, 127UL, 128UL, 999UL, 1000UL}) {
        const HashTree tree = made.open();
        made.flip(kDataOffset + block * 4096 + 99);
        CHECK(reading(tree, block * 4096, 1) == "block " + std::to_string(block) + " of the partition is not what was signed");
        CHECK(reading(tree, (block + 5) % 1000 * 4096, 1) == "read");
        made.flip(kDataOffset + block * 4096 + 99);
        CHECK(reading(tree, block * 4096, 1) == "read");
    }
}

TEST_CASE("hash tree: data that changes after a first read is noticed at the next") {
    const Tree made(300 * 4096);
    const HashTree tree = made.open();
    CHECK(reading(tree, 0, 300 * 4096) == "read");
    made.flip(kDataOffset + 17);
    CHECK_THAT(reading(tree, 0, 4096), Contains("block 0 of the partition"));
}

TEST_CASE("hash tree: every byte of the tree counts, but for the superblock, which decides nothing") {
    const Tree made(300 * 4096);  // three blocks of digests, and the one above
    for (std::uint64_t place = 0; place < made.tree.size; place += 61) {
        made.flip(made.tree.offset + place);
        const HashTree tree = made.open();
        const std::string said = reading(tree, 0, 300 * 4096);
        INFO(place);
        if (place < kHashBlock)
            CHECK(said == "read");
        else
            CHECK_THAT(said, Contains("of the hash tree is not what was signed"));
        made.flip(made.tree.offset + place);
    }
}

TEST_CASE("hash tree: another root, another size") {
    const Tree made(5 * 4096);
    Sha256 other = made.root;
    other[31] ^= std::byte{1};
    auto tree = HashTree::open(made.file.get(), made.data, made.tree, other);
    REQUIRE(tree.ok());
    CHECK_THAT(reading(*tree, 0, 1), Contains("block 0 of level 0 of the hash tree"));
    CHECK_FALSE(HashTree::open(made.file.get(), made.data, {made.tree.offset, made.tree.size + 4096}, made.root).ok());
    CHECK_FALSE(HashTree::open(made.file.get(), {UINT64_MAX, 4096}, made.tree, made.root).ok());
    CHECK_FALSE(HashTree::open(made.file.get(), {0, 0}, made.tree, made.root).ok());
    CHECK_FALSE(hash_tree_size(UINT64_MAX).has_value());
}

TEST_CASE("hash tree: veritysetup finds the same root") {
    const std::string with_path = "PATH=$PATH:/usr/sbin:/sbin; ";  // not in a user's path
    if (std::system((with_path + "command -v veritysetup >/dev/null").c_str()) != 0) {
        WARN("skipped: veritysetup (cryptsetup-bin) is not installed");
        return;
    }
    const Tree made(3000 * 4096);
    const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(made.file.get());
    std::string data = "/tmp/berth-verity-XXXXXX";
    const UniqueFd copy(::mkstemp(data.data()));
    REQUIRE(copy);
    REQUIRE(pwrite_all(copy.get(), made.bytes, 0, data).ok());
    std::string root;
    for (const auto byte : made.root) {
        constexpr const char* kDigits = "0123456789abcdef";
        root += kDigits[std::to_integer<unsigned>(byte) >> 4];
        root += kDigits[std::to_integer<unsigned>(byte) & 15U];
    }
    const std::string command = with_path + "veritysetup verify " + data + " " + path + " " + root + " --hash-offset=" +
                                std::to_string(made.tree.offset) + " >/dev/null 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    REQUIRE(pwrite_all(copy.get(), std::vector{std::byte{0x5a}, std::byte{0x5a}}, 777, data).ok());
    CHECK(std::system(command.c_str()) != 0);
    ::unlink(data.c_str());
}
