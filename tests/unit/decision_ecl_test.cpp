// The execution control list in the decision: each mode, by whom an image was signed and where it lies; for everybody.
#include "decision_fixture.hpp"
#include "runtime/policy/ecl_decision.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

namespace {

const std::string kA = "AAAA000000000000000000000000000000000001";
const std::string kB = "BBBB000000000000000000000000000000000002";
const std::string kC = "CCCC000000000000000000000000000000000003";  // on no list

/// A list of one group for A and B, whose line is 2.
std::string list(const std::string& mode, const std::string& more = "") {
    return "activated = true\n[[execgroup]]\ntagname = \"apps\"\nmode = \"" + mode + "\"\nkeyfp = [\"" + kA + "\", \"" +
           kB + "\"]\n" + more;
}

std::string folder(const std::string& path, bool recursive = false) {
    return "dirpath = \"" + path + "\"\n" + (recursive ? "recursive = true\n" : "");
}

const std::string kRule = kEcl + ":2: [[execgroup]] apps";
const std::string kActivated = kEcl + ":1: activated = true";

SignatureInfo signed_by(const std::vector<std::string>& keys) {
    SignatureInfo info;
    for (const std::string& key : keys) info.signers.push_back({key, key == kA ? "Ann <a@example.org>" : ""});
    return info;
}

SignatureInfo failed(const std::string& problem) {
    SignatureInfo info = signed_by({kA});
    info.problem = problem;
    return info;
}

Situation by(const Who& who) {
    Situation now;
    who.put_into(now.job);
    return now;
}

/// "" when the list lets it run, else the refusal's message.
std::string refusal(const Situation& now) {
    const Decision decision = now.decide();
    return decision.refusal ? decision.refusal->message : "";
}

}  // namespace

TEST_CASE("ecl: not activated, it is not looked at") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now = by(who);
        now.with_ecl("activated = false\n[[execgroup]]\nmode = \"whitelist\"\n");
        CHECK_FALSE(wants_signature(now.request, {now.site, now.ecl}));
        CHECK_FALSE(site_wants_signature({now.site, now.ecl}));
        CHECK_FALSE(refuses_whoever_signed(now.ecl, now.names, now.image));
        CHECK(refusal(now).empty());
        CHECK(rulings_on(now.decide(), "execution control").empty());
        now.with_ecl(list("whitelist"));
        CHECK(wants_signature(now.request, {now.site, now.ecl}));
        CHECK(site_wants_signature({now.site, now.ecl}));
    }
}

TEST_CASE("ecl: each mode, by the signers of the image") {
    struct Case {
        std::vector<std::string> signers;
        bool whitelist, whitestrict, blacklist;
    };
    const std::vector<Case> cases = {
        {{kA}, true, false, false},
        {{kB}, true, false, false},
        {{kC}, false, false, true},
        {{kA, kB}, true, true, false},
        {{kB, kA}, true, true, false},
        {{kA, kC}, true, false, false},
        {{kC, kB}, true, false, false},
        {{kA, kB, kC}, true, true, false},
        {{"aaaa000000000000000000000000000000000001"}, true, false, false},
        {{kA.substr(24)}, false, false, true},
        {{kA + kB.substr(0, 24)}, false, false, true},
        {{}, false, false, false},
    };
    for (const Who& who : kEverybody)
        for (const Case& each : cases)
            for (const auto& [mode, allowed] : {std::pair<std::string, bool>{"whitelist", each.whitelist},
                                                {"whitestrict", each.whitestrict},
                                                {"blacklist", each.blacklist}}) {
                INFO(who.name << ", " << mode << ", " << each.signers.size() << " signers, first "
                              << (each.signers.empty() ? "-" : each.signers[0]));
                Situation now = by(who);
                now.with_ecl(list(mode));
                now.image.signature = signed_by(each.signers);
                const Decision decision = now.decide();
                CHECK(decision.refusal.has_value() != allowed);
                CHECK_THAT(rulings_on(decision, "execution control"), Contains("[" + kRule + "]"));
                if (!allowed) {
                    CHECK(decision.refusal->category == Category::denied);
                    CHECK_THAT(decision.refusal->message, Contains("/apps/a.sif: ") && Contains("(" + kRule + ")"));
                }
            }
}

TEST_CASE("ecl: what was not verified is refused in every mode, whoever may have signed it") {
    for (const Who& who : kEverybody)
        for (const std::string mode : {"whitelist", "whitestrict", "blacklist"}) {
            INFO(who.name << ", " << mode);
            Situation now = by(who);
            now.with_ecl(list(mode));
            CHECK(refusal(now) == "/apps/a.sif: its signatures were not checked (" + kRule + ")");
            now.image.signature = failed("/apps/a.sif: it is not signed");
            CHECK(refusal(now) == "/apps/a.sif: it is not signed (" + kRule + ")");
            CHECK(rulings_on(now.decide(), "execution control") == "refused [" + kRule + "]");
        }
}

TEST_CASE("ecl: only SIF images carry signatures") {
    for (const Who& who : kEverybody)
        for (const ImageKind kind : {ImageKind::squashfs, ImageKind::directory}) {
            INFO(who.name);
            Situation now = by(who);
            now.with_ecl(list("blacklist"));
            now.image.kind = kind;
            now.image.signature = signed_by({kC});
            CHECK(refuses_whoever_signed(now.ecl, now.names, now.image));
            CHECK_THAT(refusal(now), Contains("only SIF images carry signatures") && Contains("berth build") &&
                                         Contains("(" + kActivated + ")"));
        }
}

TEST_CASE("ecl: where the image lies") {
    struct Case {
        std::string folder;
        bool recursive;
        std::string image;
        bool in_group;
    };
    const std::vector<Case> cases = {
        {"", false, "/a.sif", true},
        {"", false, "/any/where/a.sif", true},
        {"/apps", false, "/apps/a.sif", true},
        {"/apps", false, "/apps/sub/a.sif", false},
        {"/apps", false, "/apps2/a.sif", false},
        {"/apps", false, "/app/a.sif", false},
        {"/apps", false, "/apps", false},
        {"/apps", false, "/a.sif", false},
        {"/apps", false, "/home/apps/a.sif", false},
        {"/apps", true, "/apps/a.sif", true},
        {"/apps", true, "/apps/one/two/a.sif", true},
        {"/apps", true, "/apps2/a.sif", false},
        {"/apps", true, "/apps2/apps/a.sif", false},
        {"/apps", true, "/apps", false},
        {"/", false, "/a.sif", true},
        {"/", false, "/apps/a.sif", false},
        {"/", true, "/apps/a.sif", true},
        {"/apps", true, "(unreachable)/apps/a.sif", false},
        {"", false, "(unreachable)/apps/a.sif", false},
    };
    for (const Who& who : kEverybody)
        for (const Case& each : cases) {
            INFO(who.name << ": " << each.image << " for " << each.folder << (each.recursive ? " and beneath" : ""));
            Situation now = by(who);
            now.with_ecl(list("whitelist", folder(each.folder, each.recursive)));
            now.image.path = each.image;
            now.image.signature = signed_by({kA});
            CHECK(refusal(now).empty() == each.in_group);
            CHECK(refuses_whoever_signed(now.ecl, now.names, now.image) != each.in_group);
            now.image.signature.reset();
            CHECK_FALSE(refusal(now).empty());
            if (!each.in_group) CHECK_THAT(refusal(now), Contains("(" + kActivated + ")"));
        }
    Situation now;
    now.with_ecl(list("whitelist", folder("/data", true)));
    now.image.signature = signed_by({kA});
    CHECK(refusal(now) == "/apps/a.sif: this site runs no images from /apps; they belong into /data (and beneath) (" +
                              kActivated + ")");
    CHECK_THAT(refusal(Situation().with_ecl("activated = true\n")), Contains("there is no folder for them"));
}

TEST_CASE("ecl: links in a dirpath are resolved, and a folder that is not there holds its own name") {
    Situation now;
    now.with_ecl(list("whitelist", folder("/link")));
    now.image.signature = signed_by({kA});
    CHECK_FALSE(refusal(now).empty());
    now.names.paths["/link"] = "/apps";
    CHECK(refusal(now).empty());
    now.image.path = "/link/a.sif";
    CHECK_FALSE(refusal(now).empty());
    now.names.paths.clear();
    CHECK(refusal(now).empty());
}

TEST_CASE("ecl: the nearest group decides, whatever the others say") {
    const std::string text =
        "activated = true\n"
        "[[execgroup]]\ntagname = \"rest\"\nmode = \"blacklist\"\nkeyfp = [\"" +
        kC +
        "\"]\n"
        "[[execgroup]]\ntagname = \"tree\"\nmode = \"whitelist\"\n" +
        folder("/apps", true) + "keyfp = [\"" + kB +
        "\"]\n"
        "[[execgroup]]\ntagname = \"deep\"\nmode = \"whitelist\"\n" +
        folder("/apps/x/y", true) + "keyfp = [\"" + kC +
        "\"]\n"
        "[[execgroup]]\ntagname = \"exact\"\nmode = \"whitelist\"\n" +
        folder("/apps/x") + "keyfp = [\"" + kA + "\"]\n";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"/home/a.sif", "2: [[execgroup]] rest"},        {"/apps/a.sif", "6: [[execgroup]] tree"},
        {"/apps/z/a.sif", "6: [[execgroup]] tree"},      {"/apps/x/a.sif", "18: [[execgroup]] exact"},
        {"/apps/x/z/a.sif", "6: [[execgroup]] tree"},    {"/apps/x/y/a.sif", "12: [[execgroup]] deep"},
        {"/apps/x/y/z/a.sif", "12: [[execgroup]] deep"}, {"/apps2/a.sif", "2: [[execgroup]] rest"},
    };
    for (const auto& [path, rule] : cases)
        for (const std::string& key : {kA, kB, kC}) {
            INFO(path << " signed by " << key);
            Situation now;
            now.with_ecl(text);
            now.image.path = path;
            now.image.signature = signed_by({key});
            CHECK_THAT(rulings_on(now.decide(), "execution control"), Contains("[" + kEcl + ":" + rule + "]"));
            const char last = rule.back();  // of rest, tree, deep, exact: only the last two letters tell two apart
            const bool allowed = last == 'e'              ? key == kB
                                 : last == 'p'            ? key == kC
                                 : rule.ends_with("rest") ? key != kC
                                                          : key == kA;
            CHECK(refusal(now).empty() == allowed);
        }
}

TEST_CASE("ecl: two groups whose dirpaths lead to one folder are refused") {
    Situation now;
    now.with_ecl(list("whitelist", folder("/one") +
                                       "[[execgroup]]\ntagname = \"other\"\nmode = \"blacklist\"\nkeyfp = [\"" + kC +
                                       "\"]\n" + folder("/two", true)));
    now.names.paths = {{"/one", "/apps"}, {"/two", "/apps"}};
    now.image.signature = signed_by({kA});
    CHECK_THAT(refusal(now),
               Contains("two groups name its folder") && Contains(kRule) && Contains("[[execgroup]] other"));
    now.names.paths["/two"] = "/";
    CHECK(refusal(now).empty());
}

TEST_CASE("ecl: the decision says who signed, and why what is mounted is that") {
    Situation now;
    now.with_ecl(list("whitelist"));
    now.image.signature = signed_by({kC, kA});
    now.image.signature->held = Held::copy;
    const Decision decision = now.decide();
    CHECK(rulings_on(decision, "execution control") ==
          "on the whitelist: " + kA + " (Ann <a@example.org>) [" + kRule + "]");
    CHECK(rulings_on(decision, "signature") == "by " + kC + ", " + kA + " (Ann <a@example.org>) [" + kActivated + "]");
    CHECK_THAT(rulings_on(decision, "what is mounted"), Contains("a copy that only root could change"));
    now.with_site("require signature = yes\n");
    CHECK_THAT(rulings_on(now.decide(), "signature"), Contains(rule_at(1, "require signature = yes")));
}

TEST_CASE("ecl: refusals name the remedy") {
    Situation now;
    now.image.signature = signed_by({kC});
    now.with_ecl(list("whitelist"));
    CHECK(refusal(now) ==
          "/apps/a.sif: none of its signers may release images for this folder: have it signed with one of " + kA +
              ", " + kB + " (" + kRule + ")");
    now.image.signature = signed_by({kA});
    now.with_ecl(list("whitestrict"));
    CHECK_THAT(refusal(now), Contains("have it signed with " + kB + ", too"));
    now.with_ecl(list("blacklist"));
    CHECK_THAT(refusal(now),
               Contains("signed by " + kA + " (Ann <a@example.org>), whose images this site does not run"));
}

TEST_CASE("ecl: what others wrote stays in its line") {
    Situation now;
    now.with_ecl("activated = true\n[[execgroup]]\ntagname = \"a\\u001b[2J\"\nmode = \"blacklist\"\nkeyfp = [\"" + kA +
                 "\"]\n");
    now.image.path = "/apps/a\x1b[2J\n.sif";
    now.image.signature = signed_by({kA});
    now.image.signature->signers[0].name = "Ann\n\x1b";
    CHECK(refusal(now).find_first_of("\x1b\n") == std::string::npos);
}
