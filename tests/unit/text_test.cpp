#include "runtime/base/text.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace berth;
using Strings = std::vector<std::string>;

TEST_CASE("text: trim takes blanks at both ends only") {
    const std::array<std::pair<std::string_view, std::string_view>, 8> cases{{
        {"", ""},
        {" ", ""},
        {"\t \r", ""},
        {"a", "a"},
        {"  a", "a"},
        {"a\t\r", "a"},
        {" a b\t c ", "a b\t c"},
        {"\na\n", "\na\n"},
    }};
    for (const auto& [text, trimmed] : cases) CHECK(trim(text) == trimmed);
}

TEST_CASE("text: split keeps empty pieces") {
    CHECK(split("", ',') == Strings{""});
    CHECK(split(",", ',') == Strings{"", ""});
    CHECK(split("a", ',') == Strings{"a"});
    CHECK(split("a,b,,c,", ',') == Strings{"a", "b", "", "c", ""});
    CHECK(split("a:b,c", ':') == Strings{"a", "b,c"});
}

TEST_CASE("text: split_escaped lets a backslash protect the separator and itself, and nothing else") {
    struct Case {
        std::string_view text;
        Strings pieces;
    };
    const std::vector<Case> cases = {
        {"", {""}},
        {"a:b", {"a", "b"}},
        {R"(a\:b:c)", {"a:b", "c"}},
        {R"(a\\:b)", {R"(a\)", "b"}},
        {R"(a\\\:b)", {R"(a\:b)"}},
        {R"(a\b)", {R"(a\b)"}},
        {R"(a\,b:c)", {R"(a\,b)", "c"}},
        {R"(a\)", {R"(a\)"}},
        {"::", {"", "", ""}},
    };
    for (const auto& [text, pieces] : cases) {
        INFO(text);
        CHECK(split_escaped(text, ':') == pieces);
    }
}

TEST_CASE("text: closest finds typing mistakes and nothing far away") {
    constexpr std::array<std::string_view, 4> kWords = {"mount home", "mount tmp", "bind path", "ro"};
    CHECK(closest("mount hoem", kWords) == "mount home");
    CHECK(closest("muont tmp", kWords) == "mount tmp");
    CHECK(closest("bindpath", kWords) == "bind path");
    CHECK(closest("rx", kWords) == "ro");
    CHECK(closest("mount home", kWords) == "mount home");
    CHECK_FALSE(closest("xy", kWords));
    CHECK_FALSE(closest("image driver", kWords));
    CHECK_FALSE(closest("anything", {}));
}

TEST_CASE("text: normal_path") {
    const std::array<std::pair<std::string_view, std::string_view>, 14> cases{{
        {"/", "/"},
        {"", "/"},
        {"//", "/"},
        {"/a", "/a"},
        {"/a/", "/a"},
        {"/a//b/./c", "/a/b/c"},
        {"/a/../b", "/b"},
        {"/../../a", "/a"},
        {"/a/b/..", "/a"},
        {"/a/b/../../..", "/"},
        {"/.../a", "/.../a"},
        {"/a/..b", "/a/..b"},
        {"/.", "/"},
        {"a/b", "/a/b"},
    }};
    for (const auto& [path, normal] : cases) {
        INFO(path);
        CHECK(normal_path(path) == normal);
        CHECK(normal_path(normal) == normal);
    }
}

TEST_CASE("text: is_beneath compares components, not characters") {
    struct Case {
        std::string_view path, prefix;
        bool beneath;
    };
    const std::vector<Case> cases = {
        {"/data", "/data", true},    {"/data/a", "/data", true},
        {"/data2", "/data", false},  {"/data2/a", "/data", false},
        {"/dat", "/data", false},    {"/", "/data", false},
        {"/data", "/", true},        {"/", "/", true},
        {"data/a", "/data", false},  {"data", "/", false},
        {"/x/data", "/data", false}, {"/data/a", "/data/a/b", false},
    };
    for (const auto& [path, prefix, beneath] : cases) {
        INFO(path << " beneath " << prefix);
        CHECK(is_beneath(path, prefix) == beneath);
    }
}

TEST_CASE("text: printable shows what a terminal would obey or could not decode") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"plain text", "plain text"},
        {"\x1b[2J\n\t\x7f", R"(\x1b[2J\x0a\x09\x7f)"},
        {std::string("a\0b", 3), R"(a\x00b)"},
        {"schön €\xf0\x9f\x98\x80", "schön €\xf0\x9f\x98\x80"},
        {"\xc0\xaf", R"(\xc0\xaf)"},                  // overlong
        {"\xe0\x80\xaf", R"(\xe0\x80\xaf)"},          // overlong
        {"\xf0\x80\x80\xaf", R"(\xf0\x80\x80\xaf)"},  // overlong
        {"\xed\xa0\x80", R"(\xed\xa0\x80)"},          // surrogate
        {"\xf4\x90\x80\x80", R"(\xf4\x90\x80\x80)"},  // past U+10FFFF
        {"\xc2\x9b"
         "2J",
         R"(\xc2\x9b2J)"},  // C1 control: CSI
        {"\xc2\xa0", "\xc2\xa0"},
        {"a\xe2\x82", R"(a\xe2\x82)"},  // cut
        {"\x80\xff", R"(\x80\xff)"},
        {"\xc3"
         "a",
         R"(\xc3a)"},
    };
    for (const auto& [text, shown] : cases) CHECK(printable(text) == shown);
    CHECK(printable("abcd", 4) == "abcd");
    CHECK(printable("abcde", 4) == "abcd…");
    CHECK(printable(std::string(1000, 'x')).size() == 256 + std::string("…").size());
    CHECK(printable(std::string(1000, '\n'), 10) == R"(\x0a\x0a\x0a…)");
}
