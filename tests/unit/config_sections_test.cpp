// Sections of berth.conf: for which jobs they hold, what they replace, and what may not stand in them.
#include <catch2/catch.hpp>

#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Equals;

namespace {

const std::string kFile = "/etc/berth/berth.conf";

SiteFile file_of(std::string_view text) {
    auto file = parse_file(text, kFile);
    if (!file) FAIL(file.error().message);
    return *file;
}

JobFacts facts(std::optional<std::string> partition, std::optional<std::string> account, std::vector<std::string> groups = {}) {
    return {true, std::move(partition), std::move(account), std::move(groups)};
}

std::vector<std::string> values(const StringList& list) {
    std::vector<std::string> all;
    for (const auto& entry : list.value) all.push_back(entry.value);
    return all;
}

constexpr std::string_view kText =
    "mount home = yes\nlimit container paths = /apps, /sw\nuser bind control = no\n"
    "[partition gpu]\nmount home = no\nlimit container paths = /gpu\nlimit container paths = /gpu2\n"
    "[account physics]\nmount home = yes\n[group staff]\nlimit container paths =\nuser bind control = yes\n";

}  // namespace

TEST_CASE("config sections: a section replaces values and whole lists, the later one wins") {
    const SiteFile file = file_of(kText);
    REQUIRE(file.sections.size() == 3);
    CHECK(file.sections[0].head() == "[partition gpu]");
    CHECK(file.sections[0].origin == Origin{kFile, 4});

    const SiteConfig nobody = for_job(file, facts("cpu", "chemistry", {"users"}));
    CHECK(nobody.mount_home == Setting<bool>{true, {kFile, 1}});
    CHECK(values(nobody.limit_container_paths) == std::vector<std::string>{"/apps", "/sw"});

    const SiteConfig gpu = for_job(file, facts("gpu", ""));
    CHECK(gpu.mount_home == Setting<bool>{false, {kFile, 5}});
    CHECK(values(gpu.limit_container_paths) == std::vector<std::string>{"/gpu", "/gpu2"});
    CHECK(gpu.limit_container_paths.origin == Origin{kFile, 6});
    CHECK(gpu.user_bind_control == Setting<bool>{false, {kFile, 3}});

    CHECK(for_job(file, facts("gpu", "physics")).mount_home == Setting<bool>{true, {kFile, 9}});
    const SiteConfig all = for_job(file, facts("gpu", "physics", {"users", "staff"}));
    CHECK(all.limit_container_paths.value.empty());
    CHECK(all.limit_container_paths.origin == Origin{kFile, 11});
    CHECK(all.user_bind_control.value);
}

TEST_CASE("config sections: partitions and groups are compared exactly, accounts without regard to case") {
    const SiteFile file = file_of("[partition gpu]\nmount home = no\n[account Physics]\nmount tmp = no\n[group staff]\nmount sys = no\n");
    CHECK_FALSE(for_job(file, facts("gpu", {})).mount_home.value);
    for (const char* other : {"GPU", "gpu2", "gp", ""}) CHECK(for_job(file, facts(other, {})).mount_home.value);
    for (const char* same : {"physics", "PHYSICS"}) CHECK_FALSE(for_job(file, facts({}, same)).mount_tmp.value);
    CHECK(for_job(file, facts({}, "physic")).mount_tmp.value);
    CHECK(for_job(file, facts({}, {}, {"Staff", "staf", "gpu"})).mount_sys.value);
    const SiteConfig plain = for_job(file, {});
    CHECK((plain.mount_home.value && plain.mount_tmp.value && plain.mount_sys.value));
}

TEST_CASE("config sections: what a step's sections ask for must be known") {
    CHECK_FALSE(wants_partition_or_account(file_of("mount home = no\n[group staff]\n")));
    CHECK(wants_partition_or_account(file_of("[partition gpu]\n")));
    CHECK(wants_partition_or_account(file_of("[account a]\n")));

    const SiteFile file = file_of("mount home = yes\n[account a]\n[partition gpu]\n");
    CHECK(check_facts(file, facts("cpu", "")));
    CHECK(check_facts(file, {}));  // no step: such sections are not about it
    const auto no_account = check_facts(file, facts("cpu", {}));
    REQUIRE_FALSE(no_account);
    CHECK(no_account.error().category == Category::config);
    CHECK_THAT(no_account.error().message, Catch::StartsWith(kFile + ":2: [account a]: the job's account is not known on this node"));
    CHECK_THAT(check_facts(file, facts({}, "a")).error().message, Catch::StartsWith(kFile + ":3: [partition gpu]: the job's partition"));
    CHECK(check_facts(file_of("[group staff]\n"), facts({}, {})));
}

TEST_CASE("config sections: what may not be") {
    struct Case {
        std::string_view text, problem;
    };
    const auto c = GENERATE(Catch::Generators::values<Case>({
        {"[queue gpu]\n", ":1: unknown section [queue …]; write [partition NAME], [account NAME] or [group NAME]"},
        {"[Partition gpu]\n", ":1: unknown section [Partition …]; write [partition NAME], [account NAME] or [group NAME]"},
        {"[partition gpu]\n[group gpu]\n[partition gpu]\n", ":3: [partition gpu] begins on line 1 already; make one section of the two"},
        {"[account a]\n[account A]\n", ":2: [account A] begins on line 1 already; make one section of the two"},
        {"[group g]\nimage cache = /x\n", ":2: image cache holds for the node, not for a job; write it before the first section"},
        {"[group g]\nimage cache size = 1\n", ":2: image cache size holds for the node, not for a job; write it before the first section"},
        {"[group g]\nimage server user = x\n", ":2: image server user holds for the node, not for a job; write it before the first section"},
        {"[group g]\naudit log = /x\n", ":2: audit log holds for the node, not for a job; write it before the first section"},
        {"[group g]\nmount home = no\nmount home = no\n", ":3: mount home is set on line 2 already; remove one of the two"},
        {"[queue gpu]\nmount hoem = no\n", ":1: unknown section [queue …]; write [partition NAME], [account NAME] or [group NAME]"},
        {"[group g]\nmount home = maybe\n", ":2: mount home is 'maybe'; allowed: yes or no"},
        {"[group g]\noci mode = yes\n",
         ":2: oci mode = yes is refused: OCI images are not run here; write no, and convert such images to SIF"},
    }));
    const auto file = parse_file(c.text, kFile);
    REQUIRE_FALSE(file.ok());
    CHECK_THAT(file.error().message, Equals(kFile + std::string(c.problem)));
}

TEST_CASE("config sections: lines below a head that is wrong are read, and belong to no section") {
    const Reading reading = read("mount tmp = no\n[queue gpu]\nmount home = no\nmount dve = no\n[group g]\nmount sys = no\n", kFile);
    REQUIRE(reading.problems.size() == 2);
    CHECK(reading.problems[1].where.line == 4);
    CHECK(reading.file.lines.size() == 1);
    REQUIRE(reading.file.sections.size() == 1);
    CHECK(reading.file.sections[0].lines.size() == 1);
    CHECK(reading.config.mount_home.value);
}
