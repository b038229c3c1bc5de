#include "runtime/base/whole_number.hpp"

#include <catch2/catch.hpp>
#include <cstdint>

using namespace berth;

TEST_CASE("whole number: all of the text, or nothing") {
    CHECK(whole_number<unsigned>("0") == 0U);
    CHECK(whole_number<unsigned>("0042") == 42U);
    CHECK(whole_number<std::int64_t>("-42") == -42);
    CHECK(whole_number<unsigned>("fF", 16) == 255U);
    for (const char* text : {"", " ", " 1", "1 ", "1\n", "+1", "-1", "--1", "1.0", "1e3", "0x1", "a"}) {
        INFO(text);
        CHECK(!whole_number<unsigned>(text));
    }
    CHECK(!whole_number<int>("-"));
    CHECK(!whole_number<unsigned>("g", 16));
    CHECK(!whole_number<unsigned>(std::string_view("1\0", 2)));
}

TEST_CASE("whole number: what the type can hold") {
    CHECK(whole_number<std::uint64_t>("18446744073709551615") == 18446744073709551615ULL);
    CHECK(!whole_number<std::uint64_t>("18446744073709551616"));
    CHECK(whole_number<std::uint32_t>("4294967295") == 4294967295U);
    CHECK(!whole_number<std::uint32_t>("4294967296"));
    CHECK(whole_number<std::int32_t>("-2147483648") == -2147483647 - 1);
    CHECK(!whole_number<std::int32_t>("2147483648"));
}
