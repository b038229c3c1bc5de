// Labels, seccomp profiles and what they entail, and options that the site gives, for everybody.
#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

TEST_CASE("decision: seccomp profiles of the site, of the user and of both, and that nobody gains privileges under them") {
    const std::string line = "seccomp profile = /etc/berth/site.json";
    for (const Who& who : kEverybody)
        for (const bool sites : {false, true})
            for (const bool users : {false, true}) {
                INFO(who.name << (sites ? ", the site's" : "") << (users ? ", the user's" : ""));
                Situation now;
                who.put_into(now.job);
                if (sites) now.with_site("\n" + line + "\n");
                if (users) now.with("security", "seccomp:/home/ada/own.json");
                const Decision decision = now.decide();
                CHECK_FALSE(decision.refusal);
                CHECK(decision.site_profile == (sites ? "/etc/berth/site.json" : ""));
                CHECK(decision.user_profile == (users ? "/home/ada/own.json" : ""));
                const std::string shown = rulings_on(decision, "seccomp");
                if (sites) CHECK_THAT(shown, Contains("[" + rule_at(2, line) + "]"));
                if (users) CHECK_THAT(shown, Contains("[--security]"));
                CHECK(shown.find("beside the site's") == (sites && users ? shown.find("beside") : std::string::npos));
                CHECK(shown.empty() == (!sites && !users));
                if (sites || users) CHECK(decision.no_new_privileges);
            }
}

TEST_CASE("decision: who administers the machine takes a filter without no_new_privs") {
    Situation now;
    kEverybody[1].put_into(now.job);
    now.job.available_capabilities = kAllCapabilities;
    now.with_site("root default capabilities = full\n").with("security", "seccomp:/own.json");
    REQUIRE((now.decide().capabilities & capability_bit(21)) != 0);
    CHECK_FALSE(now.decide().no_new_privileges);
    now.with("drop-caps", "CAP_SYS_ADMIN");
    CHECK(now.decide().no_new_privileges);
}

TEST_CASE("decision: a label needs its module, and is one") {
    for (const Who& who : kEverybody)
        for (const auto module : {SecurityModule::apparmor, SecurityModule::selinux}) {
            const bool apparmor = module == SecurityModule::apparmor;
            INFO(who.name << ", " << to_string(module));
            Situation now;
            who.put_into(now.job);
            CHECK_FALSE(now.decide().label);
            now.with("security", apparmor ? "apparmor:cage" : "selinux:a_u:b_r:c_t");
            Decision decision = now.decide();
            REQUIRE(decision.refusal);
            CHECK(decision.refusal->category == Category::unsupported);
            CHECK_THAT(decision.refusal->message, Contains(std::string(to_string(module)) + " is not active on this node"));
            CHECK_FALSE(decision.label);
            now.job.security_modules = {apparmor ? SecurityModule::selinux : SecurityModule::apparmor};
            CHECK(now.decide().refusal);
            now.job.security_modules = {SecurityModule::selinux, SecurityModule::apparmor};
            decision = now.decide();
            CHECK_FALSE(decision.refusal);
            REQUIRE(decision.label);
            CHECK(decision.label->module == module);
            CHECK(decision.label->text == (apparmor ? "cage" : "a_u:b_r:c_t"));
            CHECK_THAT(rulings_on(decision, "label"), Contains("[--security]"));
            now.with("security", apparmor ? "selinux:a_u:b_r:c_t" : "apparmor:cage");
            decision = now.decide();
            REQUIRE(decision.refusal);
            CHECK_THAT(decision.refusal->message, Contains("exclude each other"));
        }
}

TEST_CASE("decision: a limit that needs a controller which Slurm does not enable is the site's to allow") {
    const std::string line = "enable cgroup controllers = yes";
    for (const Who& who : kEverybody)
        for (const bool allowed : {false, true}) {
            INFO(who.name << ", " << allowed);
            Situation now;
            who.put_into(now.job);
            now.with("pids-limit", "7");
            if (allowed) now.with_site(line + "\n");
            LimitInputs limits{now.request.limits, {}, {}};
            limits.facts.version = CgroupVersion::v2;
            limits.facts.slurms = who.launch == Launch::slurm;
            (limits.facts.slurms ? limits.facts.dormant : limits.facts.controllers) = {"pids"};
            const Decision decision = decide(now.request, {now.site, now.ecl}, now.names, now.job, now.image, limits);
            const bool refused = limits.facts.slurms && !allowed;
            CHECK(decision.refusal.has_value() == refused);
            if (refused) CHECK_THAT(decision.refusal->message, Contains("--pids-limit") && Contains("enable cgroup controllers = no"));
            else CHECK(decision.limits.at(0).effective == "7");
        }
}

TEST_CASE("decision: an option that the site gives is cited as its line, and the user's own as his") {
    const std::string line = "option default = contain";
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        now.with("contain").request.given.clear();  // as it begins where the site gives it
        CHECK_THAT(rulings_on(now.decide(), "home"), Contains("[--contain]"));
        now.with_site("option default = nv\n" + line + "\n");
        CHECK_THAT(rulings_on(now.decide(), "home"), Contains("[" + rule_at(2, line) + "]"));
        now.request.given = {"contain"};
        CHECK_THAT(rulings_on(now.decide(), "home"), Contains("[--contain]"));
    }
}
