// Capabilities: each option, for everybody, with each default of root's.
#include "decision_fixture.hpp"
#include "runtime/policy/capability_decision.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

namespace {

const std::string kFile = "/etc/berth/capability.json";
// Ann herself, her primary group, and one more; root, and root's group. Each on a line of its own.
const std::string kGrants =
    "{\"users\": {\n"                                       // 1
    "\"ada\": [\"CAP_NET_RAW\", \"CAP_CHOWN\"],\n"         // 2
    "\"eve\": [\"CAP_SYS_ADMIN\"],\n"                      // 3
    "\"root\": [\"CAP_KILL\"]},\n"                         // 4
    "\"groups\": {\n"                                       // 5
    "\"staff\": [\"CAP_NET_ADMIN\", \"CAP_CHOWN\"],\n"     // 6
    "\"wheel\": [\"CAP_SYSLOG\"],\n"                       // 7
    "\"others\": [\"CAP_SYS_ADMIN\"]}}\n";                 // 8

CapabilitySet set_of(const std::string& list) {
    if (list == "none") return 0;
    const auto set = parse_capabilities(list);
    if (!set) FAIL(set.error().message);
    return *set;
}

struct Asked {
    Situation now;
    config::CapabilityGrants grants;

    explicit Asked(const Who& who, const std::string& root_default = "full", const std::string& file = kGrants) {
        who.put_into(now.job);
        now.job.user = who.uid == 0 ? "root" : "ada";
        now.job.group_names = who.uid == 0 ? std::vector<std::pair<gid_t, std::string>>{{0, "root"}, {10, "wheel"}}
                                           : std::vector<std::pair<gid_t, std::string>>{{1001, "ada"}, {50, "staff"}};
        now.with_site("# default\nroot default capabilities = " + root_default + "\n");
        if (file.empty()) return;
        auto parsed = config::parse_capability_file(file, kFile);
        if (!parsed) FAIL(parsed.error().message);
        grants = std::move(parsed).value();
    }
    Asked& with(std::string_view option, const std::string& value = "") {
        now.with(option, value);
        return *this;
    }
    [[nodiscard]] CapabilityVerdict judge() const { return judge_capabilities(now.request, {now.site, now.ecl, grants}, now.job); }
};

std::string shown(const CapabilityVerdict& verdict) {
    std::string text;
    for (const auto& ruling : verdict.rulings) text += (text.empty() ? "" : "; ") + ruling.outcome + " [" + ruling.rule + "]";
    return text;
}

const Who& kUser = kEverybody[0];
const Who& kRoot = kEverybody[1];
const Who& kSlurmUser = kEverybody[2];
const Who kFakeRoot = {"root of a user namespace", 0, Launch::command_line, false};

const std::string kDefault = kConf + ":2: root default capabilities = ";
const std::string kUserRule = "a user has what --add-caps names and the site allows";

struct Options {
    std::vector<std::pair<std::string, std::string>> given;
    std::string user, full, file, no;  ///< who gets what: a user under Slurm, root by each default; "!": refused
    std::string gains{};                ///< of full, file, no: those without no_new_privs
};

const std::vector<Options> kTable = {
    {{}, "none", "all", "CAP_KILL,CAP_SYSLOG", "none", "full file"},
    {{{"add-caps", "CAP_NET_RAW"}}, "CAP_NET_RAW", "all", "CAP_KILL,CAP_SYSLOG,CAP_NET_RAW", "CAP_NET_RAW", "full file"},
    {{{"add-caps", "CAP_NET_ADMIN,CAP_SYS_ADMIN"}}, "CAP_NET_ADMIN", "all", "CAP_KILL,CAP_SYSLOG,CAP_NET_ADMIN,CAP_SYS_ADMIN",
     "CAP_NET_ADMIN,CAP_SYS_ADMIN", "full file"},
    {{{"add-caps", "all"}}, "CAP_NET_RAW,CAP_CHOWN,CAP_NET_ADMIN", "all", "all", "all", "full file"},
    {{{"drop-caps", "CAP_KILL"}}, "none", "all but CAP_KILL", "CAP_SYSLOG", "none", "full file"},
    {{{"drop-caps", "all"}}, "none", "none", "none", "none", "full file"},
    {{{"add-caps", "CAP_NET_RAW,CAP_CHOWN"}, {"drop-caps", "CAP_NET_RAW"}}, "CAP_CHOWN", "all but CAP_NET_RAW", "CAP_KILL,CAP_SYSLOG,CAP_CHOWN", "CAP_CHOWN",
     "full file"},
    {{{"add-caps", "all"}, {"drop-caps", "all"}}, "none", "none", "none", "none", "full file"},
    {{{"keep-privs", ""}}, "!", "all", "all", "all", "full file no"},
    {{{"keep-privs", ""}, {"drop-caps", "CAP_KILL"}}, "!", "all but CAP_KILL", "all but CAP_KILL", "all but CAP_KILL", "full file no"},
    {{{"no-privs", ""}}, "none", "none", "none", "none"},
    {{{"no-privs", ""}, {"add-caps", "CAP_NET_RAW"}}, "none", "CAP_NET_RAW", "CAP_NET_RAW", "CAP_NET_RAW"},
    {{{"no-privs", ""}, {"add-caps", "CAP_NET_RAW"}, {"drop-caps", "CAP_NET_RAW"}}, "none", "none", "none", "none"},
    {{{"no-privs", ""}, {"keep-privs", ""}}, "!", "!", "!", "!"},
    {{{"security", "uid:1000"}}, "!", "none", "none", "none"},
    {{{"security", "gid:100"}}, "!", "none", "none", "none"},
    {{{"security", "uid:0,gid:100"}}, "!", "none", "none", "none"},
    {{{"security", "uid:0"}}, "!", "all", "CAP_KILL,CAP_SYSLOG", "none", "full file"},
    {{{"security", "uid:1000"}, {"add-caps", "CAP_NET_RAW"}}, "!", "CAP_NET_RAW", "CAP_NET_RAW", "CAP_NET_RAW"},
    {{{"security", "uid:1000"}, {"keep-privs", ""}}, "!", "all", "all", "all"},
    {{{"security", "apparmor:x"}}, "none", "all", "CAP_KILL,CAP_SYSLOG", "none", "full file"},
};

CapabilitySet expected_set(const std::string& text) {
    const std::string all_but = "all but ";
    return text.starts_with(all_but) ? kAllCapabilities & ~set_of(text.substr(all_but.size())) : set_of(text);
}

}  // namespace

TEST_CASE("capabilities: every option, for everybody, by each default of root's") {
    for (const Options& options : kTable) {
        std::string line;
        for (const auto& [option, value] : options.given) line += " --" + option + " " + value;
        for (const std::string root_default : {"full", "file", "no"}) {
            for (const Who& who : kEverybody) {
                INFO(who.name << ", root default capabilities = " << root_default << ":" << line);
                Asked asked(who, root_default);
                for (const auto& [option, value] : options.given) asked.with(option, value);
                const CapabilityVerdict verdict = asked.judge();
                const std::string& expected = who.uid != 0            ? options.user
                                              : root_default == "full" ? options.full
                                              : root_default == "file" ? options.file
                                                                       : options.no;
                INFO(shown(verdict));
                CHECK_FALSE(verdict.rulings.empty());
                CHECK(verdict.refusal.has_value() == (expected == "!"));
                if (expected == "!") {
                    CHECK(verdict.granted == 0);
                    CHECK(verdict.no_new_privileges);
                    CHECK(verdict.rulings.back().outcome == "refused");
                    continue;
                }
                // Without privilege a user gets nothing at all.
                CHECK(verdict.granted == (who.privileged ? expected_set(expected) : 0));
                const bool gains = who.uid == 0 && (" " + options.gains + " ").find(" " + root_default + " ") != std::string::npos;
                CHECK(verdict.no_new_privileges == !gains);
                CHECK((verdict.granted & asked.now.request.drop_capabilities) == 0);
            }
        }
    }
}

TEST_CASE("capabilities: each step names its rule") {
    struct Case {
        Who who;
        std::string root_default;
        std::vector<std::pair<std::string, std::string>> options;
        std::string expected;
    };
    const std::vector<Case> cases = {
        {kSlurmUser, "full", {}, "none [" + kUserRule + "]"},
        {kSlurmUser, "full", {{"add-caps", "CAP_CHOWN,CAP_NET_ADMIN,CAP_BPF"}, {"drop-caps", "CAP_NET_ADMIN,CAP_KILL"}},
         "none [" + kUserRule + "]; added: CAP_CHOWN [" + kFile + ":2: user ada]; added: CAP_CHOWN,CAP_NET_ADMIN [" + kFile +
             ":6: group staff]; not given: CAP_BPF [" + kFile + "]; dropped: CAP_NET_ADMIN [--drop-caps]"},
        {kSlurmUser, "full", {{"no-privs", ""}, {"add-caps", "CAP_CHOWN"}}, "none [--no-privs]; not given: CAP_CHOWN [--no-privs]"},
        {kUser, "full", {{"add-caps", "CAP_CHOWN"}}, "none [without privilege]; not given: CAP_CHOWN [without privilege]"},
        {kRoot, "full", {}, "all [" + kDefault + "full]"},
        {kRoot, "file", {},
         "none [" + kDefault + "file]; added: CAP_KILL [" + kFile + ":4: user root]; added: CAP_SYSLOG [" + kFile + ":7: group wheel]"},
        {kRoot, "no", {{"add-caps", "CAP_BPF"}}, "none [" + kDefault + "no]; added: CAP_BPF [--add-caps]"},
        {kRoot, "no", {{"keep-privs", ""}}, "all [--keep-privs]"},
        {kRoot, "full", {{"no-privs", ""}}, "none [--no-privs]"},
        {kRoot, "full", {{"security", "uid:7"}}, "none [--security uid]"},
        {kRoot, "full", {{"security", "gid:7"}}, "none [--security gid]"},
        {kSlurmUser, "full", {{"keep-privs", ""}}, "refused [--keep-privs]"},
        {kSlurmUser, "full", {{"security", "gid:7"}}, "refused [--security gid]"},
    };
    for (const Case& each : cases) {
        Asked asked(each.who, each.root_default);
        for (const auto& [option, value] : each.options) asked.with(option, value);
        CHECK(shown(asked.judge()) == each.expected);
    }
    CHECK(shown(judge_capabilities({}, {}, [] {
              JobContext root;
              root.privileged = true;
              return root;
          }())) == "all [default: root default capabilities = full]");
}

TEST_CASE("capabilities: what a user does not get is said, once, with what to do") {
    CHECK(Asked(kSlurmUser).with("add-caps", "CAP_NET_RAW").judge().warnings.empty());
    CHECK(Asked(kSlurmUser).with("drop-caps", "all").judge().warnings.empty());
    const auto refused = Asked(kSlurmUser).with("add-caps", "CAP_NET_RAW,CAP_BPF,CAP_SYS_ADMIN").judge().warnings;
    CHECK(refused == std::vector<std::string>{"--add-caps: CAP_SYS_ADMIN,CAP_BPF not given: this site does not authorise it; ask the "
                                              "site for: berth capability add --user ada CAP_SYS_ADMIN,CAP_BPF"});
    const auto none = Asked(kSlurmUser, "full", "").with("add-caps", "CAP_BPF").judge();
    REQUIRE(none.warnings.size() == 1);
    CHECK(none.rulings.back().rule == "the site has no capability.json");
    const auto unprivileged = Asked(kUser).with("add-caps", "CAP_NET_RAW").judge();
    REQUIRE(unprivileged.warnings.size() == 1);
    CHECK_THAT(unprivileged.warnings[0], Contains("CAP_NET_RAW not given: without privilege"));
    const auto outweighed = Asked(kSlurmUser).with("add-caps", "CAP_NET_RAW").with("no-privs").judge();
    REQUIRE(outweighed.warnings.size() == 1);
    CHECK_THAT(outweighed.warnings[0], Contains("--no-privs outweighs it"));
    CHECK(Asked(kRoot).with("no-privs").with("add-caps", "CAP_BPF").judge().warnings.empty());
}

TEST_CASE("capabilities: names alone count, and only the caller's own") {
    Asked nameless(kSlurmUser);
    nameless.now.job.user.clear();
    nameless.now.job.group_names.clear();
    const auto verdict = nameless.with("add-caps", "all").judge();
    CHECK(verdict.granted == 0);
    REQUIRE(verdict.warnings.size() == 1);
    CHECK_THAT(verdict.warnings[0], Contains("uid 1000 has no name"));
    // A user whose name is a group's, and the other way round.
    Asked crossed(kSlurmUser, "full", R"({"users": {"staff": ["CAP_KILL"]}, "groups": {"ada": [], "eve": ["CAP_KILL"]}})");
    CHECK(crossed.with("add-caps", "all").judge().granted == 0);
    // The user's group may be named as he is.
    Asked own(kSlurmUser, "full", R"({"groups": {"ada": ["CAP_KILL"]}})");
    CHECK(own.with("add-caps", "all").judge().granted == set_of("CAP_KILL"));
    // Somebody else's uid 0 account gets what "root" gets, and a user named root gets what he asks for only.
    Asked toor(kRoot, "file");
    toor.now.job.user = "toor";
    CHECK(toor.judge().granted == set_of("CAP_KILL,CAP_SYSLOG"));
    Asked named_root(kSlurmUser);
    named_root.now.job.user = "root";
    CHECK(named_root.judge().granted == 0);
}

TEST_CASE("capabilities: refusals") {
    const auto refusal = [](const CapabilityVerdict& verdict) {
        REQUIRE(verdict.refusal);
        return *verdict.refusal;
    };
    for (const Who& who : {kUser, kSlurmUser}) {
        INFO(who.name);
        CHECK(refusal(Asked(who).with("keep-privs").judge()).category == Category::denied);
        CHECK_THAT(refusal(Asked(who).with("keep-privs").judge()).message, Contains("only root has privileges to keep"));
        for (const char* security : {"uid:0", "uid:1000", "gid:1001", "uid:1000,gid:1001"}) {
            const Error error = refusal(Asked(who).with("security", security).judge());
            CHECK(error.category == Category::denied);
            CHECK_THAT(error.message, Contains("only root may choose whom the command runs as"));
        }
    }
    for (const Who& who : kEverybody)
        CHECK(refusal(Asked(who).with("keep-privs").with("no-privs").judge()).category == Category::usage);
    CHECK_THAT(refusal(Asked(kFakeRoot).with("keep-privs").judge()).message, Contains("a user namespace only"));
    CHECK(refusal(Asked(kFakeRoot).with("security", "uid:0").judge()).category == Category::denied);
    for (const char* root_default : {"full", "file", "no"}) {
        const auto verdict = Asked(kFakeRoot, root_default).with("add-caps", "CAP_KILL").judge();
        CHECK_FALSE(verdict.refusal);
        CHECK(verdict.granted == 0);
        CHECK(verdict.no_new_privileges);
    }
}
