// What the site allows: every directive in effect, for users and root, from the command line and under Slurm.
#include "runtime/policy/decision.hpp"

#include <functional>

#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

TEST_CASE("decision: by default everything that Singularity's default allows") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        const Decision decision = now.decide();
        CHECK_FALSE(decision.refusal);
        CHECK(decision.mount_slave);
        CHECK(decision.proc);
        CHECK(decision.sys);
        CHECK(decision.devices == Devices::host);
        CHECK(decision.tmp == Tmp::host);
        CHECK(decision.passwd);
        CHECK(decision.group);
        CHECK(decision.resolv_conf);
        CHECK(shown(decision.home) == "host /home/ada:/home/ada");
        CHECK(shown(decision.binds) == "/data/run:/data/run? ");
        CHECK(decision.working_directory == "/data/run");
        CHECK_FALSE(decision.working_directory_required);
        for (const auto& ruling : decision.rulings) {
            INFO(ruling.subject);
            CHECK_FALSE(ruling.outcome.empty());
            CHECK_FALSE(ruling.rule.empty());
        }
        CHECK(rulings_on(decision, "/proc") == "mounted [default: mount proc = yes]");
    }
}

TEST_CASE("decision: each directive does what it says, for everybody") {
    struct Case {
        std::string line;     ///< of berth.conf, not the default
        std::string subject;  ///< of the ruling that cites it
        std::function<bool(const Decision&)> holds;
    };
    const std::vector<Case> cases = {
        {"mount proc = no", "/proc", [](const Decision& d) { return !d.proc; }},
        {"mount sys = no", "/sys", [](const Decision& d) { return !d.sys; }},
        {"mount dev = no", "/dev", [](const Decision& d) { return d.devices == Devices::image; }},
        {"mount dev = minimal", "/dev", [](const Decision& d) { return d.devices == Devices::minimal; }},
        {"mount tmp = no", "/tmp, /var/tmp", [](const Decision& d) { return d.tmp == Tmp::image; }},
        {"mount home = no", "home", [](const Decision& d) { return d.home.kind == DecidedHome::Kind::none; }},
        {"mount slave = no", "mounts made later", [](const Decision& d) { return !d.mount_slave; }},
        {"config passwd = no", "/etc/passwd", [](const Decision& d) { return !d.passwd; }},
        {"config group = no", "/etc/group", [](const Decision& d) { return !d.group; }},
        {"config resolv_conf = no", "/etc/resolv.conf", [](const Decision& d) { return !d.resolv_conf; }},
        {"user bind control = no", "working directory", [](const Decision& d) { return d.binds.empty(); }},
        {"bind path = /opt/site", "bind /opt/site",
         [](const Decision& d) { return shown(d.binds).starts_with("/opt/site:/opt/site? "); }},
    };
    for (const Who& who : kEverybody) {
        for (const Case& each : cases) {
            INFO(who.name << ", " << each.line);
            Situation now;
            who.put_into(now.job);
            CHECK_FALSE(each.holds(now.decide()));
            now.with_site("# a comment, so that the line is the third\n\n" + each.line + "\n");
            const Decision decision = now.decide();
            CHECK_FALSE(decision.refusal);
            CHECK(each.holds(decision));
            if (!each.subject.empty())
                CHECK_THAT(rulings_on(decision, each.subject), Contains("[" + rule_at(3, each.line) + "]"));
        }
    }
}

TEST_CASE("decision: refusals name the image or option, the rule and its line") {
    struct Case {
        std::string line;
        std::function<void(Situation&)> change;
        std::string subject;
        std::string message;
        std::string rule;  ///< where it differs from the line
    };
    const std::vector<Case> cases = {
        {"allow container sif = no", [](Situation&) {}, "image format",
         "/apps/a.sif: this site does not allow images of this format", ""},
        {"allow container squashfs = no", [](Situation& s) { s.image.kind = ImageKind::squashfs; }, "image format",
         "/apps/a.sif: this site does not allow images of this format", ""},
        {"allow container dir = no", [](Situation& s) { s.image.kind = ImageKind::directory; }, "image format",
         "/apps/a.sif: this site does not allow images of this format", ""},
        {"user bind control = no", [](Situation& s) { s.with("bind", "/data:/in"); }, "bind /data",
         "--bind /data: this site does not let users choose mounts", ""},
        {"user bind control = no", [](Situation& s) { s.with("home", "/data"); }, "home",
         "--home: this site does not let users choose mounts", ""},
        {"mount home = no", [](Situation& s) { s.with("home", "/data"); }, "home",
         "--home: this site does not mount home directories", ""},
    };
    for (const Who& who : kEverybody) {
        for (const Case& each : cases) {
            INFO(who.name << ", " << each.line << ", " << each.subject);
            Situation now;
            who.put_into(now.job);
            each.change(now);
            CHECK_FALSE(now.decide().refusal);
            now.with_site("\n" + each.line + "\n");
            const Decision decision = now.decide();
            REQUIRE(decision.refusal);
            CHECK(decision.refusal->category == Category::denied);
            CHECK(decision.refusal->message == each.message + " (" + rule_at(2, each.line) + ")");
            CHECK_THAT(rulings_on(decision, each.subject), Contains("refused [" + rule_at(2, each.line) + "]"));
        }
    }
}

TEST_CASE("decision: a gate stops only its own kind of image") {
    for (const ImageKind kind : {ImageKind::sif, ImageKind::squashfs, ImageKind::directory}) {
        for (const std::string gate : {"sif", "squashfs", "dir", "encrypted", "extfs"}) {
            Situation now;
            now.image.kind = kind;
            now.with_site("allow container " + gate + " = no\n");
            const bool own = gate == (kind == ImageKind::sif        ? "sif"
                                      : kind == ImageKind::squashfs ? "squashfs"
                                                                    : "dir");
            CHECK(now.decide().refusal.has_value() == own);
        }
    }
}

TEST_CASE("decision: the first refusal is told, and every one is listed") {
    Situation now;
    now.with_site("allow container sif = no\nuser bind control = no\n").with("bind", "/a,/b");
    now.image.architecture = "arm64";
    const Decision decision = now.decide();
    REQUIRE(decision.refusal);
    CHECK_THAT(decision.refusal->message, Contains("allow container sif"));
    CHECK_THAT(rulings_on(decision, "bind /a"), Contains("refused"));
    CHECK_THAT(rulings_on(decision, "bind /b"), Contains("refused"));
    CHECK_THAT(rulings_on(decision, "architecture"), Contains("refused"));
    CHECK_THAT(shown(decision.binds), !Contains("/a"));
}

TEST_CASE("decision: whose a file is on a file system that users may serve passes no limit on owners or groups") {
    for (const std::string list : {"owners", "groups"}) {
        Situation now;
        now.with_site("limit container " + list + " = builder\n");
        now.names.users = now.names.groups = {{"builder", 500}};
        now.image.owner = now.image.group = 500;
        CHECK_FALSE(now.decide().refusal);
        now.image.site_file_system = false;
        REQUIRE(now.decide().refusal);
        CHECK_THAT(now.decide().refusal->message, Contains("as a file system that users may serve tells it"));
        now.job.uid = 0;
        CHECK_FALSE(now.decide().refusal);
    }
}

TEST_CASE("decision: no folder passes a limit on owners or groups, which say nothing about what lies in it") {
    for (const std::string list : {"owners", "groups"}) {
        Situation now;
        now.with_site("limit container " + list + " = builder\n");
        now.names.users = now.names.groups = {{"builder", 500}};
        now.image.owner = now.image.group = 500;
        CHECK_FALSE(now.decide().refusal);
        now.image.kind = ImageKind::directory;
        REQUIRE(now.decide().refusal);
        CHECK_THAT(now.decide().refusal->message, Contains("limit container " + list + " = builder"));
    }
    Situation now;
    now.with_site("limit container paths = /apps\n");
    now.names.paths = {{"/apps", "/apps"}};
    now.image.kind = ImageKind::directory;
    CHECK_FALSE(now.decide().refusal);
}

TEST_CASE("decision: limits are on what the job's user runs, with and without privilege, and never on root's") {
    struct Case {
        std::string line, what;
        std::function<void(Situation&)> fits, does_not;
    };
    const auto owned_by = [](uid_t uid) { return [uid](Situation& s) { s.image.owner = uid; }; };
    const auto of_group = [](gid_t gid) { return [gid](Situation& s) { s.image.group = gid; }; };
    const auto at = [](std::string path) { return [path](Situation& s) { s.image.path = path; }; };
    const std::vector<Case> cases = {
        {"limit container owners = builder", "owner", owned_by(500), owned_by(501)},
        {"limit container owners = nobody-of-this-name, builder", "owner", owned_by(500), owned_by(0)},
        {"limit container groups = staff", "group", of_group(50), of_group(500)},
        {"limit container paths = /apps", "path", at("/apps/x/a.sif"), at("/apps2/a.sif")},
        {"limit container paths = /apps", "path", at("/apps/a.sif"), at("/app/a.sif")},
        {"limit container paths = /apps", "path", at("/apps"), at("/home/ada/apps/a.sif")},
        {"limit container paths = /linked", "path", at("/mnt/disk7/a.sif"), at("/linked/a.sif")},
        {"limit container paths = /elsewhere, /apps", "path", at("/apps/a.sif"), at("/elsewhere/a.sif")},
    };
    for (const Who& who : kEverybody) {
        for (const Case& each : cases) {
            INFO(who.name << ", " << each.line);
            Situation now;
            who.put_into(now.job);
            now.with_site("\n\n" + each.line + "\n");
            now.names.users = {{"builder", 500}};
            now.names.groups = {{"staff", 50}};
            now.names.paths = {{"/apps", "/apps"},
                               {"/linked", "/mnt/disk7"}};  // "/elsewhere" does not exist on this node
            each.fits(now);
            CHECK_FALSE(now.decide().refusal);
            each.does_not(now);
            const Decision decision = now.decide();
            REQUIRE(decision.refusal.has_value() == (who.uid != 0));
            if (who.uid == 0) continue;
            CHECK(decision.refusal->category == Category::denied);
            CHECK_THAT(decision.refusal->message,
                       Contains(now.image.path + ": this site does not allow this image's " + each.what) &&
                           Contains(kConf + ":3: " + each.line.substr(0, each.line.find(" ="))));
            CHECK_THAT(rulings_on(decision, each.what), Contains("refused [" + kConf + ":3"));
        }
    }
}

TEST_CASE("decision: a limit that matches names its own entry; one that nobody on this node matches allows nothing") {
    Situation now;
    now.with_site("limit container paths = /one\nlimit container paths = /two\nlimit container owners = builder\n");
    now.names.paths = {{"/one", "/one"}, {"/two", "/two"}};
    now.image.path = "/two/a.sif";
    CHECK(rulings_on(now.decide(), "path") == "allowed [" + rule_at(2, "limit container paths = /two") + "]");
    const Decision decision = now.decide();
    REQUIRE(decision.refusal);
    CHECK_THAT(decision.refusal->message, Contains("owner"));
    now.image.owner = 0;  // a name that is not known must not be taken for uid 0
    CHECK(now.decide().refusal);
    now.names.users = {{"builder", 0}};
    CHECK_FALSE(now.decide().refusal);
}

TEST_CASE("decision: an image for another processor") {
    Situation now;
    now.image.architecture = "arm64";
    for (const Who& who : kEverybody) {
        who.put_into(now.job);
        const Decision decision = now.decide();
        REQUIRE(decision.refusal);
        CHECK(decision.refusal->category == Category::unsupported);
        CHECK_THAT(decision.refusal->message, Contains("/apps/a.sif") && Contains("arm64") && Contains("amd64"));
    }
    now.image.architecture = "";  // a folder does not say
    CHECK_FALSE(now.decide().refusal);
}

TEST_CASE("decision: messages show no control characters of the user's") {
    Situation now;
    now.with_site("allow container sif = no\n");
    now.image.path = "/home/a\x1b[2J\n.sif";
    CHECK_THAT(now.decide().refusal->message, Contains(R"(/home/a\x1b[2J\x0a.sif)"));
    Situation bind;
    bind.with_site("user bind control = no\n").with("bind", "/a\x1b[2J:/b");
    CHECK_THAT(bind.decide().refusal->message, Contains(R"(--bind /a\x1b[2J)"));
    Situation architecture;
    architecture.image.architecture = "arm\x1b";
    CHECK_THAT(architecture.decide().refusal->message, Contains(R"(arm\x1b)"));
}

TEST_CASE("decision: the kernel parses only what the site controls, and only with privilege") {
    struct Case {
        ImageKind kind;
        bool privileged, root_controlled;
        Driver driver;
    };
    const std::vector<Case> cases = {
        {ImageKind::sif, false, false, Driver::fuse_as_user},
        {ImageKind::sif, false, true, Driver::fuse_as_user},
        {ImageKind::sif, true, false, Driver::fuse},
        {ImageKind::sif, true, true, Driver::kernel_squashfs},
        {ImageKind::squashfs, false, true, Driver::fuse_as_user},
        {ImageKind::squashfs, true, false, Driver::fuse},
        {ImageKind::squashfs, true, true, Driver::kernel_squashfs},
        {ImageKind::directory, false, false, Driver::directory},
        {ImageKind::directory, true, true, Driver::directory},
    };
    for (const Case& each : cases) {
        for (const uid_t uid : {0U, 1000U}) {
            Situation now;
            now.job.uid = uid;
            now.job.privileged = each.privileged;
            now.image.kind = each.kind;
            now.image.root_controlled = each.root_controlled;
            const Decision decision = now.decide();
            CHECK(decision.driver == each.driver);
            CHECK_THAT(rulings_on(decision, "image driver"), Contains(to_string(each.driver)));
        }
    }
}
