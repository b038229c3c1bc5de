// The file that is installed, and the page that describes it, agree with the table of directives.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

std::string source_file(const std::string& name) {
    const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    auto text = read_file((root / name).string(), kMaxFileSize);
    if (!text) FAIL(text.error().message);
    return *text;
}

}  // namespace

TEST_CASE("shipped berth.conf: sets every directive in effect, to its default") {
    const Reading reading = read(source_file("conf/berth.conf"), "conf/berth.conf");
    for (const Problem& problem : reading.problems) FAIL_CHECK(problem.to_string());
    std::set<const Directive*> set;
    for (const DirectiveLine& line : reading.lines) {
        INFO(line.directive->name);
        set.insert(line.directive);
        CHECK(line.directive->in_effect);
        if (line.directive->type != ValueType::binds) CHECK(line.value == line.directive->default_value);
    }
    for (const Directive& directive : directives()) {
        INFO(directive.name);
        CHECK(set.contains(&directive) == directive.in_effect);
    }
    std::vector<std::string> binds;
    for (const BindPath& bind : reading.config.bind_path.value) binds.push_back(bind.source + ":" + bind.destination);
    CHECK(binds == std::vector<std::string>{"/etc/localtime:/etc/localtime", "/etc/hosts:/etc/hosts"});
}

TEST_CASE("shipped berth.conf: names the directives that are not supported yet") {
    const std::string text = source_file("conf/berth.conf");
    const auto block = text.find("Known, and not supported yet");
    REQUIRE(block != std::string::npos);
    std::set<std::string> named;
    for (const std::string& line : split(std::string_view(text).substr(block), '\n')) {
        if (!line.starts_with("#   ")) continue;
        for (const std::string& name : split(line.substr(1), ',')) named.insert(std::string(trim(name)));
    }
    named.erase("");
    std::set<std::string> expected;
    for (const Directive& directive : directives())
        if (!directive.in_effect) expected.insert(std::string(directive.name));
    CHECK(named == expected);
}

TEST_CASE("configuration page: has a row for every directive, with its default") {
    const std::string page = source_file("docs/configuration.md");
    for (const Directive& directive : directives()) {
        const std::string value =
            directive.default_value.empty() ? "" : "`" + std::string(directive.default_value) + "`";
        CHECK_THAT(page, Contains("| `" + std::string(directive.name) + "` | " + value + (value.empty() ? "|" : " |")));
    }
}
