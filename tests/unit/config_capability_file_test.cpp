// capability.json: what is read, what is refused, and on which line; what is written.
#include "runtime/config/capability_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

const std::string kFile = "/etc/berth/capability.json";

CapabilitySet set_of(std::string_view list) {
    auto set = parse_capabilities(list);
    if (!set) FAIL(set.error().message);
    return *set;
}

CapabilityGrants good(std::string_view text) {
    auto parsed = parse_capability_file(text, kFile);
    if (!parsed) FAIL(parsed.error().message);
    return std::move(parsed).value();
}

Setting<CapabilitySet> on_line(unsigned line, std::string_view list) {
    return {list.empty() ? 0 : set_of(list), {kFile, line}};
}

}  // namespace

TEST_CASE("capability file: as Singularity writes it") {
    const std::string users =
        "\t\"users\": {\n"
        "\t\t\"ann\": [\n"
        "\t\t\t\"CAP_CHOWN\",\n"
        "\t\t\t\"CAP_NET_RAW\"\n"
        "\t\t],\n"
        "\t\t\"root\": [\n"
        "\t\t\t\"CAP_SYS_ADMIN\"\n"
        "\t\t]\n"
        "\t}";
    const std::string groups =
        "\t\"groups\": {\n"
        "\t\t\"net\": [\n"
        "\t\t\t\"CAP_NET_ADMIN\"\n"
        "\t\t]\n"
        "\t}";
    const CapabilityGrants grants = good("{\n" + users + ",\n" + groups + "\n}");
    CHECK(grants.file == kFile);
    CHECK(grants.users ==
          CapabilityAccounts{{"ann", on_line(3, "CAP_CHOWN,CAP_NET_RAW")}, {"root", on_line(7, "CAP_SYS_ADMIN")}});
    CHECK(grants.groups == CapabilityAccounts{{"net", on_line(12, "CAP_NET_ADMIN")}});
    CHECK(to_text(grants) == "{\n" + groups + ",\n" + users + "\n}\n");
}

TEST_CASE("capability file: who has none") {
    for (const char* text : {"", "{}", " {\n} \n", R"({"users": {}})", R"({"users": {}, "groups": {}})"}) {
        INFO(text);
        const CapabilityGrants grants = good(text);
        CHECK(grants.users.empty());
        CHECK(grants.groups.empty());
        CHECK(to_text(grants) == "{}\n");
    }
    const CapabilityGrants grants = good(R"({"users": {"ann": []}})");
    CHECK(grants.users == CapabilityAccounts{{"ann", on_line(1, "")}});
    CHECK(to_text(grants) == "{}\n");
}

TEST_CASE("capability file: every capability is read and written by its name") {
    CapabilityGrants grants;
    grants.users["ann"].value = kAllCapabilities;
    grants.groups["domain users"].value = set_of("CAP_BPF");
    grants.groups["DOM\\x\"é"].value = set_of("CAP_CHOWN");
    const CapabilityGrants read = good(to_text(grants));
    CHECK(read.users.at("ann").value == kAllCapabilities);
    CHECK(read.groups.at("domain users").value == set_of("CAP_BPF"));
    CHECK(read.groups.at("DOM\\x\"é").value == set_of("CAP_CHOWN"));
    CHECK(to_text(read) == to_text(grants));
}

TEST_CASE("capability file: what is wrong is named with its line and its place") {
    const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
        {" ", {":1: not JSON: "}},
        {"{\n\"users\": {,}}", {":2: not JSON: syntax error"}},
        {"{\n\"users\": {}\n", {":2: not JSON: syntax error"}},
        {"{}\n{}", {":2: not JSON: "}},
        {"{} // nobody", {":1: not JSON: "}},
        {"{\"users\": {\"a\nb\": []}}", {":1: not JSON: "}},
        {"{\"users\": {\"\xFF\": []}}", {":1: not JSON: "}},
        {std::string("{}\n\0", 4), {":2: not JSON: a NUL byte"}},
        {"[]", {":1: the file must hold an object"}},
        {"\n\"CAP_CHOWN\"", {":2: the file must hold an object"}},
        {"null", {":1: the file must hold an object"}},
        {"{\"user\": {\"ann\": [\"CAP_NONSENSE\"]}}", {":1: unknown key 'user'; did you mean 'users'?"}},
        {"{\"Users\": {}}", {":1: unknown key 'Users'; did you mean 'users'?"}},
        {"{\"version\": 3}", {":1: unknown key 'version'; expected users and groups"}},
        {"{\"users\": []}", {":1: users must be an object, {\"NAME\": "}},
        {"{\n\"groups\": 7\n}", {":2: groups must be an object"}},
        {"{\"groups\": null}", {":1: groups must be an object"}},
        {"{\"users\": {},\n\n\"users\": {\"ann\": 1}}", {":3: users stands on line 1 already"}},
        {"{\"users\":\n{\"ann\": \"CAP_CHOWN\"}}", {":2: users.ann must be a list"}},
        {"{\"users\": {\"ann\": {\"CAP_CHOWN\": [true, {}]}}}", {":1: users.ann must be a list"}},
        {"{\"users\": {\"ann\": [],\n\"ann\": [\"CAP_CHOWN\"]}}", {":2: users.ann stands on line 1 already"}},
        {"{\"users\": {\"ann\": [7,\n true, null, 1.5, [[\"CAP_CHOWN\"]], {\"a\": []},\n\"CAP_NONE\"]}}",
         {":1: users.ann[0] must be a capability's name", ":2: users.ann[1] must", ":2: users.ann[2] must",
          ":2: users.ann[3] must", ":2: users.ann[4] must", ":2: users.ann[5] must", ":3: users.ann[6]: capability 'CAP_NONE'"}},
        {"{\"groups\": {\"net\": [\"CAP_CHOWN\", \"CAP_NET_ROW\"]}}",
         {":1: groups.net[1]: capability 'CAP_NET_ROW' is not known; did you mean 'CAP_NET_RAW'?"}},
        {"{\"users\": {\"ann\": [\"net_raw\", \"all\", \"\", \"CAP_CHOWN,CAP_KILL\", \"Cap_Chown\"]}}",
         {"users.ann[0]: write 'CAP_NET_RAW' instead of 'net_raw'", "users.ann[1]: 'all' is not the name of one capability",
          "users.ann[2]: capability '' is not known", "users.ann[3]: ", "users.ann[4]: write 'CAP_CHOWN'"}},
        {"{\"users\": {\"ann\": [\"CAP_CHOWN\",\n\"CAP_CHOWN\"]}}", {":2: users.ann[1]: CAP_CHOWN stands in this list already"}},
        {"{\"users\": {\"a:b\": [\"CAP_X\"], \"\": 5, \"a/b\": [], \" a\": [], \"a\\u0000b\": [], \"\\u001b[2J\": []}}",
         {"users.a:b: this cannot be a name in users", "users.: ", "users.a/b: ", "users. a: ", "users.a\\x00b: ", "users.\\x1b[2J: "}},
        {"{\"users\": {\"" + std::string(257, 'a') + "\": []}}", {"this cannot be a name in users"}},
    };
    for (const auto& [text, expected] : cases) {
        INFO(text);
        const CapabilityReading reading = read_capability_file(text, kFile);
        CHECK(reading.problems.size() == expected.size());
        for (std::size_t i = 0; i < std::min(expected.size(), reading.problems.size()); ++i) {
            const std::string shown = reading.problems[i].to_string();
            CHECK_THAT(shown, Catch::Matchers::StartsWith(kFile + ":"));
            CHECK_THAT(shown, Contains(expected[i]));
            CHECK(printable(shown, 4096) == shown);
        }
        const auto parsed = parse_capability_file(text, kFile);
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().category == Category::config);
    }
}

TEST_CASE("capability file: a wrong entry gives nothing to its neighbour") {
    const auto reading = read_capability_file(
        R"({"users": {"ann": [], "ann": ["CAP_CHOWN"], "bob": {"x": ["CAP_CHOWN"]}}, "nobody": {"eve": ["CAP_CHOWN"]}})", kFile);
    CHECK(reading.problems.size() == 3);
    for (const auto& [name, granted] : reading.grants.users) CHECK(granted.value == 0);
    CHECK(reading.grants.groups.empty());
}

TEST_CASE("capability file: however deep or long, reading ends") {
    CHECK_FALSE(parse_capability_file(std::string(kMaxCapabilityFileSize, '['), kFile).ok());
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += "{\"users\":";
    CHECK_FALSE(parse_capability_file(deep, kFile).ok());
    std::string many = "{\"users\": {\"ann\": [";
    for (int i = 0; i < 5000; ++i) many += "7,\n";
    const auto reading = read_capability_file(many, kFile);
    CHECK(reading.problems.size() == kMaxProblems);
    CHECK(reading.problems.back().message == "too many problems; mend these, then check again");
    CapabilityGrants grants;
    for (int i = 0; i < 3000; ++i) grants.users["user" + std::to_string(i)].value = set_of("CAP_CHOWN");
    CHECK(good(to_text(grants)).users.size() == 3000);
}

TEST_CASE("capability file: it lies beside the berth.conf, and none gives nothing") {
    CHECK(capability_path("/etc/berth/berth.conf") == kFile);
    CHECK(capability_path("draft.conf") == "capability.json");
    const auto none = load_capabilities("/nowhere/capability.json");
    REQUIRE(none.ok());
    CHECK(*none == CapabilityGrants{});
    CHECK_FALSE(load_capabilities("/etc/passwd/capability.json").ok());
    const auto folder = std::filesystem::temp_directory_path();
    const auto link = folder / "berth-capability-test.json";
    std::filesystem::remove(link);
    std::filesystem::create_symlink(folder / "nowhere", link);
    const auto dangling = load_capabilities(link);
    std::filesystem::remove(link);
    REQUIRE_FALSE(dangling.ok());
    CHECK(dangling.error().category == Category::config);
}
