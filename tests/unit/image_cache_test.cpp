// The node's image cache: bounded, whole, and root's alone.
#include "runtime/exec/image_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"

using namespace berth;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// A cache of 1000 bytes in a folder that is root's alone.
struct Cache {
    std::string parent = "/var/lib/berth-cache-test-XXXXXX";
    std::string folder;
    Cache() {
        REQUIRE(::mkdtemp(parent.data()) != nullptr);
        folder = parent + "/cache";
    }
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;
    ~Cache() { std::filesystem::remove_all(parent); }
    [[nodiscard]] ImageCache open(std::uint64_t limit = 1000) const {
        auto cache = ImageCache::open(folder, limit);
        if (!cache) FAIL(cache.error().message);
        return std::move(cache).value();
    }
    [[nodiscard]] std::size_t files(const std::string& name) const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder + "/" + name)) ++count;
        return count;
    }
};

ImageCache::Deadline soon() { return std::chrono::steady_clock::now() + 100ms; }

std::string digest(char digit) { return std::string(64, digit); }

void add(const ImageCache& cache, char name, std::uint64_t bytes) {
    auto place = cache.begin(bytes, soon());
    if (!place) FAIL(place.error().message);
    const auto kept = cache.keep(*place, digest(name));
    if (!kept) FAIL(kept.error().message);
    ::usleep(20000);  // for the order of use, by clocks that tick slowly
}

bool no_root() {
    if (::geteuid() == 0) return false;
    WARN("skipped: needs root");
    return true;
}

}  // namespace

TEST_CASE("image cache: what was used least recently goes first") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    add(cache, '1', 400);
    add(cache, '2', 400);
    CHECK(cache.image(digest('1')));
    ::usleep(20000);
    add(cache, '3', 400);
    CHECK(cache.image(digest('1')));
    CHECK_FALSE(cache.image(digest('2')));
    CHECK(cache.image(digest('3')));
    CHECK(folder.files("images") == 2);
}

TEST_CASE("image cache: what does not fit is refused, with the remedy") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    add(cache, '1', 400);
    const auto too_large = cache.begin(1001, soon());
    REQUIRE_FALSE(too_large);
    CHECK_THAT(too_large.error().message, Contains("--lazy") && Contains("image cache size"));
    CHECK(folder.files("partial") == 0);
    CHECK(cache.image(digest('1')));
    const auto first = cache.begin(600, soon());
    REQUIRE(first);
    CHECK_FALSE(cache.begin(600, soon()));
    cache.discard(*first);
    CHECK(cache.begin(600, soon()));
    // Nor where the limit is none, and the disk is smaller.
    CHECK_FALSE(folder.open(UINT64_MAX / 2).begin(UINT64_MAX / 4, soon()));
}

TEST_CASE("image cache: one works on a name, others wait") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    auto first = cache.lock("abc", soon());
    REQUIRE(first);
    CHECK(cache.lock("ffe", soon()));
    const auto second = cache.lock("abc", soon());
    REQUIRE_FALSE(second);
    CHECK(second.error().number == ETIMEDOUT);
    first->reset();
    CHECK(cache.lock("abc", soon()));
}

TEST_CASE("image cache: what a killed process left makes room; what is being made stays") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    { REQUIRE(cache.begin(900, soon())); }
    CHECK(folder.files("partial") == 1);
    const auto place = cache.begin(500, soon());
    REQUIRE(place);
    CHECK(folder.files("partial") == 1);
    add(cache, '2', 500);
    REQUIRE(cache.keep(*place, digest('3')));
    CHECK(folder.files("partial") == 0);
    cache.discard(*place);
    CHECK(cache.image(digest('3')));
}

TEST_CASE("image cache: only the file that was made is kept") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    const auto place = cache.begin(10, soon());
    REQUIRE(place);
    const std::string path = folder.folder + "/" + place->path;
    std::filesystem::remove(path);
    CHECK_FALSE(cache.keep(*place, digest('1')));
    REQUIRE(::close(::creat(path.c_str(), 0600)) == 0);
    CHECK_FALSE(cache.keep(*place, digest('1')));
    CHECK_FALSE(cache.image(digest('1')));
    const auto other = cache.begin(10, soon());
    REQUIRE(other);
    for (const std::string& name : {std::string("../records/x"), std::string("abc"), std::string(64, 'A')})
        CHECK_FALSE(cache.keep(*other, name));
}

TEST_CASE("image cache: records are replaced, grow old, and are not endless") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    CHECK_FALSE(cache.record("a", 60s));
    REQUIRE(cache.set_record("a", "one"));
    REQUIRE(cache.set_record("a", "two"));
    CHECK(cache.record("a", 60s) == "two");
    const timespec past[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (folder.folder + "/records/a").c_str(), past, 0) == 0);
    CHECK_FALSE(cache.record("a", 60s));
    for (int i = 0; i < 4200; ++i) REQUIRE(::close(::creat((folder.folder + "/records/" + std::to_string(i)).c_str(), 0600)) == 0);
    REQUIRE(cache.set_record("b", "new"));
    CHECK(folder.files("records") <= 4097);
    CHECK(cache.record("b", 60s) == "new");
}

TEST_CASE("image cache: a folder that others can write to, or a link, is refused") {
    if (no_root()) return;
    const Cache folder;
    REQUIRE(::mkdir(folder.folder.c_str(), 0777) == 0);
    REQUIRE(::chmod(folder.folder.c_str(), 0777) == 0);
    const auto open = ImageCache::open(folder.folder, 10);
    REQUIRE_FALSE(open);
    CHECK(open.error().category == Category::config);
    CHECK_THAT(open.error().message, Contains("others than root can write"));
    REQUIRE(::symlink("/var/lib", (folder.parent + "/link").c_str()) == 0);
    CHECK_FALSE(ImageCache::open(folder.parent + "/link", 10));
    const auto missing = ImageCache::open("/nonexistent/folder/cache", 10);
    REQUIRE_FALSE(missing);
    CHECK_THAT(missing.error().message, Contains("/nonexistent/folder/cache"));
}

TEST_CASE("image cache: the copy is what is kept, under its digest, for root alone") {
    if (no_root()) return;
    const Cache folder;
    const ImageCache cache = folder.open();
    auto place = cache.begin(5, soon());
    REQUIRE(place);
    REQUIRE(write_all(place->fd.get(), "hello", "copy"));
    REQUIRE(cache.keep(*place, digest('a')));
    const UniqueFd image = cache.image(digest('a'));
    REQUIRE(image);
    CHECK(*read_all(image.get(), 100, "copy") == "hello");
    CHECK((::fcntl(image.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
    struct stat st {};
    REQUIRE(::fstat(image.get(), &st) == 0);
    CHECK((st.st_mode & 077) == 0);
}
