#include "runtime/base/quantity.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace berth;

TEST_CASE("quantity: sizes have powers of 1024, in either case, with or without b and ib") {
    const auto bytes = [](std::string_view text) { return parse_bytes(text).value(); };
    CHECK(bytes("0") == 0);
    CHECK(bytes("4096") == 4096);
    CHECK(bytes("4096b") == 4096);
    for (const char* text : {"512m", "512M", "512mb", "512MB", "512MiB", "0.5g", "524288k"})
        CHECK(bytes(text) == 512ULL << 20);
    CHECK(bytes("1.5k") == 1536);
    CHECK(bytes("2t") == 2ULL << 40);
    CHECK(bytes("0.000001k") == 0);
    CHECK(bytes("1.999999T") == 2199022156040);
    CHECK(bytes("9223372036854775807") == 9223372036854775807ULL);
}

TEST_CASE("quantity: what is no size, or too large, is said") {
    for (const char* text : {"",
                             "b",
                             "m",
                             "-1",
                             "+1",
                             " 1",
                             "1 ",
                             "1 m",
                             "1.",
                             ".5m",
                             "1.5.5",
                             "1.1234567m",
                             "1mm",
                             "1bm",
                             "1i",
                             "1x",
                             "1p",
                             "0x10",
                             "1e3",
                             "9223372036854775808",
                             "8388608t",
                             "18446744073709551616",
                             "99999999999999999999999t",
                             "1,5g",
                             "unlimited"}) {
        INFO(text);
        const auto result = parse_bytes(text);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().category == Category::usage);
        CHECK_THAT(result.error().message, Catch::Contains("'" + std::string(text) + "' is no size"));
    }
    CHECK_FALSE(parse_bytes(std::string_view("1\0", 2)).ok());
}

TEST_CASE("quantity: numbers of CPUs are a quota of a period of 100 ms") {
    const auto quota = [](std::string_view text) { return parse_cpus(text).value(); };
    CHECK(quota("0.5") == 50000);
    CHECK(quota("2") == 200000);
    CHECK(quota("1.25") == 125000);
    CHECK(quota("0.01") == 1000);
    CHECK(quota("0.333333") == 33333);
    CHECK(quota("8192") == 819200000);
    for (const char* text : {"", "0", "0.0", "0.009", "-1", "+1", "1m", "1,5", ".5", "2.", "8193", "8192.1",
                             "0.1234567", "1e1", "all", "18446744073709551615"}) {
        INFO(text);
        const auto result = parse_cpus(text);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().category == Category::usage);
        CHECK_THAT(result.error().message, Catch::Contains("'" + std::string(text) + "' is no number of CPUs"));
    }
}
