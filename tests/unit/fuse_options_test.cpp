#include "runtime/fuse/options.hpp"

#include <catch2/catch.hpp>
#include <vector>

using berth::fuse::Identity;
using berth::fuse::kDefaultMemoryMiB;
using berth::fuse::kMiB;
using berth::fuse::parse_options;

namespace {

using Words = std::vector<const char*>;

Words with(const Words& more) {
    Words words{"--parent-fd", "3", "--image-fd", "4", "--offset", "4096", "--size", "100"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string error_of(const Words& words) {
    const auto options = parse_options(words);
    return options ? std::string("accepted") : options.error().message;
}

}  // namespace

TEST_CASE("berth-fuse options: what is needed is enough", "[fuse]") {
    const auto options = parse_options(with({}));
    REQUIRE(options);
    CHECK(options->parent_fd == 3);
    CHECK(options->image_fd == 4);
    CHECK(options->offset == 4096);
    CHECK(options->size == 100);
    CHECK(!options->owner);
    CHECK(!options->user);
    CHECK(options->threads == 0);
    CHECK(options->max_memory == kDefaultMemoryMiB * kMiB);
}

TEST_CASE("berth-fuse options: every option", "[fuse]") {
    const auto options = parse_options(with({"--owner", "0:0", "--user", "998:997", "--threads", "3", "--max-memory",
                                             "64", "--request-cpu-seconds", "5"}));
    REQUIRE(options);
    CHECK(options->owner == Identity{0, 0});
    CHECK(options->user == Identity{998, 997});
    CHECK(options->threads == 3);
    CHECK(options->max_memory == 64 * kMiB);
    CHECK(options->request_cpu_seconds == 5);
    CHECK(!options->tree);
}

TEST_CASE("berth-fuse options: refusals name the option and the value", "[fuse]") {
    CHECK(error_of({}) == "--parent-fd, --image-fd, --offset and --size are needed");
    CHECK(error_of(with({"--parent-fd"})) == "--parent-fd: needs a value");
    CHECK(error_of(with({"--parent-fd", "2"})) == "--parent-fd: '2' is not a descriptor above 2");
    CHECK(error_of(with({"--parent-fd", "4"})) == "--parent-fd and --image-fd must differ");
    CHECK(error_of(with({"--size", "0"})) == "--size: '0' is not a positive number of bytes");
    CHECK(error_of(with({"--offset", "-1"})) == "--offset: '-1' is not a number of bytes");
    CHECK(error_of(with({"--offset", "9223372036854775807"})) == "--offset plus --size is out of range");
    CHECK(error_of(with({"--threads", "17"})) == "--threads: '17' is not a number from 1 to 16");
    CHECK(error_of(with({"--threads", "2x"})) == "--threads: '2x' is not a number from 1 to 16");
    CHECK(error_of(with({"--max-memory", "1"})) == "--max-memory: '1' is not 64 MiB to 1 TiB");
    CHECK(error_of(with({"--mount", "/"})) == "unknown option '--mount'");
}

TEST_CASE("berth-fuse options: a hash tree", "[fuse]") {
    const std::string root = "00ff" + std::string(60, 'a');
    const std::string value = "8192:4096:" + root;
    const auto options = parse_options(with({"--tree", value.c_str()}));
    REQUIRE(options);
    REQUIRE(options->tree);
    CHECK(options->tree->offset == 8192);
    CHECK(options->tree->size == 4096);
    CHECK(options->tree->root[0] == std::byte{0});
    CHECK(options->tree->root[1] == std::byte{0xff});
    CHECK(options->tree->root[31] == std::byte{0xaa});
    for (const std::string& bad : {std::string("8192:4096"), "8192:0:" + root, "-1:4096:" + root, value + "0",
                                   "8192:4096:" + root.substr(1) + "g", ":4096:" + root, std::string()})
        CHECK(error_of(with({"--tree", bad.c_str()})) == "--tree: '" + bad + "' is not OFFSET:SIZE:SHA256");
}

TEST_CASE("berth-fuse options: ids that name nobody, or root", "[fuse]") {
    CHECK(error_of(with({"--owner", "1"})) == "--owner: '1' is not UID:GID");
    CHECK(error_of(with({"--owner", "1:"})) == "--owner: '1:' is not UID:GID");
    CHECK(error_of(with({"--owner", "1:4294967295"})) == "--owner: '1:4294967295' is not UID:GID");
    CHECK(error_of(with({"--user", "0:5"})) == "--user: neither id may be 0");
    CHECK(error_of(with({"--user", "5:0"})) == "--user: neither id may be 0");
}
