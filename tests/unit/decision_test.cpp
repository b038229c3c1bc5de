// What the site allows: every directive in effect, for users and root, from the command line and under Slurm.
#include "runtime/policy/decision.hpp"

#include <functional>

#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

namespace {

std::string kind_name(DecidedHome::Kind kind) {
    return kind == DecidedHome::Kind::none ? "none" : kind == DecidedHome::Kind::fresh ? "fresh" : "host";
}

std::string shown(const DecidedHome& home) { return kind_name(home.kind) + " " + home.source + ":" + home.destination; }

}  // namespace

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
        CHECK(test::shown(decision.binds) == "/data/run:/data/run? ");
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
        std::string subject;  ///< of the ruling that cites it; "" where none does
        std::function<bool(const Decision&)> holds;
    };
    const std::vector<Case> cases = {
        {"mount proc = no", "/proc", [](const Decision& d) { return !d.proc; }},
        {"mount sys = no", "/sys", [](const Decision& d) { return !d.sys; }},
        {"mount dev = no", "/dev", [](const Decision& d) { return d.devices == Devices::image; }},
        {"mount dev = minimal", "/dev", [](const Decision& d) { return d.devices == Devices::minimal; }},
        {"mount tmp = no", "/tmp, /var/tmp", [](const Decision& d) { return d.tmp == Tmp::image; }},
        {"mount home = no", "home", [](const Decision& d) { return d.home.kind == DecidedHome::Kind::none; }},
        {"mount slave = no", "", [](const Decision& d) { return !d.mount_slave; }},
        {"config passwd = no", "", [](const Decision& d) { return !d.passwd; }},
        {"config group = no", "", [](const Decision& d) { return !d.group; }},
        {"config resolv_conf = no", "", [](const Decision& d) { return !d.resolv_conf; }},
        {"user bind control = no", "working directory", [](const Decision& d) { return d.binds.empty(); }},
        {"bind path = /opt/site", "bind /opt/site", [](const Decision& d) { return test::shown(d.binds).starts_with("/opt/site:/opt/site? "); }},
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
            if (!each.subject.empty()) CHECK_THAT(rulings_on(decision, each.subject), Contains("[" + rule_at(3, each.line) + "]"));
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
        {"allow container sif = no", [](Situation&) {}, "image format", "/apps/a.sif: this site does not allow images of this format", ""},
        {"allow container squashfs = no", [](Situation& s) { s.image.kind = ImageKind::squashfs; }, "image format",
         "/apps/a.sif: this site does not allow images of this format", ""},
        {"allow container dir = no", [](Situation& s) { s.image.kind = ImageKind::directory; }, "image format",
         "/apps/a.sif: this site does not allow images of this format", ""},
        {"user bind control = no", [](Situation& s) { s.with("bind", "/data:/in"); }, "bind /data",
         "--bind /data: this site does not let users choose mounts", ""},
        {"user bind control = no", [](Situation& s) { s.with("home", "/data"); }, "home", "--home: this site does not let users choose mounts", ""},
        {"mount home = no", [](Situation& s) { s.with("home", "/data"); }, "home", "--home: this site does not mount home directories", ""},
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
        for (const std::string& gate : {"sif", "squashfs", "dir", "encrypted", "extfs"}) {
            Situation now;
            now.image.kind = kind;
            now.with_site("allow container " + gate + " = no\n");
            const bool own = gate == (kind == ImageKind::sif ? "sif" : kind == ImageKind::squashfs ? "squashfs" : "dir");
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
    CHECK_THAT(test::shown(decision.binds), !Contains("/a"));
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
            now.names.paths = {{"/apps", "/apps"}, {"/linked", "/mnt/disk7"}};  // "/elsewhere" does not exist on this node
            each.fits(now);
            CHECK_FALSE(now.decide().refusal);
            each.does_not(now);
            const Decision decision = now.decide();
            REQUIRE(decision.refusal.has_value() == (who.uid != 0));
            if (who.uid == 0) continue;
            CHECK(decision.refusal->category == Category::denied);
            CHECK_THAT(decision.refusal->message, Contains(now.image.path + ": this site does not allow this image's " + each.what) &&
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
        {ImageKind::sif, false, false, Driver::fuse_as_user},      {ImageKind::sif, false, true, Driver::fuse_as_user},
        {ImageKind::sif, true, false, Driver::fuse},               {ImageKind::sif, true, true, Driver::kernel_squashfs},
        {ImageKind::squashfs, false, true, Driver::fuse_as_user},  {ImageKind::squashfs, true, false, Driver::fuse},
        {ImageKind::squashfs, true, true, Driver::kernel_squashfs}, {ImageKind::directory, false, false, Driver::directory},
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

TEST_CASE("decision: home") {
    struct Case {
        const char* what;
        std::string conf;
        std::vector<std::pair<std::string, std::string>> options;
        std::string account_home, decided;
    };
    const std::vector<Case> cases = {
        {"the account's", "", {}, "/home/ada", "host /home/ada:/home/ada"},
        {"the account's, spelled badly", "", {}, "/home//x/../ada/", "host /home/ada:/home/ada"},
        {"none wanted", "", {{"no-home", ""}}, "/home/ada", "none :"},
        {"none wanted, and the site mounts none", "mount home = no\n", {{"no-home", ""}}, "/home/ada", "none :"},
        {"wanted again", "", {{"no-home", ""}, {"mount-home", ""}}, "/home/ada", "host /home/ada:/home/ada"},
        {"the site mounts none", "mount home = no\n", {}, "/home/ada", "none :"},
        {"contained", "", {{"contain", ""}}, "/home/ada", "fresh :/home/ada"},
        {"contained, none wanted", "", {{"contain", ""}, {"no-home", ""}}, "/home/ada", "none :"},
        {"contained, the site mounts none", "mount home = no\n", {{"contain", ""}}, "/home/ada", "none :"},
        {"another", "", {{"home", "/data/h:/home/me"}}, "/home/ada", "host /data/h:/home/me"},
        {"another, contained", "", {{"home", "/data/h"}, {"contain", ""}}, "/home/ada", "host /data/h:/data/h"},
        {"the account has none", "", {}, "", "none :"},
        {"the account's is the root", "", {}, "/", "none :"},
        {"the account's is the root, in disguise", "", {}, "/x/..", "none :"},
        {"the account's is no path", "", {}, "home/ada", "none :"},
        {"no control of binds does not hide the home", "user bind control = no\n", {}, "/home/ada", "host /home/ada:/home/ada"},
    };
    for (const Who& who : kEverybody) {
        for (const Case& each : cases) {
            INFO(who.name << ": " << each.what);
            Situation now;
            who.put_into(now.job);
            now.with_site(each.conf);
            now.job.home = each.account_home;
            for (const auto& [option, value] : each.options) now.with(option, value);
            const Decision decision = now.decide();
            CHECK_FALSE(decision.refusal);
            CHECK(shown(decision.home) == each.decided);
            CHECK_FALSE(rulings_on(decision, "home").empty());
        }
    }
}

TEST_CASE("decision: contain hides what is the host's") {
    Situation now;
    now.with("contain");
    const Decision decision = now.decide();
    CHECK(decision.devices == Devices::minimal);
    CHECK(decision.tmp == Tmp::fresh);
    CHECK(decision.binds.empty());
    CHECK(decision.working_directory == "/home/ada");
    CHECK_FALSE(decision.working_directory_required);
    for (const char* subject : {"/dev", "/tmp, /var/tmp", "home", "working directory"}) CHECK_THAT(rulings_on(decision, subject), Contains("--contain"));
    // It does not give what the site does not.
    const Decision strict = now.with_site("mount dev = no\nmount tmp = no\n").decide();
    CHECK(strict.devices == Devices::image);
    CHECK(strict.tmp == Tmp::image);
    // What is asked for by name is there all the same.
    CHECK(test::shown(now.with("bind", "/data:/in").decide().binds) == "/data:/in ");
    CHECK(Situation().with("contain").in("/tmp/x").decide().working_directory == "/tmp/x");
    CHECK(Situation().with("contain").with("no-home").decide().working_directory == "/data/run");
    const Decision named = Situation().with("contain").with("pwd", "/work").decide();
    CHECK(named.working_directory == "/work");
    CHECK(named.working_directory_required);
}

TEST_CASE("decision: the working directory is mounted where nothing else shows it") {
    struct Case {
        std::string where;
        std::vector<std::pair<std::string, std::string>> options;
        std::string binds;
        std::string rule;
    };
    const std::vector<Case> cases = {
        {"/data/run", {}, "/data/run:/data/run? ", "user bind control"},
        {"/data//run/./", {}, "/data/run:/data/run? ", "user bind control"},
        {"/home/ada", {}, "", "inside another mount"},
        {"/home/ada/work", {}, "", "inside another mount"},
        {"/home/adam", {}, "/home/adam:/home/adam? ", "user bind control"},
        {"/tmp", {}, "", "inside another mount"},
        {"/tmp/x", {}, "", "inside another mount"},
        {"/var/tmp/x", {}, "", "inside another mount"},
        {"/tmpx", {}, "/tmpx:/tmpx? ", "user bind control"},
        {"/home/ada/work", {{"no-home", ""}}, "/home/ada/work:/home/ada/work? ", "user bind control"},
        {"/home/ada/work", {{"home", "/h:/home/ada"}}, "/home/ada/work:/home/ada/work? ", "user bind control"},
        {"/h/work", {{"home", "/h"}}, "", "inside another mount"},
        {"/data/run", {{"bind", "/data"}}, "/data:/data ", "inside another mount"},
        {"/data/run", {{"bind", "/other:/data"}}, "/data/run:/data/run? /other:/data ", "user bind control"},
        {"/data/run", {{"bind", "/data/run/sub"}}, "/data/run:/data/run? /data/run/sub:/data/run/sub ", "user bind control"},
        {"/data/run", {{"bind", "/data/ru"}}, "/data/run:/data/run? /data/ru:/data/ru ", "user bind control"},
        {"/", {}, "", "a folder of the system"},
        {"/usr", {}, "", "a folder of the system"},
        {"/usr/share/x", {}, "", "a folder of the system"},
        {"/etc", {}, "", "a folder of the system"},
        {"/lib64/x", {}, "", "a folder of the system"},
        {"/proc/self", {}, "", "a folder of the system"},
        {"/sys/kernel", {}, "", "a folder of the system"},
        {"/dev/shm", {}, "", "a folder of the system"},
        {"/var", {}, "", "a folder of the system"},
        {"/root", {}, "", "a folder of the system"},
        {"/opt", {}, "", "a folder of the system"},
        {"/opt/app", {}, "/opt/app:/opt/app? ", "user bind control"},
        {"/usrlocal", {}, "/usrlocal:/usrlocal? ", "user bind control"},
        {"", {}, "", "a folder of the system"},
    };
    for (const Who& who : kEverybody) {
        for (const Case& each : cases) {
            INFO(who.name << " in " << each.where << " " << each.binds);
            Situation now;
            who.put_into(now.job);
            now.in(each.where);
            for (const auto& [option, value] : each.options) now.with(option, value);
            const Decision decision = now.decide();
            CHECK(test::shown(decision.binds) == each.binds);
            CHECK_THAT(rulings_on(decision, "working directory"), Contains(each.rule));
            CHECK_FALSE(decision.working_directory_required);
        }
    }
    CHECK(test::shown(Situation().with_site("mount tmp = no\n").in("/tmp/x").decide().binds) == "/tmp/x:/tmp/x? ");
}

TEST_CASE("decision: --pwd says where to start, and the caller's folder is there all the same") {
    const Decision decision = Situation().with("pwd", "/work").decide();
    CHECK(decision.working_directory == "/work");
    CHECK(decision.working_directory_required);
    CHECK(test::shown(decision.binds) == "/data/run:/data/run? ");
}

TEST_CASE("decision: binds in order: the site's, the working directory, the user's, the batch script") {
    Situation now;
    now.with_site("bind path = /etc/hosts, /opt/a:/b:ro\nbind path = /data\n").with("bind", "/x,/y:/z:ro");
    now.job.launch = Launch::slurm;
    now.job.batch_script = "/var/spool/slurmd/job7/slurm_script";
    const Decision decision = now.decide();
    CHECK(test::shown(decision.binds) ==
          "/etc/hosts:/etc/hosts? /opt/a:/b:ro? /data:/data? /data/run:/data/run? /x:/x /y:/z:ro "
          "/var/spool/slurmd/job7/slurm_script:/var/spool/slurmd/job7/slurm_script:ro ");
    CHECK(rulings_on(decision, "bind /opt/a") == "mounted at /b [" + rule_at(1, "bind path = /opt/a") + "]");
    CHECK(rulings_on(decision, "bind /data") == "mounted at /data [" + rule_at(2, "bind path = /data") + "]");
    CHECK(rulings_on(decision, "bind /y") == "mounted at /z read-only [default: user bind control = yes]");
    CHECK_THAT(rulings_on(decision, "batch script"), Contains("slurm_script"));
    // The batch step must find its script even where users choose nothing, and where everything is hidden.
    CHECK_THAT(test::shown(now.with("contain").decide().binds), Contains("slurm_script:ro"));
    Situation strict;
    strict.with_site("user bind control = no\n");
    strict.job.batch_script = "/spool/script";
    CHECK(test::shown(strict.decide().binds) == "/spool/script:/spool/script:ro ");
}
