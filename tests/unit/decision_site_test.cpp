// The directives on options, user namespaces, drivers and memory, for everybody.
#include <functional>

#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

namespace {

const std::string kKey = "AAAA000000000000000000000000000000000001";

/// A situation in which the kernel would mount the image, had Berth privilege.
Situation trusted_image(const Who& who) {
    Situation now;
    who.put_into(now.job);
    now.image.root_controlled = true;
    return now;
}

Driver driver_with(const Who& who, const std::string& conf, bool root_controlled = true) {
    Situation now = trusted_image(who);
    now.image.root_controlled = root_controlled;
    return now.with_site(conf).decide().driver;
}

}  // namespace

TEST_CASE("decision: each directive that keeps the kernel from an image does so for everybody, and is cited") {
    for (const Who& who : kEverybody) {
        for (const std::string line : {"allow kernel mount = never", "allow setuid = no", "allow kernel squashfs = no",
                                       "allow setuid-mount squashfs = no", "max loop devices = 0"}) {
            INFO(who.name << ", " << line);
            Situation now = trusted_image(who);
            CHECK(now.decide().driver == (who.privileged ? Driver::kernel_squashfs : Driver::fuse_as_user));
            now.with_site("\n" + line + "\n");
            const Decision decision = now.decide();
            CHECK_FALSE(decision.refusal);
            CHECK(decision.driver == (who.privileged ? Driver::fuse : Driver::fuse_as_user));
            if (who.privileged) CHECK_THAT(rulings_on(decision, "image driver"), Contains("[" + rule_at(2, line) + "]"));
            if (line.starts_with("allow kernel mount")) continue;
            now.with_site(line + "\nallow kernel mount = always\n");
            CHECK(now.decide().driver != Driver::kernel_squashfs);  // they only ever forbid more
        }
    }
}

TEST_CASE("decision: allow kernel mount = always lets the kernel parse what users wrote, where Berth has privilege") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        CHECK(driver_with(who, "", false) == (who.privileged ? Driver::fuse : Driver::fuse_as_user));
        CHECK(driver_with(who, "allow kernel mount = trusted\n", false) == (who.privileged ? Driver::fuse : Driver::fuse_as_user));
        CHECK(driver_with(who, "allow kernel mount = always\n", false) == (who.privileged ? Driver::kernel_squashfs : Driver::fuse_as_user));
        Situation now = trusted_image(who);
        now.with_site("allow kernel mount = always\n").image.root_controlled = false;
        if (who.privileged) CHECK_THAT(rulings_on(now.decide(), "image driver"), Contains(rule_at(1, "allow kernel mount = always")));
        // What a hash tree must check cannot be the kernel's.
        now.image.signature = SignatureInfo{"", {}, Held::hash_tree, HashTreeInfo{}};
        CHECK(now.decide().driver != Driver::kernel_squashfs);
        now.image.signature->held = Held::copy;
        CHECK(now.decide().driver == (who.privileged ? Driver::kernel_squashfs : Driver::fuse_as_user));
        now.with_site("allow kernel mount = trusted\n");
        CHECK(now.decide().driver != Driver::kernel_squashfs);
    }
}

TEST_CASE("decision: allow setuid-mount squashfs = iflimited asks for a limit, of any kind") {
    const Who& slurm = kEverybody[2];
    const std::string line = "allow setuid-mount squashfs = iflimited\n";
    CHECK(driver_with(slurm, line) == Driver::fuse);
    for (const std::string limit : {"limit container paths = /apps", "limit container owners = x", "limit container groups = x"})
        CHECK(driver_with(slurm, line + limit + "\n") == Driver::kernel_squashfs);
    Situation now = trusted_image(slurm);
    now.with_site(line);
    CHECK_THAT(rulings_on(now.decide(), "image driver"), Contains(rule_at(1, "allow setuid-mount squashfs = iflimited") + ", and nothing limits the images"));
    now.with_ecl("activated = true\n");
    CHECK(now.decide().driver == Driver::kernel_squashfs);
}

TEST_CASE("decision: allow user ns = no leaves containers to those who need none") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now = trusted_image(who);
        now.with_site("\nallow user ns = no\n");
        const Decision decision = now.decide();
        REQUIRE(decision.refusal.has_value() == !who.privileged);
        if (who.privileged) continue;
        CHECK(decision.refusal->category == Category::denied);
        CHECK_THAT(decision.refusal->message, Contains("user namespace") && Contains(rule_at(2, "allow user ns = no")));
    }
}

TEST_CASE("decision: option deny refuses what the user gave, and nothing else") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        now.with_site("option deny = home\noption deny = bind, add-caps\n");
        CHECK_FALSE(now.decide().refusal);
        now.request.given = {"image", "cleanenv", "explain"};
        CHECK_FALSE(now.decide().refusal);
        now.request.given = {"cleanenv", "bind"};
        const Decision decision = now.decide();
        REQUIRE(decision.refusal);
        CHECK(decision.refusal->category == Category::denied);
        CHECK(decision.refusal->message == "--bind: this site does not allow this option (" + rule_at(2, "option deny = bind") + ")");
        CHECK(rulings_on(decision, "option bind") == "refused [" + rule_at(2, "option deny = bind") + "]");
        // What nobody gave was not asked for: the site's own default stays.
        now.request.given.clear();
        now.with("bind", "/data");
        CHECK_FALSE(now.decide().refusal);
        // A name that is none would forbid nothing.
        now.with_site("option deny = binds\n");
        REQUIRE(now.decide().refusal);
        CHECK(now.decide().refusal->category == Category::config);
        CHECK_THAT(now.decide().refusal->message, Contains("there is no option 'binds'; did you mean 'bind'?") && Contains(kConf + ":1"));
    }
}

TEST_CASE("decision: the options of an execgroup are all that a user may give with its images") {
    const auto list = [](const std::string& options) {
        return "activated = true\n[[execgroup]]\ntagname = \"apps\"\nmode = \"whitelist\"\nkeyfp = [\"" + kKey + "\"]\n" + options;
    };
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        now.image.signature = SignatureInfo{"", {{kKey, ""}}, Held::unchangeable, std::nullopt};
        now.request.given = {"image", "bind", "explain"};
        CHECK_FALSE(now.with_ecl(list("")).decide().refusal);
        CHECK_FALSE(now.with_ecl(list("options = [\"bind\", \"pwd\"]\n")).decide().refusal);
        for (const std::string options : {"options = [\"pwd\"]\n", "options = []\n"}) {
            const Decision decision = now.with_ecl(list(options)).decide();
            REQUIRE(decision.refusal);
            CHECK(decision.refusal->category == Category::denied);
            CHECK_THAT(decision.refusal->message,
                       Contains("--bind: this site does not allow this option with images of this group (" + kEcl + ":2: [[execgroup]] apps: options = "));
        }
        now.request.given = {"image", "explain"};
        CHECK_FALSE(now.decide().refusal);
        const Decision wrong = now.with_ecl(list("options = [\"bindd\"]\n")).decide();
        REQUIRE(wrong.refusal);
        CHECK(wrong.refusal->category == Category::config);
        CHECK_THAT(wrong.refusal->message, Contains("there is no option 'bindd'; did you mean 'bind'?"));
    }
}

TEST_CASE("decision: memory file systems and terminals, where there are any") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        CHECK(rulings_on(now.decide(), "memory file systems").empty());
        CHECK(rulings_on(now.decide(), "/dev/pts").empty());
        now.with("contain");
        CHECK(now.decide().memory_fs_mib == 64);
        CHECK(now.decide().devpts);
        CHECK(rulings_on(now.decide(), "memory file systems") == "tmpfs of 64 MiB each [default: sessiondir max size = 64]");
        now.with_site("sessiondir max size = 8\nmount devpts = no\n");
        CHECK(now.decide().memory_fs_mib == 8);
        CHECK_FALSE(now.decide().devpts);
        CHECK(rulings_on(now.decide(), "/dev/pts") == "none [" + rule_at(2, "mount devpts = no") + "]");
        CHECK(rulings_on(now.decide(), "memory file systems") == "tmpfs of 8 MiB each [" + rule_at(1, "sessiondir max size = 8") + "]");
        for (const std::string none : {"0", "18446744073709551615"}) CHECK(now.with_site("sessiondir max size = " + none).decide().memory_fs_mib == 0);
        now.with_site("memory fs type = ramfs\n");
        CHECK(now.decide().memory_fs == config::MemoryFs::ramfs);
        CHECK(rulings_on(now.decide(), "memory file systems") == "ramfs, without a limit [" + rule_at(1, "memory fs type = ramfs") + "]");
    }
}

TEST_CASE("decision: mount hostfs takes the outermost mounts that are neither the system's nor /tmp") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        now.names.host_mounts = {"/", "/scratch/a", "/home", "/scratch", "/proc", "/sys/fs/cgroup", "/dev/shm", "/usr/share", "/var/lib/x", "/run",
                                 "/run/user/1000", "/boot/efi", "/tmp", "/tmp/x", "/scratch2", "/data"};
        CHECK(now.decide().host_mounts.empty());
        now.with_site("mount hostfs = yes\n");
        const Decision decision = now.decide();
        CHECK(decision.host_mounts == std::vector<std::string>{"/data", "/home", "/scratch", "/scratch2"});
        CHECK(rulings_on(decision, "bind /scratch") == "mounted at /scratch [" + rule_at(1, "mount hostfs = yes") + "]");
        CHECK(decision.binds.empty());  // /data/run, the working directory, is inside
        now.with("contain");
        CHECK(now.decide().host_mounts.empty());
        CHECK(rulings_on(now.decide(), "the host's file systems") == "not mounted [--contain]");
    }
    Situation many;
    many.with_site("mount hostfs = yes\n");
    for (int i = 0; i < 129; ++i) many.names.host_mounts.push_back("/net/" + std::to_string(i));
    REQUIRE(many.decide().refusal);
    CHECK_THAT(many.decide().refusal->message, Contains("more than 128 file systems") && Contains("bind path"));
    many.names.host_mounts.pop_back();
    CHECK_FALSE(many.decide().refusal);
}
