// The folder of the keyring: made private, and refused where somebody else could reach into it.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "sif/keys_folder.hpp"
#include "sif_keyring_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

unsigned mode_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st.st_mode & 07777;
}

std::string refusal_of(const std::string& folder) {
    const auto status = prepare_private_folder(folder);
    REQUIRE_FALSE(status.ok());
    return status.error().message;
}

/// Sets a variable and puts the old value back.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~Variable() { set(old_ ? old_->c_str() : nullptr); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    void set(const char* value) const {
        if (value == nullptr)
            ::unsetenv(name_);
        else
            ::setenv(name_, value, 1);
    }
    const char* name_;
    std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("keys folder: made with the folder above it, for the user alone") {
    const KeysFolder folder;
    const std::string keys = folder.path() + "/.berth/keys";
    const mode_t mask = ::umask(0);
    CHECK(prepare_private_folder(keys).ok());
    ::umask(mask);
    CHECK(mode_of(keys) == 0700);
    CHECK(mode_of(folder.path() + "/.berth") == 0700);
    CHECK(prepare_private_folder(keys).ok());
    CHECK_FALSE(prepare_private_folder(folder.path() + "/a/b/c").ok());
}

TEST_CASE("keys folder: others must not be able to enter it") {
    const KeysFolder folder;
    for (const mode_t mode : {0777U, 01777U, 0755U, 0750U, 0710U, 0701U, 0720U}) {
        REQUIRE(::chmod(folder.path().c_str(), mode) == 0);
        CHECK_THAT(refusal_of(folder.path()), Catch::Contains("chmod 0700"));
    }
    REQUIRE(::chmod(folder.path().c_str(), 0700) == 0);
    CHECK(prepare_private_folder(folder.path()).ok());
}

TEST_CASE("keys folder: links, files and other users' folders are refused") {
    const KeysFolder folder;
    const std::string link = folder.path() + "/link";
    REQUIRE(::symlink(folder.path().c_str(), link.c_str()) == 0);
    CHECK_THAT(refusal_of(link), Catch::Contains("symbolic link"));
    const std::string dangling = folder.path() + "/dangling";
    REQUIRE(::symlink("/tmp/nothing-here-at-all", dangling.c_str()) == 0);
    CHECK_THAT(refusal_of(dangling), Catch::Contains("symbolic link"));
    CHECK(::access("/tmp/nothing-here-at-all", F_OK) != 0);
    const std::string file = folder.path() + "/file";
    REQUIRE(open_at(AT_FDCWD, file, O_CREAT | O_WRONLY, 0600).ok());
    CHECK_THAT(refusal_of(file), Catch::Contains("not a folder"));
    if (::geteuid() == 0) REQUIRE(::chown(folder.path().c_str(), 1234, 1234) == 0);
    CHECK_THAT(refusal_of(::geteuid() == 0 ? folder.path() : "/usr"), Catch::Contains("belongs to uid"));
}

TEST_CASE("keys folder: where it is") {
    const Variable keys("BERTH_KEYSDIR", nullptr);
    {
        const Variable home("HOME", "/home/jo/");
        CHECK(*keys_folder() == "/home/jo/.berth/keys");
        const Variable named("BERTH_KEYSDIR", "/srv//keys/./jo");
        CHECK(*keys_folder() == "/srv/keys/jo");
    }
    const Variable relative("BERTH_KEYSDIR", "keys");
    CHECK_FALSE(keys_folder().ok());
    const Variable empty("BERTH_KEYSDIR", "");
    const Variable home("HOME", "home");
    CHECK_FALSE(keys_folder().ok());
}
