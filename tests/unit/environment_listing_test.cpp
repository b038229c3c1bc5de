#include <catch2/catch.hpp>
#include <random>

#include "runtime/environment/export_listing.hpp"
#include "tests/unit/environment_shells.hpp"

namespace berth {
namespace {

TEST_CASE("every form of export -p is read") {
    const std::vector<std::pair<std::string, Variables>> rows = {
        {"export A='1'\nexport B='x y'\n", {{"A", "1"}, {"B", "x y"}}},
        {"export A='it'\"'\"'s'\nexport B\n", {{"A", "it's"}}},
        {"export A='two\nexport C=lines'\n", {{"A", "two\nexport C=lines"}}},
        {"declare -x A=\"q\\\"\\$\\`\\\\n\"\ndeclare -x OLDPWD\n", {{"A", "q\"$`\\n"}}},
        {"declare -rx A=\"1\"\ndeclare -ax B=([0]=\"x)\" [1]=$'\\')')\ndeclare -ix C=\"3\"", {{"A", "1"}, {"C", "3"}}},
        {"declare -x A=$'a\\'b\\n\\t\\001\\377\\E\\x41'\n",
         {{"A",
           "a'b\n\t\x01\xFF\x1B"
           "A"}}},
        {"export A=$'\\u00e9\\U0001F600\\u41'\n",
         {{"A",
           "\xC3\xA9\xF0\x9F\x98\x80"
           "A"}}},
        {"export A=$'\\C-A\\M-a\\M-\\C-a\\C-?\\cB'\n", {{"A", "\x01\xE1\x81\x7F\x02"}}},
        {"typeset -x A=plain/text\nexport B=a\\ b\nexport C=\nexport -i D=4\n",
         {{"A", "plain/text"}, {"B", "a b"}, {"C", ""}, {"D", "4"}}},
        {"export A=\"two\nlines \\\njoined\"", {{"A", "two\nlines joined"}}},
    };
    for (const auto& [text, expected] : rows) {
        INFO(text);
        const auto result = parse_export_p(text);
        REQUIRE(result.ok());
        CHECK(*result == expected);
    }
}

TEST_CASE("what is no listing is an error that quotes it") {
    const std::vector<std::string> rows = {"",
                                           "\n\n",
                                           "export A\n",
                                           "A=1\n",
                                           "export A='open",
                                           "export A=\"open",
                                           "export A=$'open",
                                           "export A=$'\\",
                                           "export A=$'\\0'",
                                           "export A=$'\\x'",
                                           "export A=$'\\uZ'",
                                           "export A=$'\\UFFFFFFFF'",
                                           "export A=$'\\400'",
                                           "export A=$'\\q'",
                                           "export A=$'\\M-",
                                           "export A=$'\\C-@'",
                                           "export A=a b",
                                           "export 1A=a",
                                           "export A-B=a",
                                           "export A=('x'",
                                           "export -x",
                                           "export A='1' trailing",
                                           "rbash: export: restricted",
                                           std::string("export A='\0'", 12),
                                           std::string("export A=\"\0\"", 12),
                                           std::string("export A=\0", 10),
                                           std::string("export A=\\\0", 11)};
    for (const std::string& text : rows) {
        INFO(text);
        const auto result = parse_export_p(text);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().category == Category::image);
    }
    CHECK(parse_export_p("export A='1'\nnonsense\n").error().message.find("'nonsense") != std::string::npos);
    CHECK_FALSE(parse_export_p(std::string(kMaxExportListing + 1, '\n')).ok());
    std::string many;
    for (std::size_t i = 0; i <= kMaxExportedVariables; ++i) many += "export A" + std::to_string(i) + "=\n";
    CHECK_FALSE(parse_export_p(many).ok());
}

TEST_CASE("random values of every byte survive every shell's export -p") {
    std::mt19937 random(7);
    const auto pick = [&](unsigned bound) { return random() % bound; };
    for (const test::Shell& shell : test::installed_shells()) {
        INFO(shell.name);
        for (int round = 0; round < 15; ++round) {
            Variables sent;
            for (int i = 0; i < 25; ++i) {
                std::string value;
                for (auto length = pick(40); length-- > 0;)
                    value += pick(2) == 0 ? "'\"\\$`\n \t!}"[pick(10)] : static_cast<char>(1 + pick(255));
                sent["V" + std::to_string(i)] = value;
            }
            sent["W"] = "\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80";
            if (round % 2 == 1) sent["LC_ALL"] = "C.UTF-8";
            const test::Outcome outcome = test::run_shell(shell, test::ScriptFolder({}).program(), sent);
            const std::string listing = outcome.listing.substr(0, outcome.listing.find('\0'));
            const auto result = parse_export_p(listing);
            if (!result) FAIL(result.error().message);
            CHECK(test::without_shells_own(*result) == test::true_environment(outcome.listing));
            for (const auto& [name, value] : sent) CHECK(result->at(name) == value);
        }
    }
}

TEST_CASE("the shell program goes on after commands that fail, and ends with a script that exits") {
    const std::vector<ImageScript> failing{{"1.sh", "export A=1\nfalse\nexport PATH=/nowhere\n"},
                                           {"2.sh", "export B=$((1+1))\nif\n"},
                                           {"3.sh", "set -eu\nexport C=3\n"},
                                           {"4.sh", "nonexistent-command\n. /nonexistent/file\n"},
                                           {"5.sh", "export D=4\n"}};
    const test::ScriptFolder folder(failing);
    const test::ScriptFolder exiting({{"1.sh", "export A=1\nexit 3\n"}, {"2.sh", "export B=1\n"}});
    for (const test::Shell& shell : test::installed_shells()) {
        INFO(shell.name);
        const auto outcome = test::run_shell(shell, folder.program(), {{"HOME", "/h"}});
        INFO(outcome.complaints);
        const auto result = parse_export_p(outcome.listing.substr(0, outcome.listing.find('\0')));
        REQUIRE(result.ok());
        CHECK(result->at("A") == "1");
        CHECK(result->count("B") == 0);
        CHECK(result->at("C") == "3");
        CHECK(result->at("D") == "4");

        const auto ended = test::run_shell(shell, exiting.program(), {{"HOME", "/h"}});
        CHECK(WEXITSTATUS(ended.status) == 3);
        CHECK(ended.listing.empty());
    }
}

}  // namespace
}  // namespace berth
