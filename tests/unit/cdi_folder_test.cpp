// The folders of CDI specifications: which files count, and what is told of those that cannot be read.
#include "runtime/config/cdi_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// A folder that is gone at the end. Root's lies in /run: nobody else may write to the folders above it.
class Folder {
public:
    Folder() {
        std::string name = std::string(::geteuid() == 0 ? "/run" : "/tmp") + "/berth-cdi-test-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
        REQUIRE(::chmod(path.c_str(), 0755) == 0);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }

    void file(const std::string& name, const std::string& text, mode_t mode = 0644) const {
        fs::create_directories(fs::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name) << text;
        REQUIRE(::chmod((path + "/" + name).c_str(), mode) == 0);
    }

    std::string path;
};

const std::string kYaml = "cdiVersion: 0.5.0\nkind: a.b/c\ndevices: [{name: x}]\n";
const std::string kJson = R"({"cdiVersion": "0.5.0", "kind": "a.b/d", "devices": [{"name": "y"}]})";

}  // namespace

TEST_CASE("CDI folders: both formats, in the order of folders and names") {
    if (::geteuid() != 0) return;  // no folder of a user's is trusted: the next test
    const Folder folder;
    folder.file("etc/z.yaml", kYaml);
    folder.file("etc/b.json", kJson);
    folder.file("etc/c.yml", "not read");
    folder.file("etc/spec.1.tmp", "not read");
    folder.file("etc/README", "not read");
    folder.file("etc/deeper/d.json", "not read");
    folder.file("run/a.yaml", kYaml);
    const std::vector<std::string> folders = {folder.path + "/etc", folder.path + "/missing/cdi", folder.path + "/run"};
    const CdiSpecs all = load_cdi_specs(folders);
    CHECK(all.broken.empty());
    REQUIRE(all.specs.size() == 3);
    CHECK(all.specs[0].file == folders[0] + "/b.json");
    CHECK((all.specs[0].kind == "a.b/d" && all.specs[0].folder == 0));
    CHECK((all.specs[1].file == folders[0] + "/z.yaml" && all.specs[1].folder == 0));
    CHECK((all.specs[2].file == folders[2] + "/a.yaml" && all.specs[2].folder == 2));
}

TEST_CASE("CDI folders: what cannot be read is told, and stops nothing else") {
    const Folder folder;
    folder.file("etc/a.yaml", kYaml, 0666);
    folder.file("etc/b.json", R"({"kind": "a.b/d",)");
    folder.file("etc/c.json", kJson);
    folder.file("etc/d.yaml", "nothing: here\n");
    fs::create_directory(folder.path + "/etc/e.json");
    fs::create_symlink("nowhere", folder.path + "/etc/f.json");
    folder.file("etc/g.json", std::string(kMaxCdiSpecSize + 1, ' '));
    folder.file("open/a.yaml", kYaml);
    REQUIRE(::chmod((folder.path + "/open").c_str(), 0777) == 0);
    folder.file("file", "");
    const std::vector<std::string> folders = {folder.path + "/etc", folder.path + "/open", folder.path + "/file"};
    const CdiSpecs all = load_cdi_specs(folders);
    for (const BrokenCdiFile& broken : all.broken) {
        CHECK(broken.error.category == Category::config);
        CHECK_THAT(broken.error.message, Contains(::geteuid() == 0 ? broken.file : std::string("/")));
    }
    if (::geteuid() != 0) {
        CHECK(all.specs.empty());
        CHECK(all.broken.size() == 3);  // each folder as a whole
        return;
    }
    REQUIRE(all.specs.size() == 1);
    CHECK(all.specs[0].file == folders[0] + "/c.json");
    REQUIRE(all.broken.size() == 8);
    const std::vector<std::pair<std::string, std::string>> told = {
        {folders[0] + "/a.yaml", "others than root can write to it"}, {folders[0] + "/b.json", "not valid JSON (line 1)"},
        {folders[0] + "/d.yaml", "'nothing' is an unknown key"},      {folders[0] + "/e.json", "is a folder, not a file"},
        {folders[0] + "/f.json", "does not exist"},                   {folders[0] + "/g.json", ""},
        {folders[1], "others than root can write to it"},             {folders[2], "is not a folder"}};
    for (std::size_t i = 0; i < told.size(); ++i) {
        CHECK(all.broken[i].file == told[i].first);
        CHECK_THAT(all.broken[i].error.message, Contains(told[i].second));
        CHECK(all.broken[i].folder == (i < 6 ? 0 : i - 5));
    }
    CHECK(all.broken[1].kind == "a.b/d");
    CHECK_FALSE(all.broken[0].kind.has_value());
    CHECK_FALSE(all.broken[6].kind.has_value());
}

TEST_CASE("CDI folders: too many files are none") {
    if (::geteuid() != 0) return;
    const Folder folder;
    for (std::size_t i = 0; i <= kMaxCdiFiles; ++i) folder.file(std::to_string(i) + ".yaml", kYaml);
    const CdiSpecs all = load_cdi_specs(std::vector<std::string>{folder.path});
    CHECK(all.specs.empty());
    REQUIRE(all.broken.size() == 1);
    CHECK_THAT(all.broken[0].error.message, Contains("holds more than 256 CDI specifications"));
}
