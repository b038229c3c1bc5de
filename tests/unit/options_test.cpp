// The option table: what each option accepts, what it makes of it, and that the table agrees with itself.
#include "runtime/request/options.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "runtime/base/text.hpp"

using namespace berth;
using Catch::Matchers::Contains;

namespace {

const Option& option(std::string_view name) {
    const auto found = std::ranges::find(options(), name, &Option::name);
    REQUIRE(found != options().end());
    return *found;
}

/// The request after these options, in order.
Request made(const std::vector<std::pair<std::string_view, std::string>>& given) {
    Request request;
    for (const auto& [name, value] : given) {
        const auto status = option(name).apply(request, value);
        if (!status) FAIL("--" << name << "=" << value << ": " << status.error().message);
    }
    return request;
}

std::string refusal(std::string_view name, const std::string& value) {
    Request request;
    const auto status = option(name).apply(request, value);
    if (status) FAIL("--" << name << "=" << printable(value) << " was accepted");
    CHECK(status.error().category == Category::usage);
    CHECK(printable(status.error().message, 100000) == status.error().message);
    return status.error().message;
}

std::string shown(const std::vector<BindRequest>& binds) {
    std::string text;
    for (const auto& bind : binds)
        text += bind.source + " " + bind.destination + (bind.read_only ? " ro" : " rw") + "; ";
    return text;
}

std::string shown(const std::vector<EnvironmentChange>& changes) {
    std::string text;
    for (const auto& change : changes) text += change.name + (change.value ? "=" + *change.value : "") + "; ";
    return text;
}

}  // namespace

TEST_CASE("options: capabilities") {
    CHECK(made({{"add-caps", "CAP_CHOWN,net_raw"}}).add_capabilities == (capability_bit(0) | capability_bit(13)));
    CHECK(made({{"add-caps", "cap_chown"}, {"add-caps", " CAP_KILL "}}).add_capabilities == (capability_bit(0) | capability_bit(5)));
    CHECK(made({{"drop-caps", "ALL"}}).drop_capabilities == kAllCapabilities);
    CHECK_THAT(refusal("add-caps", "CAP_CHWON"), Contains("did you mean 'CAP_CHOWN'?"));
    CHECK_THAT(refusal("add-caps", ""), Contains("expected names such as"));
    CHECK_THAT(refusal("drop-caps", "CAP_CHOWN,,CAP_KILL"), Contains("capability '' is not known"));
    CHECK(refusal("add-caps", std::string(100000, 'A')).size() < 200);
    CHECK(made({{"keep-privs", ""}}).keep_privileges);
    CHECK(made({{"no-privs", ""}}).no_privileges);
    for (int number = 0; number < kCapabilityCount; ++number) {
        CHECK(capability_number(capability_name(number)) == number);
        CHECK(*parse_capabilities(to_string(capability_bit(number))) == capability_bit(number));
    }
    CHECK(to_string(CapabilitySet{0}) == "none");
    CHECK(*parse_capabilities(to_string(kAllCapabilities)) == kAllCapabilities);
}

TEST_CASE("options: security") {
    const auto request = made({{"security", "seccomp:/a\\,b.json,uid:5"}, {"security", "gid:6:7,apparmor:a//b"}});
    CHECK(request.security.seccomp == "/a,b.json");
    CHECK(request.security.uid == 5U);
    CHECK(request.security.gids == std::vector<gid_t>{6, 7});
    CHECK(request.security.apparmor == "a//b");
    CHECK(made({{"security", "selinux:u:r:t:s0:c1\\,c2"}}).security.selinux == "u:r:t:s0:c1,c2");
    CHECK(made({{"security", "seccomp:relative.json"}}).security.seccomp == "relative.json");
    for (const char* wrong : {"", "seccomp", "seccomp:", "uid:", "uid:-1", "uid:4294967295", "uid:4294967296", "uid:1x", "gid:", "gid:1:",
                              "gid:1:4294967295", "apparmor:", "apparmor:a b", "selinux:\xff", "label:x", "uid:1,", "seccomp:/a\nb"})
        static_cast<void>(refusal("security", wrong));
    static_cast<void>(refusal("security", "selinux:" + std::string(5000, 'a')));
    std::string many = "gid:1";
    for (int i = 0; i < 64; ++i) many += ":1";
    static_cast<void>(refusal("security", many));
}

TEST_CASE("options: CDI devices") {
    const auto request = made({{"cdi", "nvidia.com/gpu=0,nvidia.com/gpu=0:1"}, {"cdi", "amd.com/gpu=all,nvidia.com/gpu=0"}});
    CHECK(request.cdi_devices == std::vector<CdiName>{{"nvidia.com/gpu", "0"}, {"nvidia.com/gpu", "0:1"}, {"amd.com/gpu", "all"}});
    for (const char* wrong : {"", "all", "nvidia.com/gpu", "nvidia.com/gpu=0,", ",nvidia.com/gpu=0", "nvidia.com/gpu=0, nvidia.com/gpu=1"})
        static_cast<void>(refusal("cdi", wrong));
    std::string many = "v/c=0";
    for (int i = 1; i < 64; ++i) many += ",v/c=" + std::to_string(i);
    CHECK(made({{"cdi", many}, {"cdi", many}}).cdi_devices.size() == 64);
    CHECK_THAT(refusal("cdi", many + ",v/c=64"), Contains("more than 64 CDI devices"));
}

TEST_CASE("options: what the user gave is noted once") {
    Request request;
    CHECK(give(request, option("bind"), "/a").ok());
    CHECK(give(request, option("bind"), "/b").ok());
    CHECK(give(request, option("contain"), "").ok());
    CHECK_FALSE(give(request, option("pwd"), "relative").ok());
    CHECK(request.given == std::vector<std::string>{"bind", "contain"});
}

TEST_CASE("options: the table agrees with itself") {
    std::set<std::string> names, slurm_names, variables;
    for (const Option& each : options()) {
        INFO(each.name);
        CHECK(names.emplace(each.name).second);
        CHECK(slurm_names.emplace(each.slurm_name).second);
        if (!each.slurm_alias.empty()) CHECK(slurm_names.emplace(each.slurm_alias).second);
        CHECK(variables.insert(environment_name(each)).second);
        CHECK(each.slurm_name.find("container") != std::string_view::npos);
        CHECK(each.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
        CHECK_FALSE(each.meaning.empty());
        CHECK(each.apply != nullptr);
        // Slurm's own option, which a plugin must not declare again.
        CHECK(each.slurm_name != "container");
        if (!each.argument.empty() && each.argument.front() == '[') CHECK(each.argument.back() == ']');
    }
    CHECK(environment_name(option("no-home")) == "BERTH_NO_HOME");
    CHECK(option("bind").needs_argument());
    CHECK_FALSE(option("contain").takes_argument());
    CHECK(option("explain").takes_argument());
    CHECK_FALSE(option("explain").needs_argument());
    CHECK(option("image").scope == Scope::slurm_only);
}

TEST_CASE("options: bind") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"/data", "/data /data rw; "},
        {"/data:", "/data /data rw; "},
        {"/data:/in", "/data /in rw; "},
        {"/data:/in:ro", "/data /in ro; "},
        {"/data:/in:rw", "/data /in rw; "},
        {"/data::ro", "/data /data ro; "},
        {"/a,/b:/c:ro,/d", "/a /a rw; /b /c ro; /d /d rw; "},
        {"/data//x/./y/:/in/../out//", "/data//x/./y/ /out rw; "},
        {"/data/", "/data/ /data rw; "},
        {R"(/with\:colon:/in)", "/with:colon /in rw; "},
        {R"(/with\,comma:/in)", "/with,comma /in rw; "},
        {R"(/with\\backslash:/in)", R"(/with\backslash /in rw; )"},
        {R"(/with\nothing special:/in)", R"(/with\nothing special /in rw; )"},
        {"/schön:/€", "/schön /€ rw; "},
    };
    for (const auto& [value, binds] : cases) {
        INFO(value);
        CHECK(shown(made({{"bind", value}}).binds) == binds);
    }
    CHECK(shown(made({{"bind", "/a,/b"}, {"bind", "/c"}}).binds) == "/a /a rw; /b /b rw; /c /c rw; ");
}

TEST_CASE("options: bind refuses what it does not understand, and says what it wants") {
    CHECK_THAT(refusal("bind", ""), Contains("bind source is empty"));
    CHECK_THAT(refusal("bind", "/a,,/b"), Contains("bind source is empty"));
    CHECK_THAT(refusal("bind", "relative"), Contains("'relative'") && Contains("absolute"));
    CHECK_THAT(refusal("bind", "/a:b"), Contains("bind destination") && Contains("absolute"));
    CHECK_THAT(refusal("bind", "/a:/b:rx"), Contains("'rx'") && Contains("ro or rw"));
    CHECK_THAT(refusal("bind", "/a:/b:"), Contains("ro or rw"));
    CHECK_THAT(refusal("bind", "/a:/b:ro:x"), Contains("SRC[:DST[:ro|rw]]"));
    for (const char* root : {"/a:/", "/a://", "/a:/x/..", "/a:/.", "/", "/a:/../.."})
        CHECK_THAT(refusal("bind", root), Contains("root cannot be covered"));
    CHECK_THAT(refusal("bind", "/a\n:/b"), Contains("newline"));
    CHECK_THAT(refusal("bind", std::string("/a\0b:/c", 7)), Contains("NUL"));
    CHECK_THAT(refusal("bind", "/a:/b\n"), Contains("newline"));
    CHECK_THAT(refusal("bind", "/" + std::string(4095, 'x')), Contains("4095 bytes"));
    CHECK(made({{"bind", "/" + std::string(4094, 'x')}}).binds.size() == 1);
    std::string many = "/a";
    for (int i = 1; i < 128; ++i) many += ",/a";
    CHECK(made({{"bind", many}}).binds.size() == 128);
    CHECK_THAT(refusal("bind", many + ",/a"), Contains("128"));
    CHECK_THAT(refusal("bind", "rel\x1b[2J"), Contains(R"(rel\x1b[2J)"));
}

TEST_CASE("options: home, and its opposites in any order") {
    CHECK(made({}).home.mode == HomeMode::caller);
    CHECK(made({{"no-home", ""}}).home.mode == HomeMode::none);
    CHECK(made({{"no-home", ""}, {"mount-home", ""}}).home.mode == HomeMode::caller);
    CHECK(made({{"mount-home", ""}, {"no-home", ""}}).home.mode == HomeMode::none);
    for (const auto& [value, source, destination] : std::vector<std::array<std::string, 3>>{
             {"/h", "/h", "/h"}, {"/h:/home/me/", "/h", "/home/me"}, {R"(/a\:b:/c)", "/a:b", "/c"}}) {
        const auto home = made({{"no-home", ""}, {"home", value}, {"mount-home", ""}}).home;
        CHECK(home.mode == HomeMode::custom);
        CHECK(home.source == source);
        CHECK(home.destination == destination);
    }
    CHECK_THAT(refusal("home", ""), Contains("home source is empty"));
    CHECK_THAT(refusal("home", "h"), Contains("home source 'h'") && Contains("absolute"));
    CHECK_THAT(refusal("home", "/h:d"), Contains("home destination 'd'"));
    CHECK_THAT(refusal("home", "/h:"), Contains("home destination is empty"));
    CHECK_THAT(refusal("home", "/h:/d:ro"), Contains("SRC[:DST]"));
    CHECK_THAT(refusal("home", "/h:/"), Contains("root cannot be covered"));
    CHECK_THAT(refusal("home", "/"), Contains("root cannot be covered"));
}

TEST_CASE("options: pwd, contain, cleanenv, image") {
    CHECK_FALSE(made({}).working_directory);
    CHECK(made({{"pwd", "/a//b/../c/"}}).working_directory == "/a/c");
    CHECK(made({{"pwd", "/a"}, {"pwd", "/"}}).working_directory == "/");
    CHECK_THAT(refusal("pwd", ""), Contains("empty"));
    CHECK_THAT(refusal("pwd", "a"), Contains("absolute"));
    CHECK(made({}).isolation == Isolation::shared);
    CHECK(made({{"contain", ""}}).isolation == Isolation::contain);
    CHECK(made({}).environment == Environment::inherit);
    CHECK(made({{"cleanenv", ""}}).environment == Environment::clean);
    CHECK(made({{"image", "a.sif"}, {"image", "/b.sif"}}).image == "/b.sif");
    CHECK(made({{"image", "a.sif"}}).wants_container());
    CHECK_FALSE(made({{"image", "none"}}).wants_container());
    CHECK_FALSE(made({}).wants_container());
    CHECK_THAT(refusal("image", ""), Contains("image"));
    CHECK_THAT(refusal("image", "a\nb"), Contains("newline"));
}

TEST_CASE("options: env") {
    CHECK(shown(made({{"env", "A=1"}}).environment_changes) == "A=1; ");
    CHECK(shown(made({{"env", "A,B=,C=x=y"}, {"env", "_d1=/a:b c"}}).environment_changes) ==
          "A; B=; C=x=y; _d1=/a:b c; ");
    CHECK(shown(made({{"env", R"(LIST=a\,b,B=c\\d\e)"}}).environment_changes) == R"(LIST=a,b; B=c\\d\e; )");
    CHECK(shown(made({{"env", "TEXT=two\nlines"}}).environment_changes) == "TEXT=two\nlines; ");
    for (const char* wrong : {"", "=x", "1A=x", "A B=x", "A-B", "Ä=x", "A=1,,B=2", "A\n=1"}) {
        INFO(wrong);
        CHECK_THAT(refusal("env", wrong), Contains("NAME=VALUE"));
    }
    CHECK_THAT(refusal("env", std::string("A=\0", 3)), Contains("NUL"));
}

TEST_CASE("options: explain") {
    CHECK(made({}).explain == Explain::off);
    CHECK(made({{"explain", ""}}).explain == Explain::text);
    CHECK(made({{"explain", "text"}}).explain == Explain::text);
    CHECK(made({{"explain", "json"}}).explain == Explain::json);
    CHECK_THAT(refusal("explain", "yaml"), Contains("'yaml'") && Contains("text or json"));
}

TEST_CASE("options: the environment's variables") {
    const auto request = [](const std::vector<std::string>& environment) {
        Request made;
        const auto status = apply_environment(made, environment);
        if (!status) FAIL(status.error().message);
        return made;
    };
    CHECK(shown(request({"PATH=/bin", "BERTH_BIND=/a,/b:/c:ro", "BERTH_PWD=/d"}).binds) == "/a /a rw; /b /c ro; ");
    CHECK(request({"BERTH_PWD=/d"}).working_directory == "/d");
    CHECK(request({"BERTH_EXPLAIN=json"}).explain == Explain::json);
    CHECK(request({"BERTH_NO_HOME=1"}).home.mode == HomeMode::none);
    for (const char* yes : {"1", "yes", "true", "anything"})
        CHECK(request({"BERTH_CONTAIN=" + std::string(yes)}).isolation == Isolation::contain);
    for (const char* no : {"", "0", "no", "false"})
        CHECK(request({"BERTH_CONTAIN=" + std::string(no)}).isolation == Isolation::shared);
    CHECK(request({"BERTH_BIND=", "BERTH_HOME=", "BERTH_EXPLAIN="}).explain == Explain::off);
    // The image is named where the command is: a variable that is left set must not put every step into a container.
    CHECK(request({"BERTH_IMAGE=/x.sif"}).image.empty());
    CHECK(request({"BERTH_CONTAINX=1", "XBERTH_CONTAIN=1", "BERTH_CONTAIN"}).isolation == Isolation::shared);

    Request made;
    const auto wrong = apply_environment(made, std::vector<std::string>{"BERTH_BIND=relative"});
    REQUIRE_FALSE(wrong.ok());
    CHECK(wrong.error().category == Category::usage);
    CHECK_THAT(wrong.error().message, Contains("BERTH_BIND: ") && Contains("'relative'"));
}

TEST_CASE("options: the Markdown names every option, its variable and its aliases") {
    const std::string text = options_markdown();
    for (const Option& each : options()) {
        INFO(each.name);
        CHECK_THAT(text, Contains("`--" + std::string(each.slurm_name)) && Contains(std::string(each.meaning)));
        if (each.scope == Scope::everywhere) CHECK_THAT(text, Contains("`" + environment_name(each) + "`"));
        if (!each.slurm_alias.empty()) CHECK_THAT(text, Contains("--" + std::string(each.slurm_alias)));
    }
    // Each row has four cells: a bar inside one is escaped.
    for (const auto& line : split(text, '\n')) {
        if (!line.starts_with("|")) continue;
        INFO(line);
        std::size_t bars = 0;
        for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        CHECK(bars == 5);
    }
}
