// The file that is installed, and the page that describes it, agree with the table of directives.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;

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
    CHECK(reading.file.sections.empty());
    std::set<const Directive*> set;
    for (const DirectiveLine& line : reading.file.lines) {
        INFO(line.directive->name);
        set.insert(line.directive);
        CHECK(line.directive->standing == Standing::in_effect);
        if (line.directive->type != ValueType::binds) CHECK(line.value == line.directive->default_value);
    }
    for (const Directive& directive : directives()) {
        INFO(directive.name);
        CHECK(set.contains(&directive) == (directive.standing == Standing::in_effect));
    }
    std::vector<std::string> binds;
    for (const BindPath& bind : reading.config.bind_path.value) binds.push_back(bind.source + ":" + bind.destination);
    CHECK(binds == std::vector<std::string>{"/etc/localtime:/etc/localtime", "/etc/hosts:/etc/hosts"});
}

TEST_CASE("configuration page: has the table of `berth config list --markdown`") {
    INFO("to mend it: berth config list --markdown");
    const bool agrees = source_file("docs/configuration.md").find("\n" + directives_markdown() + "\n") != std::string::npos;
    CHECK(agrees);
}
