#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "runtime/base/whole_number.hpp"
#include "runtime/environment/export_listing.hpp"
#include "runtime/environment/image_scripts.hpp"
#include "tests/unit/environment_shells.hpp"

namespace berth {
namespace {

const ContainerFacts kFacts{"/home/ada", ""};

std::optional<Variables> run(const std::string& text, const Variables& start = {}) {
    const std::vector<ImageScript> scripts{{"90-environment.sh", text}};
    return run_plain_scripts(scripts, start);
}

/// What every installed shell makes of the scripts must be what run_plain_scripts made of them, without a complaint.
void check_against_shells(const std::vector<ImageScript>& scripts, const Variables& expected) {
    static const std::vector<test::Shell> shells = test::installed_shells();
    const test::ScriptFolder folder(scripts);
    for (const test::Shell& shell : shells) {
        const test::Outcome outcome = test::run_shell(shell, folder.program(), before_scripts(kFacts));
        for (const ImageScript& script : scripts) UNSCOPED_INFO(script.name << ":\n" << script.text);
        INFO(shell.name);
        CHECK(outcome.complaints.empty());
        CHECK(test::lines(test::true_environment(outcome.listing)) == test::lines(expected));
    }
}

struct Row {
    const char* text;
    std::optional<std::string> value;  ///< of X afterwards; "(none)": not exported; nullopt: asks for a shell
};

const std::vector<Row> kRows = {
    {"", "(none)"},
    {"#!/bin/sh\n# X=1\n\n  \t\n", "(none)"},
    {"X=1", "(none)"},
    {"export X=1", "1"},
    {"export X=1 # said", "1"},
    {"export X=1#not", "1#not"},
    {"X=1; export X", "1"},
    {"X=1; export X;", "1"},
    {"export X; X=2", "2"},
    {"export X=1; unset X", "(none)"},
    {"export X=1\nunset X; X=2", "(none)"},
    {"export \\\n  Y=1 \\\n\tX=2\\\n3", "23"},
    {"unset A \\\n B\nexport X=''\n", ""},
    {":;true; : \"$HOME\" a\nexport X=a", "a"},
    {"export X='a b'\"c d\"e\\ f", "a bc de f"},
    {"export X='$HOME `x` \\'", "$HOME `x` \\"},
    {"export X=\"\\$A \\\"q\\\" \\\\ \\`c\\` \\n\"", "$A \"q\" \\ `c` \\n"},
    {"export X=\"two\nlines\"", "two\nlines"},
    {"export X=\"jo\\\nined\"", "joined"},
    {"export X=$HOME/x:${HOME}", "/home/ada/x:/home/ada"},
    {"export X=\"$HOME$NONE\"", "/home/ada"},
    {"export X=\"5$ \"", "5$ "},
    {"A='a  b'; X=$A; export X", "a  b"},
    {"export X=\"${X:-\"bar baz\"}\"", "bar baz"},
    {"X=old; export X=\"${X:-\"bar baz\"}\"", "old"},
    {"X=; export X=\"${X:-\"bar\"}\"", "bar"},
    {"X=; export X=\"${X-bar}\"", ""},
    {"export X=\"${X-bar}\"", "bar"},
    {"A=1; export X=\"${A:+yes}${B:+no}${A+yes}${B+no}\"", "yesyes"},
    {"export X=\"${A:-${B:-\"deep $HOME\"}}\"", "deep /home/ada"},
    {"export X=\"${A:-\"q\\\"u\\\\o\\$t}e's\"}\"", "q\"u\\o$t}e's"},
    {"export X=\"${A:-(a) <b> & c; d|e #f ~ * ?}\"", "(a) <b> & c; d|e #f ~ * ?"},
    {"export X=${A:-plain}", "plain"},
    {"X=${A:-two words}; export X", "two words"},
    {"export X=${A:-'two words'}", "two words"},
    {"if [ -z \"$A\" ]; then export X=1; else export X=2; fi", "1"},
    {"A=a\nif [ -z \"$A\" ]\nthen\nexport X=1\nelse\nexport X=2\nfi", "2"},
    {"if test -n \"${A:-}\"; then echo \"$@\" $? ; [ -f x ] ; . /x; else export X=3; fi", "3"},
    {"if [ \"$HOME\" = /home/ada ]; then if [ a != b ]; then export X=4; fi; fi", "4"},
    {"if [ -n \"$A\" ]; then :; elif [ -n \"$HOME\" ]; then export X=5; elif x; then y; else z; fi", "5"},
    {"export LD_LIBRARY_PATH PS1; export X=${PS1:-unset}", "unset"},
    {"export X=\xC3\xA9'\xFF'", "\xC3\xA9\xFF"},
    // What follows is for a shell.
    {"export X=$(date)", std::nullopt},
    {"export X=`date`", std::nullopt},
    {"export X=\"`date`\"", std::nullopt},
    {"export X=$((1+1))", std::nullopt},
    {"export X=~/x", std::nullopt},
    {"export X=a:~", std::nullopt},
    {"export X=*", std::nullopt},
    {"export X={a,b}", std::nullopt},
    {"export X=$'a'", std::nullopt},
    {"export X=$\"a\"", std::nullopt},
    {"export X=$", std::nullopt},
    {"export X=${A%b}", std::nullopt},
    {"export X=${#A}", std::nullopt},
    {"export X=${A:=b}", std::nullopt},
    {"export X=${A:?b}", std::nullopt},
    {"export X=$1", std::nullopt},
    {"export X=$RANDOM", std::nullopt},
    {"export X=$HOSTNAME", std::nullopt},
    {"export X=$TERM", std::nullopt},
    {"export TERM", std::nullopt},
    {"IFS=:", std::nullopt},
    {"export A=1 X=$A", std::nullopt},
    {"A=1 X=$A", std::nullopt},
    {"A='a b'; export X=$A", std::nullopt},
    {"A='*'; export X=$A", std::nullopt},
    {"export X=${A:-two words}", std::nullopt},
    {"export X=\"${A:-it's}\"", std::nullopt},
    {"export X=\"${A:-\"a\\nb\"}\"", std::nullopt},
    {"export X=\"${A:-$}\"", std::nullopt},
    {"export X+=a", std::nullopt},
    {"export X=(a b)", std::nullopt},
    {"export -n X", std::nullopt},
    {"export", std::nullopt},
    {"export \"X=1\"", std::nullopt},
    {"export X=1 &", std::nullopt},
    {"export X=1 | cat", std::nullopt},
    {"export X=1 && export Y=2", std::nullopt},
    {"export X=1 > /dev/null", std::nullopt},
    {"X=1 export Y", std::nullopt},
    {"X() { :; }", std::nullopt},
    {"{ X=1; }", std::nullopt},
    {"( X=1 )", std::nullopt},
    {"! :", std::nullopt},
    {". /etc/profile", std::nullopt},
    {"source /etc/profile", std::nullopt},
    {"echo hello", std::nullopt},
    {"set -e", std::nullopt},
    {"exit 0", std::nullopt},
    {"readonly X=1", std::nullopt},
    {"for a in b; do :; done", std::nullopt},
    {"case a in a) ;; esac", std::nullopt},
    {"unset -f X", std::nullopt},
    {"export X=\"open", std::nullopt},
    {"export X='open", std::nullopt},
    {"export X=\"${A", std::nullopt},
    {"export X=\"${A:-", std::nullopt},
    {"if [ -z \"$A\" ]; then X=1", std::nullopt},
    {"if [ -z \"$A\" ]; then fi", std::nullopt},
    {"if [ -z \"$A\" ]; then :; else fi", std::nullopt},
    {"if [ -z $A ]; then X=1; fi", std::nullopt},
    {"if [ -z \"$A\" ]; false; then X=1; fi", std::nullopt},
    {"if [ -d /tmp ]; then X=1; fi", std::nullopt},
    {"if [ -z \"$A\" -a b ]; then X=1; fi", std::nullopt},
    {"if [ -z \"$A\"; then X=1; fi", std::nullopt},
    {"if :; then X=1; fi", std::nullopt},
    {"if [ -n \"$A\" ]; then for x in y; do :; done; fi", std::nullopt},
    {"if [ -n \"$A\" ]; then X=$(x); fi", std::nullopt},
    {"fi", std::nullopt},
    {";", std::nullopt},
    {"X=1;;", std::nullopt},
    {"export X=a\\", std::nullopt},
    {"export X=a\r\n", std::nullopt},
    {"X=$A\\\nB", std::nullopt},
    {"f\\\ni", std::nullopt},
};

TEST_CASE("plain scripts are run as a shell runs them, others are left to it") {
    for (const Row& row : kRows) {
        INFO(row.text);
        const auto result = run(row.text, before_scripts(kFacts));
        REQUIRE(result.has_value() == row.value.has_value());
        if (!result) continue;
        CHECK((result->count("X") == 1 ? result->at("X") : "(none)") == *row.value);
        check_against_shells({{"90-environment.sh", row.text}}, *result);
    }
}

TEST_CASE("a NUL is left to a shell") {
    CHECK_FALSE(run(std::string("export X=1 # \0", 14)));
}

TEST_CASE("scripts run in the byte order of their names and see each other's variables") {
    const std::vector<ImageScript> scripts{{"b.sh", "export X=\"$A-b\"\n"}, {"B.sh", "A=B"}, {"a.sh", "A=\"$A-a\""}};
    const auto result = run_plain_scripts(scripts, before_scripts(kFacts));
    REQUIRE(result);
    CHECK(result->at("X") == "B-a-b");
    CHECK(result->count("A") == 0);
    check_against_shells(scripts, *result);
}

TEST_CASE("the PATH of a Docker image is completed as Singularity does it") {
    const std::vector<ImageScript> scripts{
        {"10-docker2singularity.sh", "#!/bin/sh\nexport PATH=\"/opt/bin:/usr/bin\"\n"},
        {"90-environment.sh", "export PATH=/usr/games:$PATH\n"}};
    const auto result = run_plain_scripts(scripts, before_scripts(kFacts));
    REQUIRE(result);
    CHECK(result->at("PATH") == "/usr/games:/opt/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin");
    check_against_shells(scripts, *result);
}

TEST_CASE("the files that Singularity and Apptainer write into every image need no shell") {
    const std::string apps =
        "if test -n \"${SINGULARITY_APPNAME:-}\"; then\n\n    # the app\n    export SINGULARITY_APPNAME\n"
        "    if test -d \"/scif/apps/${SINGULARITY_APPNAME:-}/\"; then\n        SCIF_APPS=\"/scif/apps\"\n"
        "        PATH=\"/scif/apps/${SINGULARITY_APPNAME:-}:$PATH\"\n        if test -d \"/a/bin\"; then\n"
        "            PATH=\"/a/bin:$PATH\"\n        elif [ -f \"/b\" ]; then\n            . \"/b\" \"$@\"\n        fi\n"
        "    else\n        echo \"Could not: ${SINGULARITY_APPNAME}\"\n        exit 1\n    fi\nfi\n";
    const std::string base =
        "if [ -z \"$LD_LIBRARY_PATH\" ]; then\n    LD_LIBRARY_PATH=\"/.singularity.d/libs\"\nelse\n"
        "    LD_LIBRARY_PATH=\"$LD_LIBRARY_PATH:/.singularity.d/libs\"\nfi\n\n"
        "if test -z \"${PS1:-}\"; then\n        export PS1=\"Apptainer> \"\nfi\nexport LD_LIBRARY_PATH PS1\n";
    const std::string runtime =
        "if [ -n \"${SING_USER_DEFINED_PATH:-}\" ]; then\n\tPATH=\"${SING_USER_DEFINED_PATH}\"\nfi\n\n"
        "unset SING_USER_DEFINED_PREPEND_PATH \\\n\t  SING_USER_DEFINED_PATH\n\nexport PATH\n";
    const std::vector<ImageScript> scripts{
        {"01-base.sh", "#!/bin/sh\n# \n"},
        {"10-docker2singularity.sh",
         "#!/bin/sh\nexport PATH=\"/usr/bin:/bin\"\nexport GREETING=\"${GREETING:-\"hello \\\"world\\\"\"}\"\nexport "
         "UNSET=\"${UNSET:-}\"\n"},
        {"90-environment.sh",
         "#!/bin/sh\n# Custom environment shell code should follow\n\n    export LC_ALL=C\n    export "
         "PATH=/opt/x:$PATH\n"},
        {"94-appsbase.sh", ""},
        {"95-apps.sh", apps},
        {"99-base.sh", base},
        {"99-runtimevars.sh", runtime}};
    const auto result = run_plain_scripts(scripts, before_scripts(kFacts));
    REQUIRE(result);
    CHECK(result->at("GREETING") == "hello \"world\"");
    CHECK(result->at("UNSET").empty());
    CHECK(result->at("LD_LIBRARY_PATH") == "/.singularity.d/libs");
    CHECK(result->at("PS1") == "Apptainer> ");
    check_against_shells(scripts, *result);
}

TEST_CASE("bounds: what is too large or too deep is left to a shell, without much work") {
    CHECK_FALSE(run(std::string(kMaxScriptBytes + 1, '\n')));
    std::string doubling = "A=aaaaaaaa\n";
    for (int i = 0; i < 20; ++i) doubling += "A=$A$A\n";
    CHECK_FALSE(run(doubling));
    std::string repeated = "A='" + std::string(60000, 'a') + "'\n";
    for (int i = 0; i < 20000; ++i) repeated += "B=$A$A\n";
    CHECK_FALSE(run(repeated));
    std::string many;
    for (std::size_t i = 0; i <= kMaxScriptVariables; ++i) many += "A" + std::to_string(i) + "=\n";
    CHECK_FALSE(run(many));
    std::string nested, ifs;
    for (int i = 0; i < 20000; ++i) nested += "${A:-";
    for (int i = 0; i < 20000; ++i) ifs += "if [ -z \"$A\" ]; then ";
    CHECK_FALSE(run("X=\"" + nested));
    CHECK_FALSE(run(ifs));
    CHECK(run("export X=" + std::string(kMaxScriptValue, 'a')));
    CHECK_FALSE(run("export X=" + std::string(kMaxScriptValue + 1, 'a')));
}

TEST_CASE("random scripts: whatever is understood, every shell agrees with") {
    static const std::vector<std::string> pieces = {"a",
                                                    "b/c",
                                                    "\"x y\"",
                                                    "'q $A'",
                                                    "$A",
                                                    "${B}",
                                                    "\"$C\"",
                                                    "\"${C:-d}\"",
                                                    "\"${C:-\"e f\"}\"",
                                                    "${A:+\"$B\"}",
                                                    "${B-g}",
                                                    "${C:+h}",
                                                    "\\ ",
                                                    "\\$",
                                                    "\"\\$\"",
                                                    "\"\\n\"",
                                                    "*",
                                                    "~",
                                                    "{a,b}",
                                                    "#",
                                                    "!",
                                                    "\\\n",
                                                    "$",
                                                    "\xC3\xA9",
                                                    "\x85",
                                                    "\"",
                                                    "'",
                                                    "}",
                                                    "{",
                                                    "\\",
                                                    "=",
                                                    ":",
                                                    "-",
                                                    "[",
                                                    "]",
                                                    "\"${A:-\"i\\\\\"}j\"",
                                                    "\"${B:-${A:-\"k\"}l}\"",
                                                    "\"it's\"",
                                                    " ",
                                                    "\n",
                                                    ";",
                                                    ":-",
                                                    "+"};
    const auto number = [](const char* name, unsigned otherwise) {
        const char* const text = std::getenv(name);
        return text == nullptr ? otherwise : whole_number<unsigned>(text).value();
    };
    std::mt19937 random(number("BERTH_TEST_SEED", 1));
    const auto pick = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
    const auto word = [&] {
        std::string text;
        for (auto count = pick(5); count-- > 0;) text += pieces[pick(pick(3) == 0 ? pieces.size() : 15)];
        return text;
    };
    const auto name = [&] { return std::string(1, "ABC"[pick(3)]); };
    const auto line = [&]() -> std::string {
        switch (pick(8)) {
            case 0: return name() + "=" + word();
            case 1: return "export " + name();
            case 2: return "unset " + name() + (pick(2) == 0 ? " " + name() : "");
            case 3: return "export " + name() + "=" + word() + " " + name() + "=" + word();
            case 4:
                return "if [ -" + std::string(1, "nz"[pick(2)]) + " \"" + word() + "\" ]; then " + name() + "=" +
                       word() + "; else export " + name() + "=" + word() + "; fi";
            case 5:
                return "if test \"$" + name() + "\" = " + word() + "; then export " + name() + "=" + word() + "\nfi";
            case 6: return ": " + word() + "; " + name() + "=" + word() + " " + name() + "=" + word();
            default: return "export " + name() + "=" + word();
        }
    };
    unsigned understood = 0;
    const unsigned rounds = number("BERTH_TEST_ROUNDS", 300);
    for (unsigned round = 0; round < rounds; ++round) {
        std::string text;
        for (auto count = 1 + pick(4); count-- > 0;) text += line() + "\n";
        const auto result = run(text, before_scripts(kFacts));
        if (!result) continue;
        ++understood;
        check_against_shells({{"90-environment.sh", text}}, *result);
    }
    CHECK(understood > rounds / 10);
}

}  // namespace
}  // namespace berth
