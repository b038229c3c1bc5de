// What a container shows of the host: home, temporary folders, the working directory, binds.
#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

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
        {"no control of binds does not hide the home",
         "user bind control = no\n",
         {},
         "/home/ada",
         "host /home/ada:/home/ada"},
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
    for (const char* subject : {"/dev", "/tmp, /var/tmp", "home", "working directory"})
        CHECK_THAT(rulings_on(decision, subject), Contains("--contain"));
    // It does not give what the site does not.
    const Decision strict = now.with_site("mount dev = no\nmount tmp = no\n").decide();
    CHECK(strict.devices == Devices::image);
    CHECK(strict.tmp == Tmp::image);
    // What is asked for by name is there all the same.
    CHECK(shown(now.with("bind", "/data:/in").decide().binds) == "/data:/in ");
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
        {"/data/run",
         {{"bind", "/data/run/sub"}},
         "/data/run:/data/run? /data/run/sub:/data/run/sub ",
         "user bind control"},
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
            CHECK(shown(decision.binds) == each.binds);
            CHECK_THAT(rulings_on(decision, "working directory"), Contains(each.rule));
            CHECK_FALSE(decision.working_directory_required);
        }
    }
    CHECK(shown(Situation().with_site("mount tmp = no\n").in("/tmp/x").decide().binds) == "/tmp/x:/tmp/x? ");
}

TEST_CASE("decision: a working directory beneath a bind of the site's is what that bind makes of it") {
    Situation now;
    now.with_site("bind path = /data:/data:ro\n");
    CHECK(shown(now.decide().binds) == "/data:/data:ro? ");
    CHECK_THAT(rulings_on(now.decide(), "working directory"), Contains("inside another mount"));
    CHECK(shown(now.with_site("bind path = /data:/mnt/data:ro\n").decide().binds) ==
          "/data:/mnt/data:ro? /data/run:/data/run? ");
}

TEST_CASE("decision: --pwd says where to start, and the caller's folder is there all the same") {
    const Decision decision = Situation().with("pwd", "/work").decide();
    CHECK(decision.working_directory == "/work");
    CHECK(decision.working_directory_required);
    CHECK(shown(decision.binds) == "/data/run:/data/run? ");
}

TEST_CASE("decision: binds in order: the site's, the working directory, the user's, the batch script") {
    Situation now;
    now.with_site("bind path = /etc/hosts, /opt/a:/b:ro\nbind path = /srv\n").with("bind", "/x,/y:/z:ro");
    now.job.launch = Launch::slurm;
    now.job.batch_script = "/var/spool/slurmd/job7/slurm_script";
    const Decision decision = now.decide();
    CHECK(shown(decision.binds) ==
          "/etc/hosts:/etc/hosts? /opt/a:/b:ro? /srv:/srv? /data/run:/data/run? /x:/x /y:/z:ro "
          "/var/spool/slurmd/job7/slurm_script:/var/spool/slurmd/job7/slurm_script:ro ");
    CHECK(rulings_on(decision, "bind /opt/a") == "mounted at /b [" + rule_at(1, "bind path = /opt/a") + "]");
    CHECK(rulings_on(decision, "bind /srv") == "mounted at /srv [" + rule_at(2, "bind path = /srv") + "]");
    CHECK(rulings_on(decision, "bind /y") == "mounted at /z read-only [default: user bind control = yes]");
    CHECK_THAT(rulings_on(decision, "batch script"), Contains("slurm_script"));
    // The batch step must find its script even where users choose nothing, and where everything is hidden.
    CHECK_THAT(shown(now.with("contain").decide().binds), Contains("slurm_script:ro"));
    Situation strict;
    strict.with_site("user bind control = no\n");
    strict.job.batch_script = "/spool/script";
    CHECK(shown(strict.decide().binds) == "/spool/script:/spool/script:ro ");
}
