// Options that the site's files name.
#include "runtime/policy/site_options.hpp"

#include <catch2/catch.hpp>

#include "runtime/request/options.hpp"

using namespace berth;

namespace {

config::SiteFile file_of(const std::string& text) {
    auto file = config::parse_file(text, "conf");
    if (!file) FAIL(file.error().message);
    return *file;
}

Result<Request> start(const std::string& text) { return starting_request(config::for_job(file_of(text), {}).option_default); }

}  // namespace

TEST_CASE("site options: defaults are as if given first, and nobody gave them") {
    CHECK_FALSE(start("")->verify);
    const auto request = start("option default = bind=/a:/b,/c\noption default = contain\noption default = no-home\noption default = env=A=b\n");
    REQUIRE(request.ok());
    CHECK(request->given.empty());
    REQUIRE(request->binds.size() == 2);
    CHECK(request->binds[0].destination == "/b");
    CHECK(request->isolation == Isolation::contain);
    CHECK(request->home.mode == HomeMode::none);
    CHECK(request->environment_changes[0].value == "b");
    // The environment and the user come after it.
    Request later = *request;
    REQUIRE(apply_environment(later, std::vector<std::string>{"BERTH_HOME=/data"}));
    CHECK(later.home.mode == HomeMode::custom);
    CHECK(later.given == std::vector<std::string>{"home"});
}

TEST_CASE("site options: a default that nobody could give names its line") {
    struct Case {
        std::string text, message;
    };
    const auto c = GENERATE(Catch::Generators::values<Case>({
        {"\noption default = contian\n", "conf:2: option default: there is no option 'contian'; did you mean 'contain'?"},
        {"option default = bind\n", "conf:1: option default: 'bind' needs a value: bind=SRC"},
        {"option default = contain=yes\n", "conf:1: option default: 'contain' takes no value"},
        {"option default = bind=relative\n", "conf:1: option default: bind source 'relative' must be an absolute path"},
        {"option default = image=/a.sif\n", "conf:1: option default: 'image' can have no default"},
        {"option default = explain\n", "conf:1: option default: 'explain' can have no default"},
    }));
    const auto request = start(c.text);
    REQUIRE_FALSE(request.ok());
    CHECK(request.error().category == Category::config);
    CHECK_THAT(request.error().message, Catch::StartsWith(c.message));
    const auto problems = option_problems(file_of(c.text));
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].to_string() == request.error().message);
}

TEST_CASE("site options: the check sees sections and execution control lists") {
    CHECK(option_problems(file_of("option deny = bind, home\n[group g]\noption deny = env\noption default =\n")).empty());
    const auto problems = option_problems(file_of("option deny = bind, hom\n[group g]\noption deny = zzzzzz\noption default = contain=1\n"));
    REQUIRE(problems.size() == 3);
    CHECK(problems[0].to_string() == "conf:1: option deny: there is no option 'hom'; did you mean 'home'?");
    CHECK(problems[1].to_string() == "conf:3: option deny: there is no option 'zzzzzz' (berth options lists them)");
    CHECK(problems[2].where.line == 4);
    config::Ecl ecl;
    ecl.groups.resize(2);
    ecl.groups[0].options = {"bind"};
    CHECK(option_problems(ecl).empty());
    ecl.groups[1].options = {"bind", "image", "bindd"};
    ecl.groups[1].origin = {"ecl.toml", 7};
    REQUIRE(option_problems(ecl).size() == 1);
    CHECK(option_problems(ecl)[0].to_string() == "ecl.toml:7: options: there is no option 'bindd'; did you mean 'bind'?");
}
