// YAML into JSON's values: what each form means, and what is refused with its line.
#include "runtime/config/strict_yaml.hpp"

#include <catch2/catch.hpp>

#include "runtime/base/text.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

/// The value as JSON.
std::string good(const std::string& text) {
    INFO(text);
    const auto value = parse_strict_yaml(text, "f.yaml");
    if (!value) FAIL(value.error().message);
    return value->dump();
}

std::string refusal(const std::string& text) {
    INFO(printable(text));
    const auto value = parse_strict_yaml(text, "f.yaml");
    if (value) FAIL("was read as " << value->dump());
    CHECK(value.error().category == Category::config);
    CHECK(printable(value.error().message, 2000) == value.error().message);
    CHECK(value.error().message.starts_with("f.yaml: "));
    return value.error().message.substr(8);
}

}  // namespace

TEST_CASE("strict YAML: the core schema's values") {
    const std::vector<std::pair<std::string, std::string>> values = {
        {"a", "\"a\""}, {"a b", "\"a b\""}, {"'1'", "\"1\""}, {"\"true\"", "\"true\""}, {"''", "\"\""}, {"'~'", "\"~\""},
        {"1", "1"}, {"0", "0"}, {"-5", "-5"}, {"+7", "7"}, {"18446744073709551615", "18446744073709551615"},
        {"0o660", "432"}, {"0xfF", "255"}, {"1.5", "1.5"}, {"-.5", "-0.5"}, {"2e3", "2000.0"},
        {"true", "true"}, {"False", "false"}, {"TRUE", "true"}, {"~", "null"}, {"null", "null"}, {"", "null"},
        {"0.5.0", "\"0.5.0\""}, {"0:1", "\"0:1\""}, {"1_000", "\"1_000\""}, {"0b1", "\"0b1\""}, {"0o8", "\"0o8\""}, {"-0x1", "\"-0x1\""},
        {".", "\".\""}, {"inf", "\"inf\""}, {"truely", "\"truely\""}, {"\"a\\tb\"", "\"a\\tb\""}, {"tRUE", "\"tRUE\""},
        {"--flag=1", "\"--flag=1\""}, {"|\n  two\n  lines", "\"two\\nlines\""}, {"[1, a, []]", "[1,\"a\",[]]"}, {"{x: {y: 'z'}}", "{\"x\":{\"y\":\"z\"}}"}};
    for (const auto& [yaml, json] : values) CHECK_THAT(good("k: " + yaml), Equals("{\"k\":" + json + "}"));
    CHECK_THAT(good("--- # comment\n- a\n- b: 1\n  c: [x]\n...\n"), Equals(R"(["a",{"b":1,"c":["x"]}])"));
    CHECK_THAT(good("yes: 1\n'1': 2\n"), Equals(R"({"1":2,"yes":1})"));
    CHECK_THAT(good("{\"json\": [\"is\", true, null, 1.5, {\"yaml\": \"\\u0041\"}]}"), Equals(R"({"json":["is",true,null,1.5,{"yaml":"A"}]})"));
    CHECK_THAT(good("just text"), Equals("\"just text\""));
}

TEST_CASE("strict YAML: what is refused, and where") {
    struct Case {
        std::string text, message;
    };
    const auto c = GENERATE(values<Case>({
        {"", "holds nothing"},
        {"# only this\n", "holds nothing"},
        {"a: 1\nb: yes\n", "'yes' is true or false in one version of YAML and a text in another; write true, false or a text in quotes (line 2)"},
        {"a: 1\n\nb: Off\n", "(line 3)"},
        {"a: 0660", "'0660' is octal in one version of YAML and decimal in another; write 0o… for octal, or a text in quotes (line 1)"},
        {"a: 99999999999999999999", "'99999999999999999999' is too great a number (line 1)"},
        {"a: -9223372036854775808", "is too great a number"},
        {"a: 1\nb: 2\na: 3", "member \"a\" appears twice (line 3)"},
        {"x:\n  a: 1\n  a: 1", "member \"a\" appears twice (line 3)"},
        {"a: &x 1", "an anchor (&NAME) is not read; leave it out (line 1)"},
        {"- &x [1]\n- *x", "an anchor"},
        {"- 1\n- *x", "(line 2)"},
        {"a: !!str 1", "a tag (!NAME) is not read; leave it out (line 1)"},
        {"a: !x {b: c}", "a tag"},
        {"!!map {b: c}", "a tag"},
        {"? [a]\n: b", "a member's name must be a text (line 1)"},
        {"? {a: b}\n: b", "a member's name must be a text"},
        {"~: b", "a member has no name (line 1)"},
        {"a: 1\n---\nb: 2", "a second document begins (line 3)"},
        {"[[[[[[[[[]]]]]]]]]", "nested more than 8 levels deep (line 1)"},
        {"a: [1, 2", "not valid YAML: "},
        {"a: 1\n b: 2", "not valid YAML: "},
        {"\ta: 1", "not valid YAML: "},
        {"a: \"x", "not valid YAML: "},
        {"a: 'b'\n\x01", "a control character (line 2)"},
        {std::string("a: 1\n\0b: 2", 10), "a control character (line 2)"},
        {"a: 1\n\x04secret: 2", "a control character (line 2)"},
        {"%YAML 3.0\n---\na: 1", "not valid YAML: "},
    }));
    CHECK_THAT(refusal(c.text), Contains(c.message));
}

TEST_CASE("strict YAML: depth and nonsense end in bounded time") {
    CHECK_THAT(good("[[[[[[[[]]]]]]]]"), Equals("[[[[[[[[]]]]]]]]"));
    for (const char* piece : {"[", "{", "- ", "? ", "a: ", "!a ", "&a ", "[a: ", "{a: [", "\n- ", "'", "|\n", "{{", "%", "- - "}) {
        std::string text;
        while (text.size() < 20000) text += piece;
        static_cast<void>(parse_strict_yaml(text, "f.yaml"));
    }
    CHECK(refusal(std::string(20000, '[')).size() < 600);
}
