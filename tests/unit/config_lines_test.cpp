// The syntax of berth.conf: lines, comments, blanks, and what is refused.
#include "runtime/config/lines.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace berth::config;

namespace {

struct Seen {
    std::vector<Assignment> assignments;
    std::vector<SectionHead> heads;
    std::vector<Problem> problems;
};

Seen read_lines(std::string_view text) {
    static const std::string file = "x.conf";
    Seen seen;
    LineReader reader(text, file);
    while (auto item = reader.next()) {
        if (auto* problem = std::get_if<Problem>(&*item))
            seen.problems.push_back(*problem);
        else if (const auto* head = std::get_if<SectionHead>(&*item))
            seen.heads.push_back(*head);
        else
            seen.assignments.push_back(std::get<Assignment>(*item));
    }
    return seen;
}

}  // namespace

TEST_CASE("config lines: name, value and line number of one assignment") {
    struct Case {
        std::string_view text, name, value;
        unsigned line;
    };
    const auto c = GENERATE(values<Case>({
        {"mount dev = yes", "mount dev", "yes", 1},
        {"mount dev=yes\n", "mount dev", "yes", 1},
        {"  \tmount dev \t=\t yes \t\n", "mount dev", "yes", 1},
        {"\n\n# comment\n   # another = one\n\nmount dev = yes", "mount dev", "yes", 6},
        {"\r\n# c\r\nmount dev = yes\r\n", "mount dev", "yes", 3},
        {"\xEF\xBB\xBFmount dev = yes\n", "mount dev", "yes", 1},
        {"mount dev =\n", "mount dev", "", 1},
        {"mount dev =    \n", "mount dev", "", 1},
        {"bind path = /a:/b=c,d;e#f [g]", "bind path", "/a:/b=c,d;e#f [g]", 1},
        {"# Latin-1 is harmless in a comment: \xE9\nmount dev = yes", "mount dev", "yes", 2},
    }));
    CAPTURE(c.text);
    const Seen seen = read_lines(c.text);
    REQUIRE(seen.problems.empty());
    REQUIRE(seen.assignments.size() == 1);
    CHECK(seen.assignments[0].name == c.name);
    CHECK(seen.assignments[0].value == c.value);
    CHECK(seen.assignments[0].line == c.line);
}

TEST_CASE("config lines: malformed lines are problems with their place") {
    using namespace std::string_view_literals;
    struct Case {
        std::string_view text, problem;
    };
    const auto c = GENERATE(values<Case>({
        {"\nmount dev yes\n"sv,
         "x.conf:2: no '=' in 'mount dev yes'; write DIRECTIVE = VALUE, or '#' before a comment"sv},
        {"; comment\n"sv, "x.conf:1: no '=' in '; comment'; write DIRECTIVE = VALUE, or '#' before a comment"sv},
        {" = yes\n"sv, "x.conf:1: no directive before the '='; write DIRECTIVE = VALUE"sv},
        {"[partition gpu\n"sv,
         "x.conf:1: no ']' at the end of '[partition gpu'; write [partition NAME], [account NAME] or [group NAME]"sv},
        {"[partition gpu] # why\n"sv,
         "x.conf:1: no ']' at the end of '[partition gpu] # why'; write [partition NAME], [account NAME] or [group NAME]"sv},
        {"[partition]\n"sv, "x.conf:1: [partition] has no name; write [partition NAME], [account NAME] or [group NAME]"sv},
        {"[]\n"sv, "x.conf:1: [] has no name; write [partition NAME], [account NAME] or [group NAME]"sv},
        {"[group a]]\n"sv, "x.conf:1: '[' or ']' inside of [group a]]; write [partition NAME], [account NAME] or [group NAME]"sv},
        {"mount dev = y\0es\n"sv, "x.conf:1: the line holds a control character (\\x00); remove it"sv},
        {"# hides\rmount dev = no\n"sv, "x.conf:1: the line holds a control character (\\x0d); remove it"sv},
        {"mount dev = \x1b[1myes\n"sv, "x.conf:1: the line holds a control character (\\x1b); remove it"sv},
        {"\xFF\xFE\n"sv, "x.conf:1: no '=' in '\\xff\\xfe'; write DIRECTIVE = VALUE, or '#' before a comment"sv},
    }));
    CAPTURE(c.text);
    const Seen seen = read_lines(c.text);
    CHECK(seen.assignments.empty());
    REQUIRE(seen.problems.size() == 1);
    CHECK(seen.problems[0].to_string() == c.problem);
    CHECK(seen.problems[0].error().category == berth::Category::config);
}

TEST_CASE("config lines: heads of sections") {
    const Seen seen = read_lines("a = 1\n  [ partition \tgpu ]  \r\n[group domain users]\n[x y]");
    CHECK(seen.problems.empty());
    REQUIRE(seen.heads.size() == 3);
    CHECK((seen.heads[0].kind == "partition" && seen.heads[0].name == "gpu" && seen.heads[0].line == 2));
    CHECK((seen.heads[1].kind == "group" && seen.heads[1].name == "domain users"));
    CHECK(seen.heads[2].kind == "x");
}

TEST_CASE("config lines: reading goes on after a problem, and ends") {
    const Seen seen = read_lines("a\nb = 1\nc\n\nd = 2");
    REQUIRE(seen.problems.size() == 2);
    CHECK(seen.problems[1].where.line == 3);
    REQUIRE(seen.assignments.size() == 2);
    CHECK(seen.assignments[1].line == 5);
    CHECK(read_lines("").assignments.empty());
    CHECK(read_lines("\n\n\n").problems.empty());
    CHECK(read_lines("\xEF\xBB\xBF").problems.empty());
}

TEST_CASE("config lines: no length is too long") {
    const std::string value(std::size_t{1} << 20, 'v');
    const Seen seen = read_lines("\nname = " + value + "\nnext = 1\n");
    CHECK(seen.problems.empty());
    REQUIRE(seen.assignments.size() == 2);
    CHECK(seen.assignments[0].value.size() == value.size());
    CHECK(seen.assignments[1].line == 3);
}

TEST_CASE("config origin: how a place is written") {
    CHECK(Origin{"/etc/berth/berth.conf", 12}.to_string() == "/etc/berth/berth.conf:12");
    CHECK(Origin{"/etc/berth/berth.conf", 0}.to_string() == "/etc/berth/berth.conf");
    CHECK(Origin{}.to_string() == "default");
    CHECK(Origin{"a\nb", 1}.to_string() == "a\\x0ab:1");
}
