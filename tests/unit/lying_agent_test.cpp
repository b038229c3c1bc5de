// The agent, had a crafted image taken it over: whatever it answers is refused, or is what an honest one could have said.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "runtime/base/io.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/user_side.hpp"

using namespace berth;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t kDone = 1;  // the status that answers begin with
constexpr std::uint64_t kHuge = std::uint64_t{1} << 60U;
const std::string kNonsense = "answered nonsense";

Packer done() {
    Packer packer;
    packer.number(kDone);
    return packer;
}
Packer done_with(const std::vector<std::string>& texts) {
    Packer packer = done();
    packer.texts(texts);
    return packer;
}

/// An agent that answers every call with this. Descriptors are the test's own.
std::unique_ptr<UserSide> liar(const std::string& answer, const std::vector<int>& fds = {}) {
    auto sockets = socket_pair();
    REQUIRE(sockets);
    auto child = Child::fork([&, theirs = sockets->second.get()] {
        while (receive_message(theirs, std::chrono::seconds{20})) static_cast<void>(send_message(theirs, answer, fds));
        return 0;
    });
    REQUIRE(child);
    return user_side_behind(std::move(sockets->first), *std::move(child));
}
std::unique_ptr<UserSide> liar(const Packer& answer, const std::vector<int>& fds = {}) { return liar(std::string(answer.data()), fds); }

template <class T>
std::string refusal(const Result<T>& result) {
    return result ? "it was believed" : result.error().message;
}

/// A file of ten bytes, and its folder.
struct Files {
    Files() {
        char name[] = "/tmp/berth-test.XXXXXX";
        folder = ::mkdtemp(name);
        std::ofstream(folder + "/file") << "0123456789";
    }
    ~Files() { std::filesystem::remove_all(folder); }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    [[nodiscard]] UniqueFd open(const std::string& name, int flags = O_RDONLY) const { return open_at(AT_FDCWD, folder + name, flags).value(); }
    std::string folder;
};

Packer image(std::uint64_t kind, std::uint64_t offset, std::uint64_t bytes) {
    Packer packer = done();
    for (const std::uint64_t number : {kind, offset, bytes}) packer.number(number);
    packer.text("amd64");
    return packer;
}
constexpr auto kSif = static_cast<std::uint64_t>(ImageKind::sif);
constexpr auto kFolder = static_cast<std::uint64_t>(ImageKind::directory);

}  // namespace

TEST_CASE("A lying agent: answers that are cut short, too long, or of nothing") {
    for (const std::string& answer : {std::string("x"), std::string(8, '\xff'), std::string(done().data()), std::string(done().data()) + "rest"}) {
        INFO(answer.size());
        CHECK_FALSE(liar(answer)->open_image("a"));
        CHECK_FALSE(liar(answer)->open_sources({{"/a", true}}));
        CHECK_FALSE(liar(answer)->usable_devices());
        CHECK_FALSE(liar(answer)->host_mounts());
        CHECK_FALSE(liar(answer)->compile_profile("a", SeccompTarget{}));
        CHECK_FALSE(liar(answer)->read_limits("a"));
        CHECK_FALSE(liar(answer)->read_container(0, -1, -1, {}));
        CHECK_FALSE(liar(answer)->image_glibc(0));
    }
}

TEST_CASE("A lying agent: one that dies") {
    auto sockets = socket_pair();
    REQUIRE(sockets);
    auto child = Child::fork([] { return 0; });
    REQUIRE(child);
    sockets->second.reset();
    CHECK_THAT(refusal(user_side_behind(std::move(sockets->first), *std::move(child))->open_image("a")), Contains("died"));
}

TEST_CASE("A lying agent: images") {
    const Files files;
    const UniqueFd file = files.open("/file"), folder = files.open("", O_PATH | O_DIRECTORY), null = open_at(AT_FDCWD, "/dev/null", O_RDONLY).value();
    const auto sockets = socket_pair();
    CHECK_THAT(refusal(liar(image(99, 0, 10), {file.get()})->open_image("a")), Contains(kNonsense));
    CHECK_THAT(refusal(liar(image(kSif, 0, 10))->open_image("a")), Contains(kNonsense));
    CHECK_THAT(refusal(liar(image(kSif, 0, 10), {file.get(), file.get()})->open_image("a")), Contains(kNonsense));
    const auto described = [](const Packer& answer, int fd) {
        auto opened = liar(answer, {fd})->open_image("a");
        REQUIRE(opened);
        const auto status = describe_image_file(opened->fd.get(), opened->info);
        return status ? std::string("it was believed") : status.error().message;
    };
    CHECK(described(image(kSif, 0, 10), file.get()) == "it was believed");
    for (const auto& [offset, bytes] : {std::pair<std::uint64_t, std::uint64_t>{0, 11}, {1, 10}, {10, 1}, {0, 0}, {kHuge, 1}, {1, ~std::uint64_t{0}}, {~std::uint64_t{0}, 2}})
        CHECK_THAT(described(image(kSif, offset, bytes), file.get()), Contains("outside the file"));
    CHECK_THAT(described(image(kSif, 0, 10), folder.get()), Contains("changed while it was opened"));
    CHECK_THAT(described(image(kFolder, 0, 0), file.get()), Contains("changed while it was opened"));
    CHECK_THAT(described(image(kSif, 0, 10), null.get()), Contains("changed while it was opened"));
    CHECK(described(image(kSif, 0, 10), sockets->first.get()) != "it was believed");
    const UniqueFd proc = open_at(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY).value();
    CHECK_THAT(described(image(kFolder, 0, 0), proc.get()), Contains("a folder of the kernel's"));
}

TEST_CASE("A lying agent: sources") {
    const Files files;
    const UniqueFd folder = files.open("", O_PATH | O_DIRECTORY);
    const auto answer = [](const std::vector<std::uint64_t>& opened) {
        Packer packer = done();
        for (const std::uint64_t each : opened) packer.number(each);
        return packer;
    };
    const std::vector<SourceSpec> two = {{"/a", true}, {"/b", false}};
    CHECK(liar(answer({1, 0}), {folder.get()})->open_sources(two));
    CHECK_THAT(refusal(liar(answer({0, 1}), {folder.get()})->open_sources(two)), Contains(kNonsense));               // without a required one
    CHECK_THAT(refusal(liar(answer({1, 1}), {folder.get()})->open_sources(two)), Contains(kNonsense));               // one too few
    CHECK_THAT(refusal(liar(answer({1, 0}), {folder.get(), folder.get()})->open_sources(two)), Contains(kNonsense));  // one too many
    CHECK_THAT(refusal(liar(answer({1, 0, 1}), {folder.get()})->open_sources(two)), Contains(kNonsense));
}

TEST_CASE("A lying agent: names") {
    CHECK(liar(done_with({"fuse", "dri/renderD128"}))->usable_devices());
    for (const std::string& name : {std::string(), std::string("../etc/shadow"), std::string("/dev/sda"), std::string("a/b/c"), std::string("."), std::string("a/../b"),
                                    std::string("a//b"), std::string("a\nb"), std::string("a\0b", 3)}) {
        INFO(name);
        CHECK_THAT(refusal(liar(done_with({"fuse", name}))->usable_devices()), Contains(kNonsense));
    }
    CHECK(liar(done_with({"/", "/data"}))->host_mounts());
    for (const std::string& path : {std::string(), std::string("data"), std::string("/a/../b"), std::string("/a//b"), std::string("/a/"), std::string("/a\0b", 4)}) {
        INFO(path);
        CHECK_THAT(refusal(liar(done_with({"/", path}))->host_mounts()), Contains(kNonsense));
    }
}

TEST_CASE("A lying agent: counts without end") {
    Packer many = done();
    many.number(kHuge);
    CHECK_FALSE(liar(many)->usable_devices());
    CHECK_FALSE(liar(many)->host_mounts());
    CHECK_FALSE(liar(many)->read_container(0, -1, -1, {}));
    CHECK_FALSE(liar(many)->compile_profile("a", SeccompTarget{}));
    CHECK_FALSE(liar(many)->read_limits("a"));
    Packer version = done();
    version.text("2.x");
    CHECK_THAT(refusal(liar(version)->image_glibc(0)), Contains(kNonsense));
}
