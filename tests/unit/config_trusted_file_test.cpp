// Only a file that root alone can have written is a site file.
#include "runtime/config/trusted_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"
#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kSomebody = 65533;

/// A folder that is gone at the end. Root's lies in /run: nobody else may write to the folders above it.
class Folder {
public:
    Folder() {
        std::string name = std::string(::geteuid() == 0 ? "/run" : "/tmp") + "/berth-config-test-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        REQUIRE(::chmod(path_.c_str(), 0755) == 0);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

    [[nodiscard]] std::string file(const std::string& name, std::string_view text, mode_t mode = 0644) const {
        fs::create_directories(fs::path(at(name)).parent_path());
        const auto fd = open_at(AT_FDCWD, at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        REQUIRE(fd.ok());
        REQUIRE(write_all(fd.value().get(), text, name).ok());
        REQUIRE(::fchmod(fd.value().get(), mode) == 0);
        return at(name);
    }

private:
    std::string path_;
};

std::string refusal(const std::string& path) {
    const auto fd = open_trusted(path);
    REQUIRE_FALSE(fd.ok());
    CHECK(fd.error().category == Category::config);
    return fd.error().message;
}

/// True where the tests that need a folder of root's can run; says so where they cannot.
bool as_root(const Folder& folder) {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return false;
    }
    const auto probe = open_trusted(folder.file("probe", ""));
    if (!probe) WARN("skipped: no folder of root's own: " + probe.error().message);
    return probe.ok();
}

}  // namespace

TEST_CASE("trusted file: a user's own file is refused") {
    if (::geteuid() == 0) return;
    const Folder folder;
    const std::string path = folder.file("berth.conf", "mount dev = no\n");
    // The folders above are looked at first, and /tmp is everybody's.
    CHECK_THAT(refusal(path), Contains("/tmp: others than root can write to it") || Contains("belongs to uid"));
    CHECK_FALSE(load(path).ok());
}

TEST_CASE("trusted file: root's file in root's folders is opened and read") {
    const Folder folder;
    if (!as_root(folder)) return;
    const std::string path = folder.file("etc/berth.conf", "\nmount dev = minimal\n");
    const auto fd = open_trusted(path);
    REQUIRE(fd.ok());
    CHECK((::fcntl(fd.value().get(), F_GETFD) & FD_CLOEXEC) != 0);
    const auto config = load(path);
    REQUIRE(config.ok());
    CHECK(config.value().mount_dev == Setting<MountDev>{MountDev::minimal, {path, 2}});
    CHECK(load(folder.file("etc/private.conf", "", 0400)).ok());
}

TEST_CASE("trusted file: wrong owner or mode of the file") {
    const Folder folder;
    if (!as_root(folder)) return;
    const std::string path = folder.file("berth.conf", "");
    const auto mode = GENERATE(0664, 0646, 0666, 0620);
    REQUIRE(::chmod(path.c_str(), static_cast<mode_t>(mode)) == 0);
    CHECK_THAT(refusal(path), Contains(path + ": others than root can write to it") && Contains("chmod go-w " + path));
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    REQUIRE(::chown(path.c_str(), kSomebody, 0) == 0);
    CHECK_THAT(refusal(path), Contains(path + ": belongs to uid 65533") && Contains("chown root " + path));
    const auto loaded = load(path);
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.error().category == Category::config);
}

TEST_CASE("trusted file: wrong owner or mode of a folder above it") {
    const Folder folder;
    if (!as_root(folder)) return;
    const std::string path = folder.file("a/b/berth.conf", "");
    const std::string above = folder.at(GENERATE("a", "a/b"));
    const auto mode = GENERATE(0775, 0757, 0777, 01777);
    REQUIRE(::chmod(above.c_str(), static_cast<mode_t>(mode)) == 0);
    CHECK_THAT(refusal(path), Contains(above + ": others than root can write to it"));
    REQUIRE(::chmod(above.c_str(), 0755) == 0);
    REQUIRE(::chown(above.c_str(), kSomebody, 0) == 0);
    CHECK_THAT(refusal(path), Contains(above + ": belongs to uid 65533"));
}

TEST_CASE("trusted file: links are followed, and where they lead is checked") {
    const Folder folder;
    if (!as_root(folder)) return;
    const std::string path = folder.file("v1/etc/berth.conf", "");
    fs::create_symlink("v1", folder.at("current"));
    fs::create_symlink("berth.conf", folder.at("v1/etc/relative.conf"));
    fs::create_symlink("../../v1/./etc/berth.conf", folder.at("v1/etc/up.conf"));
    fs::create_symlink(path, folder.at("absolute.conf"));
    for (const auto* name : {"current/etc/berth.conf", "v1/etc/relative.conf", "v1/etc/up.conf", "absolute.conf"}) {
        INFO(name);
        CHECK(open_trusted(folder.at(name)).ok());
    }
    const std::string anyone = folder.file("anyone/berth.conf", "");
    fs::create_symlink(anyone, folder.at("astray.conf"));
    fs::create_symlink(folder.at("v1"), folder.at("anyone/v1"));
    REQUIRE(::chmod(folder.at("anyone").c_str(), 01777) == 0);
    CHECK_THAT(refusal(folder.at("astray.conf")), Contains(folder.at("anyone") + ": others than root"));
    CHECK_THAT(refusal(folder.at("anyone/v1/etc/berth.conf")), Contains(folder.at("anyone") + ": others than root"));
    CHECK_THAT(refusal(folder.at("anyone/../v1/etc/berth.conf")), Contains(folder.at("anyone") + ": others than root"));

    fs::create_symlink("loop.conf", folder.at("loop.conf"));
    CHECK_THAT(refusal(folder.at("loop.conf")), Contains("too many symbolic links"));
    fs::create_symlink("gone", folder.at("dangling.conf"));
    CHECK(open_trusted(folder.at("dangling.conf")).error().number == ENOENT);
}

TEST_CASE("trusted file: what is no file") {
    const Folder folder;
    if (!as_root(folder)) return;
    REQUIRE(::mkfifo(folder.at("fifo").c_str(), 0600) == 0);
    CHECK_THAT(refusal(folder.at("fifo")), Contains("is not a regular file"));
    fs::create_directory(folder.at("folder"));
    CHECK_THAT(refusal(folder.at("folder")), Contains("is a folder, not a file"));
    CHECK_THAT(refusal(folder.at("probe/berth.conf")), Contains(folder.at("probe") + ": is not a folder"));
    CHECK_THAT(refusal("/"), Contains("/: is a folder"));
    CHECK_THAT(refusal(folder.at(std::string(300, 'n'))), Contains("File name too long"));
}

TEST_CASE("trusted file: a path that names no file") {
    CHECK_THAT(refusal("berth.conf"), Contains("berth.conf: a site file is named by an absolute path"));
    CHECK_THAT(refusal(""), Contains("absolute path"));
    CHECK_THAT(refusal(std::string("/etc/x\0y", 8)), Contains("NUL"));
}

TEST_CASE("trusted file: load of a missing or oversized file") {
    const auto missing = load("/nonexistent/berth.conf");
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().category == Category::config);
    CHECK_THAT(missing.error().message,
               Contains("/nonexistent/berth.conf: does not exist; install the one that comes with Berth there"));

    const Folder folder;
    if (!as_root(folder)) return;
    CHECK(load(folder.file("whole.conf", std::string(kMaxFileSize, '#'))).ok());
    const auto large = load(folder.file("large.conf", std::string(kMaxFileSize + 1, '#')));
    REQUIRE_FALSE(large.ok());
    CHECK(large.error().category == Category::config);
    CHECK_THAT(large.error().message, Contains("large.conf: larger than 1048576 bytes"));
}
