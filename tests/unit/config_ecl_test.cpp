// ecl.toml: what is read, what is refused, and on which line.
#include "runtime/config/ecl.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/config/trusted_file.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

const std::string kFile = "/etc/berth/ecl.toml";
const std::string kA = "0123456789ABCDEF0123456789ABCDEF01234567";
const std::string kB = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";

Ecl good(const std::string& text) {
    auto parsed = parse_ecl(text, kFile);
    if (!parsed) FAIL(parsed.error().message);
    return std::move(parsed).value();
}

std::string group(const std::string& lines) {
    return "activated = true\n[[execgroup]]\n" + lines;
}

const std::string kMode = "mode = \"whitelist\"\n";
const std::string kKeys = "keyfp = [\"" + kA + "\"]\n";

}  // namespace

TEST_CASE("ecl: a whole file, as Singularity has them") {
    const Ecl ecl = good(
        "# a comment\n"
        "activated = true\n"
        "legacyinsecure = false\n"
        "\n"
        "[[execgroup]]\n"
        "  tagname = \"group1\"\n"
        "  mode = \"whitelist\"\n"
        "  dirpath = \"/apps/one\"\n"
        "  keyfp = [\"" +
        kA + "\", \"" + kB +
        "\"]\n"
        "[[execgroup]]\n"
        "  tagname = \"group2\"\n"
        "  mode = \"whitestrict\"\n"
        "  dirpath = \"/apps\"\n"
        "  recursive = true\n"
        "  keyfp = [\n    \"" +
        kA + "\",  # Ann\n    \"" + kB +
        "\",\n  ]\n"
        "\n"
        "[[execgroup]]\n"
        "  mode = \"blacklist\"\n"
        "  keyfp = [\"" +
        kB + "\"]\n");
    CHECK(ecl.activated == Setting<bool>{true, {kFile, 2}});
    REQUIRE(ecl.groups.size() == 3);
    CHECK(ecl.groups[0] == EclGroup{"group1", EclMode::whitelist, "/apps/one", false, {kA, kB}, {kFile, 5}});
    CHECK(ecl.groups[1] == EclGroup{"group2", EclMode::whitestrict, "/apps", true, {kA, kB}, {kFile, 10}});
    CHECK(ecl.groups[2] == EclGroup{"", EclMode::blacklist, "", false, {kB}, {kFile, 20}});
}

TEST_CASE("ecl: what switches nothing on") {
    for (const std::string text : {"", "\n", "# nothing\n", "activated = false\n",
                                   "\357\273\277activated = false\r\n", "legacyinsecure = false\n"}) {
        INFO(printable(text));
        CHECK_FALSE(good(text).activated.value);
        CHECK(good(text).groups.empty());
    }
    const Ecl prepared = good("activated = false\n[[execgroup]]\n" + kMode + "keyfp = []\n");
    CHECK_FALSE(prepared.activated.value);
    CHECK(prepared.groups.size() == 1);
    CHECK(good("activated = true\n").groups.empty());
}

TEST_CASE("ecl: texts and comments may hold any character") {
    const Ecl ecl = good(group("# f\xC3\xBCr\n" + kMode + kKeys + "tagname = \"\\\"\xC3\xBC#\"  # \xC3\xBC\ndirpath = '/\xC3\xBC\\'\n"));
    CHECK(ecl.groups[0].tag == "\"\xC3\xBC#");
    CHECK(ecl.groups[0].folder == "/\xC3\xBC\\");
}

TEST_CASE("ecl: a group may stand in a line") {
    const Ecl ecl = good("activated = true\nexecgroup = [\n{mode = \"blacklist\", keyfp = [\"" + kA + "\"]}]\n");
    REQUIRE(ecl.groups.size() == 1);
    CHECK(ecl.groups[0].mode == EclMode::blacklist);
    CHECK(ecl.groups[0].origin.line == 3);
}

TEST_CASE("ecl: spellings of a fingerprint") {
    const std::string spaced = "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567";
    const std::string lower = "0123456789abcdef0123456789abcdef01234567";
    for (const std::string& text : {kA, lower, spaced, "0x" + kA, "0X" + lower, " " + kA + " "}) {
        INFO(text);
        CHECK(good(group(kMode + "keyfp = [\"" + text + "\"]\n")).groups[0].keys == std::vector{kA});
    }
    const std::string longer = kA + "0123456789ABCDEF01234567";
    CHECK(good(group(kMode + "keyfp = [\"" + longer + "\"]\n")).groups[0].keys == std::vector{longer});
    for (const std::string& text :
         {std::string(), kA.substr(1), kA + "0", longer + "00", longer.substr(2), "G" + kA.substr(1), "0x0x" + kA,
          "0x" + kA.substr(2), kA.substr(24), kA.substr(0, 39) + "\\u0000", kA.substr(0, 20) + "-" + kA.substr(20)}) {
        INFO(text);
        const auto parsed = parse_ecl(group(kMode + "keyfp = [\"" + kB + "\",\n\"" + text + "\"]\n"), kFile);
        REQUIRE_FALSE(parsed.ok());
        CHECK_THAT(parsed.error().message, Contains(kFile + ":5: keyfp '"));
        CHECK_THAT(parsed.error().message, Contains("40 or 64 hex digits"));
    }
}

TEST_CASE("ecl: the options of a group, none and any are three things") {
    using Names = std::vector<std::string>;
    CHECK_FALSE(good(group(kMode + kKeys)).groups[0].options);
    CHECK(good(group(kMode + kKeys + "options = []\n")).groups[0].options == Names{});
    CHECK(good(group(kMode + kKeys + "options = [\"bind\", \"pwd\"]\n")).groups[0].options == Names{"bind", "pwd"});
    for (const std::string wrong : {"options = \"bind\"\n", "options = [1]\n", "options = [\"\"]\n"})
        CHECK_THAT(parse_ecl(group(kMode + kKeys + wrong), kFile).error().message, Contains(kFile + ":5: options must "));
}

TEST_CASE("ecl: everything else is refused, with its line") {
    struct Case {
        std::string text;
        unsigned line;
        std::string message;
    };
    const std::vector<Case> cases = {
        // Syntax.
        {"activated = yes\n", 1, ""},
        {"activated = true\nactivated = false\n", 2, ""},
        {"activated = true\n[[execgroup\n", 2, ""},
        {"activated\n", 1, ""},
        {"\n\xEF\xB9\xBF = 1\n", 2, "only ASCII may stand outside"},
        {"activated = \xC3\xBC\n", 1, "only ASCII may stand outside"},
        {"activated = true # \xC3\xBC\n'it\\' = \xC3\xBC\n", 2, "only ASCII may stand outside"},
        {group(kMode + kKeys + "tagname = \"\"\"x\n\"\"\"\n"), 5, "several lines"},
        {group(kMode + kKeys + "tagname = '''x'''\n"), 5, "several lines"},
        {"[[[execgroup]]]\n", 1, ""},
        {"activated = true\n[[=\n", 2, ""},
        {"# \x01\nactivated = true\n", 1, ""},
        {"activated = true\n# \xff\n", 2, "not UTF-8"},
        {"activated = true\n\"\xff\" = 1\n", 2, "not UTF-8"},
        {"activated = 0\"\xEF\xB9\xBF\"\n", 1, ""},
        {"activated = 0='\xEF\xB9\xBF'\n", 1, ""},
        {"activated = true\n\"a\\\xC3\xBC\" = 1\n", 2, "a backslash stands before"},
        {"activated = 'true\n", 1, "must end with one"},
        {"# fine\n" + std::string(5000, '#') + "\n", 2, "longer than 4096 bytes"},
        {std::string(5000, '['), 1, "longer than 4096 bytes"},
        {"a = " + std::string(200, '['), 1, ""},
        // Keys and types.
        {"activate = true\n", 1, "unknown key 'activate'; did you mean 'activated'?"},
        {"activated = true\n[other]\nx = 1\n", 2, "unknown key 'other'"},
        {"activated = \"true\"\n", 1, "activated must be true or false"},
        {"activated = 1\n", 1, "activated must be true or false"},
        {"\nlegacyinsecure = true\n", 2, "legacy signatures let no image run"},
        {"legacyinsecure = \"no\"\n", 1, "legacyinsecure must be true or false"},
        {"activated = true\n[execgroup]\n" + kMode + kKeys, 2, "write [[execgroup]]"},
        {"activated = true\nexecgroup = \"x\"\n", 2, "write [[execgroup]]"},
        {"activated = true\nexecgroup = [\n1]\n", 3, "write [[execgroup]]"},
        {"[[execgroup]]\n" + kMode + kKeys, 1, "execgroup without activated"},
        {group(kMode + kKeys + "dirpaths = \"/a\"\n"), 5, "unknown key 'dirpaths' in a group; did you mean 'dirpath'?"},
        {group(kMode + kKeys + "[execgroup.more]\n"), 5, "unknown key 'more' in a group"},
        {group(kMode + kKeys + "activated = true\n"), 5, "unknown key 'activated' in a group"},
        {group(kMode + kKeys + "tagname = 1\n"), 5, "tagname must be a text"},
        {group(kMode + kKeys + "recursive = 1\ndirpath = \"/a\"\n"), 5, "recursive must be true or false"},
        // Modes.
        {group(kKeys), 2, "the group has no mode"},
        {group(kKeys + "mode = \"Whitelist\"\n"), 4,
         "mode 'Whitelist' is unknown; write whitelist, whitestrict or blacklist"},
        {group(kKeys + "mode = \"\"\n"), 4, "mode '' is unknown"},
        {group(kKeys + "mode = true\n"), 4, "mode must be a text"},
        // Folders.
        {group(kMode + kKeys + "dirpath = \"apps\"\n"), 5, "dirpath 'apps' is relative"},
        {group(kMode + kKeys + "dirpath = \"~/apps\"\n"), 5, "is relative"},
        {group(kMode + kKeys + "dirpath = \"/apps/\"\n"), 5, "dirpath '/apps/' is not normal; write '/apps'"},
        {group(kMode + kKeys + "dirpath = \"//apps\"\n"), 5, "write '/apps'"},
        {group(kMode + kKeys + "dirpath = \"/apps/./x\"\n"), 5, "write '/apps/x'"},
        {group(kMode + kKeys + "dirpath = \"/apps/../x\"\n"), 5, "holds '..'"},
        {group(kMode + kKeys + "dirpath = \"/a\\u0000b\"\n"), 5, "holds a control character"},
        {group(kMode + kKeys + "dirpath = \"/a\\nb\"\n"), 5, "holds a control character"},
        {group(kMode + kKeys + "dirpath = [\"/a\"]\n"), 5, "dirpath must be a text"},
        {group(kMode + kKeys + "recursive = true\n"), 2, "recursive = true needs a dirpath"},
        {group(kMode + kKeys + "recursive = true\ndirpath = \"\"\n"), 6, "recursive = true needs a dirpath"},
        {group(kMode + kKeys + "dirpath = \"/a\"\n[[execgroup]]\n" + kMode + kKeys + "dirpath = \"/a\"\n"), 9,
         "dirpath '/a' stands in the group on line 2 already"},
        {group(kMode + kKeys + "dirpath = \"/a\"\n[[execgroup]]\nrecursive = true\n" + kMode + kKeys +
               "dirpath = \"/a\"\n"),
         10, "on line 2 already"},
        {group(kMode + kKeys + "[[execgroup]]\n" + kMode + kKeys), 5,
         "a group without a dirpath stands in the group on line 2 already"},
        // Keys.
        {group(kMode), 2, "the group has no keyfp"},
        {group(kMode + "keyfp = []\n"), 4, "the group has no keyfp"},
        {group(kMode + "keyfp = \"" + kA + "\"\n"), 4, "keyfp must be a list"},
        {group(kMode + "keyfp = [\n1]\n"), 5, "keyfp must hold fingerprints in quotes"},
        {group(kMode + "keyfp = [\"" + kA + "\", true]\n"), 4, "keyfp must hold fingerprints in quotes"},
    };
    for (const Case& each : cases) {
        INFO(printable(each.text, 200));
        const auto parsed = parse_ecl(each.text, kFile);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().category == Category::config);
        CHECK_THAT(parsed.error().message, Contains(kFile + ":" + std::to_string(each.line) + ": "));
        CHECK_THAT(parsed.error().message, Contains(each.message));
        CHECK(printable(parsed.error().message, 4096) == parsed.error().message);
    }
}

TEST_CASE("ecl: a check finds every problem, in the order of the lines") {
    const EclReading reading = read_ecl(
        "wrong = 1\nactivated = true\n[[execgroup]]\nmode = \"x\"\ndirpath = \"a\"\nkeyfp = [\"1\", \"2\"]\n", kFile);
    std::vector<unsigned> lines;
    for (const Problem& problem : reading.problems) lines.push_back(problem.where.line);
    CHECK(lines == std::vector<unsigned>{1, 4, 5, 6, 6});
    std::string many = group(kMode) + "keyfp = [\n";
    for (int i = 0; i < 300; ++i) many += "\"x\",\n";
    const EclReading bounded = read_ecl(many + "]\n", kFile);
    CHECK(bounded.problems.size() == kMaxProblems);
    CHECK_THAT(bounded.problems.back().message, Contains("too many problems"));
}

TEST_CASE("ecl: deep nesting is refused, and no stack is used up by it") {
    std::string deep = "a";
    while (deep.size() < 4000) deep += ".a";
    for (const std::string& text : {deep + " = 1\n", "[" + deep + "]\n", "[[" + deep + "]]\n",
                                    "[" + deep + "]\n" + deep + " = {" + deep.substr(0, 2001) + " = 1}\n"}) {
        CHECK_FALSE(parse_ecl(text.substr(0, 4095) + "\n", kFile).ok());
        CHECK_FALSE(parse_ecl(text, kFile).ok());
    }
}

TEST_CASE("ecl: a hundred groups of a hundred keys") {
    std::string text = "activated = true\n";
    for (int i = 0; i < 100; ++i) {
        text += "[[execgroup]]\nmode = \"whitelist\"\ndirpath = \"/apps/" + std::to_string(i) + "\"\nkeyfp = [\n";
        for (int j = 0; j < 100; ++j) text += "\"" + kA + "\",\n";
        text += "]\n";
    }
    const Ecl ecl = good(text);
    REQUIRE(ecl.groups.size() == 100);
    CHECK(ecl.groups[99].origin.line == 2 + 99 * 105);
}

TEST_CASE("ecl: it lies beside the berth.conf") {
    CHECK(ecl_path("/etc/berth/berth.conf") == kFile);
    CHECK(ecl_path("/a/other") == "/a/ecl.toml");
    CHECK(ecl_path("draft.conf") == "ecl.toml");
}

TEST_CASE("ecl: only what is not there at all is no list") {
    const auto folder = std::filesystem::temp_directory_path() / ("berth-ecl-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const std::string path = folder / "ecl.toml";
    const auto exists = [](const std::string& name) {
        const auto found = site_file_exists(name);
        return found && *found;
    };
    CHECK_FALSE(exists(path));
    const auto none = load_ecl(path);
    REQUIRE(none.ok());
    CHECK_FALSE((*none).activated.value);
    std::filesystem::create_symlink(folder / "nowhere", path);
    CHECK(exists(path));
    // In a folder that others can write to the message is about that; both refuse.
    CHECK_FALSE(load_ecl(path).ok());
    CHECK(load_ecl(path).error().category == Category::config);
    // What cannot be looked up is no proof of absence.
    CHECK_FALSE(site_file_exists("/etc/passwd/ecl.toml").ok());
    std::filesystem::remove_all(folder);
}

TEST_CASE("shipped ecl.toml: is not activated, and its example is right") {
    const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    auto text = read_file((root / "conf/ecl.toml").string(), kMaxEclSize);
    REQUIRE(text.ok());
    CHECK(good(*text) == Ecl{{false, {kFile, 7}}, {}});
    std::string example = "activated = true\n";
    bool begun = false;
    for (const std::string& line : split(*text, '\n')) {
        begun = begun || line == "# [[execgroup]]";
        if (begun && line.starts_with("# ")) example += line.substr(2) + "\n";
    }
    const Ecl ecl = good(example);
    REQUIRE(ecl.groups.size() == 1);
    CHECK(ecl.groups[0].recursive);
}
