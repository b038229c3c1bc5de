// Directives and their values: what is accepted, what is refused and how it is said.
#include "runtime/config/site_config.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

const std::string kFile = "/etc/berth/berth.conf";

std::string first_error(std::string_view text) {
    const auto parsed = parse(text, kFile);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().category == Category::config);
    return parsed.error().message;
}

SiteConfig good(std::string_view text) {
    auto parsed = parse(text, kFile);
    if (!parsed) FAIL(parsed.error().message);
    return *parsed;
}

struct Samples {
    std::vector<std::string> good, bad;
};

Samples samples(const Directive& directive) {
    switch (directive.type) {
        case ValueType::boolean: return {{"yes", "no"}, {"", "Yes", "true", "1", "yes # why", "yes,no"}};
        case ValueType::choice:
            return {{directive.values.begin(), directive.values.end()}, {"", "maybe", "YES", "yes,no"}};
        case ValueType::number:
            return {{"0", "7", "18446744073709551615"},
                    {"", "-1", "+1", "0x10", "010", "1.5", "1K", "18446744073709551616"}};
        case ValueType::text: return {{"", "some text"}, {}};
        case ValueType::path: return {{"", "/usr/bin/x"}, {"usr/bin/x", "/usr/../bin/x", "~/x", "$HOME/x"}};
        case ValueType::account:
            return {{"berth", "_fuse-1.x", "1000", "4294967294"},
                    {"", "root", "0", "-1", "01", "4294967295", "4294967296", "1x", "a b", "a,b", "a/b"}};
        case ValueType::names:
            return {{"", "alice", "alice,bob", "alice , bob", "DOM\\al ice"}, {",", "a,,b", "a,", "NULL"}};
        case ValueType::paths:
            return {{"", "/", "/a", "/a, /b/c", "//a/./b/"}, {"a", "/a,b", "/a,,/b", "/a/../b", "/a,", "NULL", "~/a"}};
        case ValueType::binds:
            return {{"", "/a", "/a:/b", "/a:/b:ro", "/a:/b:rw", "/a, /b:/c", "/:/host"},
                    {"a", "/a:b", ":/b", "/a:", "/a:/b:", "/a:/b:RO", "/a:/b:ro:x", "/a:/", "/a/..:/b", "/a:/b/../c",
                     "/a,,/b"}};
        case ValueType::option:
            return {{"", "contain", "bind=/a:/b,/c", "no-such-option", "env=A=b"}, {"=x", "No-Home", "a b", "--contain", "a,b"}};
    }
    return {};
}

bool is_refused(const Directive& directive, const std::string& value) {
    return std::ranges::any_of(directive.refused, [&](const RefusedValue& refused) {
        return refused.value.empty() ? !value.empty() : refused.value == value;
    });
}

std::string line_of(const Directive& directive, const std::string& value) {
    return "# first line\n" + std::string(directive.name) + " = " + value + "\n";
}

}  // namespace

TEST_CASE("config: every directive takes the values of its type, and those alone") {
    for (const Directive& directive : directives()) {
        const Samples tried = samples(directive);
        for (const std::string& value : tried.good) {
            INFO(directive.name << " = " << value);
            const auto problems = read(line_of(directive, value), kFile).problems;
            if (!is_refused(directive, value)) {
                CHECK(problems.empty());
                continue;
            }
            REQUIRE(problems.size() == 1);
            CHECK_THAT(problems[0].to_string(), Contains(kFile + ":2: " + std::string(directive.name) + " = " + value));
            CHECK_THAT(problems[0].message, Contains(" is refused: ") && Contains("; "));  // the reason; the remedy
        }
        for (const std::string& value : tried.bad) {
            INFO(directive.name << " = " << value);
            const auto problems = read(line_of(directive, value), kFile).problems;
            REQUIRE(problems.size() == 1);
            CHECK_THAT(problems[0].to_string(), Contains(kFile + ":2: " + std::string(directive.name)));
            CHECK_THAT(problems[0].message, Contains("; allowed: " + directive.allowed()));
        }
    }
}

TEST_CASE("config: every directive is accepted at its default, and lists alone may be repeated") {
    for (const Directive& directive : directives()) {
        INFO(directive.name);
        const std::string line = std::string(directive.name) + " = " + std::string(directive.default_value) + "\n";
        CHECK(read(line, kFile).problems.empty());
        const auto twice = read(line + "\n" + line, kFile).problems;
        if (directive.repeatable()) {
            CHECK(twice.empty());
        } else {
            REQUIRE(twice.size() == 1);
            CHECK(twice[0].to_string() ==
                  kFile + ":3: " + std::string(directive.name) + " is set on line 1 already; remove one of the two");
        }
    }
}

TEST_CASE("config: the table is consistent") {
    std::set<std::string_view> seen;
    for (const Directive& directive : directives()) {
        INFO(directive.name);
        CHECK(seen.insert(directive.name).second);
        CHECK(find_directive(directive.name) == &directive);
        CHECK(directive.meaning.ends_with('.'));
        const bool has_choices = directive.type == ValueType::boolean || directive.type == ValueType::choice;
        CHECK(directive.values.empty() != has_choices);
        if (has_choices) CHECK(std::ranges::count(directive.values, directive.default_value) == 1);
        for (const RefusedValue& refused : directive.refused) {
            CHECK((refused.value.empty() || refused.value != directive.default_value));
            CHECK(refused.value.empty() != (std::ranges::count(directive.values, refused.value) == 1));
        }
        if (directive.standing == Standing::holds) CHECK_FALSE(directive.difference.empty());
        if (!directive.differs_at.empty()) {
            CHECK_FALSE(directive.difference.empty());
            CHECK(parse(std::string(directive.name) + " = " + std::string(directive.differs_at), "x").ok());
        }
        for (const std::string_view text : {directive.meaning, directive.difference})
            CHECK((text.empty() || text.ends_with('.')));
    }
    CHECK(find_directive("") == nullptr);
    CHECK(find_directive("Mount Dev") == nullptr);
}

TEST_CASE("config: the image cache") {
    const auto site = parse("image cache = /scratch/berth\nimage cache size = 18446744073709551615\n", "conf");
    REQUIRE(site.ok());
    CHECK(site->image_cache == Setting<std::string>{"/scratch/berth", {"conf", 1}});
    CHECK(site->image_cache_size == Setting<std::uint64_t>{UINT64_MAX, {"conf", 2}});
    CHECK_FALSE(parse("image cache = scratch\n", "conf"));
    CHECK_FALSE(parse("image cache size = 18446744073709551616\n", "conf"));
    CHECK_FALSE(parse("image cache size = 10G\n", "conf"));
}

TEST_CASE("config: a yes/no directive in effect reaches its member, with its line") {
    using Flag = Setting<bool> SiteConfig::*;
    const std::map<std::string, Flag> flags = {
        {"user bind control", &SiteConfig::user_bind_control},
        {"mount home", &SiteConfig::mount_home},
        {"mount tmp", &SiteConfig::mount_tmp},
        {"mount proc", &SiteConfig::mount_proc},
        {"mount sys", &SiteConfig::mount_sys},
        {"mount slave", &SiteConfig::mount_slave},
        {"config passwd", &SiteConfig::config_passwd},
        {"config group", &SiteConfig::config_group},
        {"config resolv_conf", &SiteConfig::config_resolv_conf},
        {"allow container sif", &SiteConfig::allow_container_sif},
        {"allow container encrypted", &SiteConfig::allow_container_encrypted},
        {"allow container squashfs", &SiteConfig::allow_container_squashfs},
        {"allow container extfs", &SiteConfig::allow_container_extfs},
        {"allow container dir", &SiteConfig::allow_container_dir},
        {"require signature", &SiteConfig::require_signature},
        {"allow user ns", &SiteConfig::allow_user_ns},
        {"mount devpts", &SiteConfig::mount_devpts},
        {"mount hostfs", &SiteConfig::mount_hostfs},
        {"allow setuid", &SiteConfig::allow_setuid},
        {"allow kernel squashfs", &SiteConfig::allow_kernel_squashfs},
        {"enable cgroup controllers", &SiteConfig::enable_cgroup_controllers},
        {"always use nv", &SiteConfig::always_use_nv},
        {"always use rocm", &SiteConfig::always_use_rocm},
        {"use nvidia-container-cli", &SiteConfig::use_nvidia_container_cli},
    };
    for (const Directive& directive : directives())
        if (directive.standing == Standing::in_effect && directive.type == ValueType::boolean)
            CHECK(flags.contains(std::string(directive.name)));
    for (const auto& [name, flag] : flags) {
        INFO(name);
        const bool by_default = find_directive(name)->default_value == "yes";
        CHECK(good("").*flag == Setting<bool>{by_default, {}});
        CHECK(good("\n" + name + " = no").*flag == Setting<bool>{false, {kFile, 2}});
        CHECK(good(name + " = yes\n").*flag == Setting<bool>{true, {kFile, 1}});
    }
}

TEST_CASE("config: mount dev, and the image server's user") {
    CHECK(good("").mount_dev == Setting<MountDev>{MountDev::yes, {}});
    CHECK(good("mount dev = yes").mount_dev == Setting<MountDev>{MountDev::yes, {kFile, 1}});
    CHECK(good("mount dev = minimal").mount_dev.value == MountDev::minimal);
    CHECK(good("mount dev = no").mount_dev.value == MountDev::no);
    CHECK(good("").memory_fs_type == Setting<MemoryFs>{MemoryFs::tmpfs, {}});
    CHECK(good("memory fs type = ramfs").memory_fs_type == Setting<MemoryFs>{MemoryFs::ramfs, {kFile, 1}});
    CHECK(good("").allow_kernel_mount.value == KernelMount::trusted);
    CHECK(good("allow kernel mount = trusted").allow_kernel_mount.value == KernelMount::trusted);
    CHECK(good("allow kernel mount = never").allow_kernel_mount.value == KernelMount::never);
    CHECK(good("allow kernel mount = always").allow_kernel_mount == Setting<KernelMount>{KernelMount::always, {kFile, 1}});
    CHECK(good("").allow_setuid_mount_squashfs.value == SetuidMount::yes);
    CHECK(good("allow setuid-mount squashfs = yes").allow_setuid_mount_squashfs.value == SetuidMount::yes);
    CHECK(good("allow setuid-mount squashfs = no").allow_setuid_mount_squashfs.value == SetuidMount::no);
    CHECK(good("allow setuid-mount squashfs = iflimited").allow_setuid_mount_squashfs.value == SetuidMount::iflimited);
    CHECK(good("").image_server_user == Setting<std::string>{"berth", {}});
    CHECK(good("image server user = 990").image_server_user == Setting<std::string>{"990", {kFile, 1}});
}

TEST_CASE("config: numbers, texts and paths reach their members") {
    const SiteConfig config = good(
        "max loop devices = 7\nsessiondir max size = 1024\naudit log = /var/log/berth.json\nseccomp profile = /etc/berth/seccomp.json\n"
        "mksquashfs path = /opt/bin/mksquashfs\nmksquashfs procs = 4\nmksquashfs mem = 1G\n");
    CHECK(config.max_loop_devices == Setting<std::uint64_t>{7, {kFile, 1}});
    CHECK(config.sessiondir_max_size == Setting<std::uint64_t>{1024, {kFile, 2}});
    CHECK(config.audit_log == Setting<std::string>{"/var/log/berth.json", {kFile, 3}});
    CHECK(config.seccomp_profile == Setting<std::string>{"/etc/berth/seccomp.json", {kFile, 4}});
    CHECK(config.mksquashfs_path == Setting<std::string>{"/opt/bin/mksquashfs", {kFile, 5}});
    CHECK(config.mksquashfs_procs == Setting<std::uint64_t>{4, {kFile, 6}});
    CHECK(config.mksquashfs_mem == Setting<std::string>{"1G", {kFile, 7}});
    const SiteConfig none = good("");
    CHECK((none.max_loop_devices.value == 256 && none.sessiondir_max_size.value == 64 && none.mksquashfs_procs.value == 0));
    CHECK((none.audit_log.value.empty() && none.seccomp_profile.value.empty() && none.mksquashfs_path.value.empty() &&
           none.mksquashfs_mem.value.empty()));
}

TEST_CASE("config: option default keeps its commas, one option a line; option deny is a list") {
    const SiteConfig config = good("option default = bind=/a:/b,/c\noption default = contain\noption default =\noption deny = bind, home\n");
    CHECK(config.option_default.value == std::vector<Setting<std::string>>{{"bind=/a:/b,/c", {kFile, 1}}, {"contain", {kFile, 2}}});
    CHECK(config.option_deny.value == std::vector<Setting<std::string>>{{"bind", {kFile, 4}}, {"home", {kFile, 4}}});
}

TEST_CASE("config: bind path gathers its lines") {
    CHECK(good("").bind_path.value.empty());
    const auto binds = good("bind path = /etc/hosts, /opt//x/:/y:ro\n\nbind path =\nbind path = /z:/w").bind_path;
    CHECK(binds.origin == Origin{kFile, 1});
    CHECK(binds.value == std::vector<BindPath>{{"/etc/hosts", "/etc/hosts", false, {kFile, 1}},
                                               {"/opt/x", "/y", true, {kFile, 1}},
                                               {"/z", "/w", false, {kFile, 4}}});
}

TEST_CASE("config: the limits gather their lines") {
    const SiteConfig config = good(
        "limit container paths = /a/./b/,/c\nlimit container owners = alice, bob\n"
        "limit container paths = /d\nlimit container groups = 100\n");
    CHECK(config.limit_container_paths.origin == Origin{kFile, 1});
    CHECK(config.limit_container_paths.value ==
          std::vector<Setting<std::string>>{{"/a/b", {kFile, 1}}, {"/c", {kFile, 1}}, {"/d", {kFile, 3}}});
    CHECK(config.limit_container_owners.value ==
          std::vector<Setting<std::string>>{{"alice", {kFile, 2}}, {"bob", {kFile, 2}}});
    CHECK(config.limit_container_groups.value == std::vector<Setting<std::string>>{{"100", {kFile, 4}}});
    CHECK(good("limit container paths =").limit_container_paths.value.empty());
}

TEST_CASE("config: messages say the place, the trouble and the remedy") {
    struct Case {
        std::string_view text, message;
    };
    const auto c = GENERATE(values<Case>({
        {"mount dve = yes", "unknown directive 'mount dve'; did you mean 'mount dev'?"},
        {"Mount Dev = yes", "unknown directive 'Mount Dev'; did you mean 'mount dev'?"},
        {"mount  dev = yes", "unknown directive 'mount  dev'; did you mean 'mount dev'?"},
        {"allow container siff = no", "unknown directive 'allow container siff'; did you mean 'allow container sif'?"},
        {"entirely different = 1", "unknown directive 'entirely different'"},
        {"\xC3(\x80 = 1", "unknown directive '\\xc3(\\x80'"},
        {"mount dev = maybe", "mount dev is 'maybe'; allowed: yes, minimal or no"},
        {"mount dev =", "mount dev has no value; allowed: yes, minimal or no"},
        {"mount home = \xFFno", "mount home is '\\xffno'; allowed: yes or no"},
        {"image driver = x", "image driver = x is refused: there are no plugins here; remove the value"},
        {"oci mode = yes", "oci mode = yes is refused: OCI images are not run here; write no, and convert such images to SIF"},
        {"enable underlay = preferred",
         "enable underlay = preferred is refused: mount points that an image lacks are always made with overlayfs; write yes or no"},
        {"limit container owners = NULL",
         "limit container owners has the entry 'NULL'; for an empty list leave the value empty; allowed: names "
         "separated "
         "by commas"},
        {"limit container paths = /a,,/b",
         "limit container paths has an empty entry between its commas; allowed: absolute paths without '..', separated "
         "by "
         "commas"},
    }));
    CHECK_THAT(first_error(c.text), Equals(kFile + ":1: " + std::string(c.message)));
}

TEST_CASE("config: parse gives the first problem, read gives them all in order") {
    constexpr std::string_view kText =
        "mount home = no\nmount dve = yes\n\nmount tmp = perhaps\nnonsense\nmount sys = no\n";
    CHECK_THAT(first_error(kText), Contains(kFile + ":2: unknown directive"));
    const Reading reading = read(kText, kFile);
    const auto& problems = reading.problems;
    REQUIRE(problems.size() == 3);
    CHECK(problems[0].where.line == 2);
    CHECK(problems[1].where.line == 4);
    CHECK(problems[2].where.line == 5);
    CHECK(reading.file.lines.size() == 2);
    CHECK(reading.file.lines[1].directive->name == "mount sys");
    CHECK(reading.file.lines[1].origin == Origin{kFile, 6});
}

TEST_CASE("config: a refused line sets nothing, and still counts as given") {
    const Reading reading = read("mount dev = maybe\nmount dev = no\n", kFile);
    CHECK(reading.config.mount_dev == Setting<MountDev>{MountDev::yes, {}});
    CHECK(reading.problems.size() == 2);
}

TEST_CASE("config: a file full of nonsense ends in bounded time and messages") {
    std::string nonsense;
    while (nonsense.size() < kMaxFileSize) nonsense += "zzzz zzzz zzzz zzzz = x\n";
    const auto problems = read(nonsense, kFile).problems;
    CHECK(problems.size() == kMaxProblems);
    CHECK_THAT(problems.back().to_string(), Contains(kFile + ": too many problems"));

    const std::string megabyte(kMaxFileSize, 'x');
    CHECK(first_error(megabyte + " = yes").size() < 512);
    CHECK(first_error("mount dev = " + megabyte).size() < 512);
    CHECK(first_error("limit container paths = " + megabyte).size() < 512);
    CHECK(first_error(megabyte).size() < 512);
    CHECK(good("limit container owners = " + megabyte).limit_container_owners.value[0].value == megabyte);
}
