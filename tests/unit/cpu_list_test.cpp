#include "runtime/base/cpu_list.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using Numbers = std::vector<unsigned>;

TEST_CASE("cpu_list: numbers and ranges, ascending and each once") {
    const auto list = [](std::string_view text) { return parse_cpu_list(text).value(); };
    CHECK(list("").empty());
    CHECK(list("\n").empty());
    CHECK(list("0") == Numbers{0});
    CHECK(list("0-3,7\n") == Numbers{0, 1, 2, 3, 7});
    CHECK(list("7, 0-3") == Numbers{0, 1, 2, 3, 7});
    CHECK(list("2-4,3-5,5") == Numbers{2, 3, 4, 5});
    CHECK(list("8191") == Numbers{8191});
    CHECK(list("0-8191").size() == 8192);
}

TEST_CASE("cpu_list: what is no list is said") {
    for (const char* text : {",", "1,", ",1", "-", "-1", "1-", "3-1", "1-2-3", "a", "0x1", "+1", "8192", "0-8192",
                             "4294967296", "0;1", "1 2", "0-7:1/2", "1\n2"}) {
        INFO(text);
        const auto result = parse_cpu_list(text);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().category == Category::usage);
        CHECK_THAT(result.error().message, Catch::Contains("is no part of a list such as \"0-3,7\""));
    }
}

TEST_CASE("cpu_list: the shortest text, that reads back") {
    CHECK(format_cpu_list({}).empty());
    CHECK(format_cpu_list({0}) == "0");
    CHECK(format_cpu_list({0, 1}) == "0-1");
    CHECK(format_cpu_list({0, 1, 2, 3, 7}) == "0-3,7");
    CHECK(format_cpu_list({1, 3, 5}) == "1,3,5");
    CHECK(format_cpu_list({0, 2, 3, 8190, 8191}) == "0,2-3,8190-8191");
    for (const char* text : {"0", "0-3,7", "1,3,5", "0-8191"})
        CHECK(format_cpu_list(parse_cpu_list(text).value()) == text);
}
