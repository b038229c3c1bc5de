// The plugin's own small decisions, which need no Slurm: which image a step asked for, and plugstack.conf's arguments.
#include <catch2/catch.hpp>

#include "spank/step_plugin.hpp"

using namespace berth;
using Catch::Matchers::Contains;
using Word = std::optional<std::string>;

TEST_CASE("choose_image: the innermost word counts") {
    struct Case {
        const char* what;
        Word native, image, last;
        std::string fallback, chosen;
    };
    const Word no;
    const std::vector<Case> cases = {
        {"nobody asked", no, no, no, "", ""},
        {"the site's default", no, no, no, "site.sif", "site.sif"},
        {"the site's default is none", no, no, no, "none", ""},
        {"srun --container-image", no, "a.sif", kLastImage, "", "a.sif"},
        {"srun --container", "a.sif", no, kLastNative, "", "a.sif"},
        {"srun --container-image over the default", no, "a.sif", kLastImage, "site.sif", "a.sif"},
        {"srun --container over the default", "a.sif", no, kLastNative, "site.sif", "a.sif"},
        {"srun --container-image=none leaves the default", no, "none", kLastImage, "site.sif", ""},
        {"srun --container=none leaves the default", "none", no, kLastNative, "site.sif", ""},
        {"both on one command line", "n.sif", "i.sif", kLastImage, "", "i.sif"},
        {"sbatch --container, srun says nothing", "outer.sif", no, kLastNative, "", "outer.sif"},
        {"sbatch --container, srun --container-image", "outer.sif", "inner.sif", kLastImage, "", "inner.sif"},
        {"sbatch --container, srun --container-image=none", "outer.sif", "none", kLastImage, "", ""},
        {"sbatch --container, srun --container=none", "none", no, kLastNative, "", ""},
        {"sbatch --container-image, srun says nothing", no, "outer.sif", kLastImage, "", "outer.sif"},
        {"sbatch --container-image, srun --container", "inner.sif", "outer.sif", kLastNative, "", "inner.sif"},
        {"sbatch --container-image, srun --container=none", "none", "outer.sif", kLastNative, "", ""},
        {"a note about a --container that is not there", no, "image.sif", kLastNative, "", "image.sif"},
        {"no note: the plugin was not loaded in srun", "n.sif", "i.sif", no, "", "i.sif"},
        {"a note that is garbage", "n.sif", "i.sif", "x", "", "i.sif"},
    };
    for (const auto& each : cases) {
        INFO(each.what);
        const auto chosen = choose_image(each.native, each.image, each.last, each.fallback);
        REQUIRE(chosen.ok());
        CHECK(*chosen == each.chosen);
    }
}

TEST_CASE("choose_image: an empty word is an error, whatever stands behind it") {
    const Word empty = "";
    for (const std::string fallback : {"", "site.sif"}) {
        CHECK_THAT(choose_image(empty, std::nullopt, std::nullopt, fallback).error().message, Contains("--container is empty"));
        CHECK_THAT(choose_image(std::nullopt, empty, kLastImage, fallback).error().message, Contains("--container-image is empty"));
        CHECK_THAT(choose_image("outer.sif", empty, kLastImage, fallback).error().message, Contains("--container-image is empty"));
        CHECK_THAT(choose_image(empty, "outer.sif", kLastNative, fallback).error().message, Contains("--container is empty"));
    }
}

TEST_CASE("plugstack.conf: arguments") {
    const auto plain = parse_plugin_arguments({});
    REQUIRE(plain.ok());
    CHECK_THAT(plain->config, Catch::Matchers::EndsWith("/berth/berth.conf"));
    CHECK(plain->config.front() == '/');
    CHECK(plain->default_image.empty());
    CHECK(plain->early_check);

    const auto all = parse_plugin_arguments({"config=/site/berth.conf", "default=/apps/base.sif", "early-check=no"});
    REQUIRE(all.ok());
    CHECK(all->config == "/site/berth.conf");
    CHECK(all->default_image == "/apps/base.sif");
    CHECK_FALSE(all->early_check);
    CHECK(parse_plugin_arguments({"early-check=no", "early-check=yes"})->early_check);
    CHECK(parse_plugin_arguments({"default="})->default_image.empty());

    for (const char* wrong : {"", "config", "config=relative.conf", "config=", "early-check", "early-check=maybe",
                              "early-check=", "Default=x", "defaults=x", "default", "verbose", " early-check=no"}) {
        INFO(wrong);
        const auto refused = parse_plugin_arguments({wrong});
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().category == Category::config);
        CHECK_THAT(refused.error().message, Contains("plugstack.conf") && Contains("'" + std::string(wrong) + "'") &&
                                                Contains("early-check=yes|no"));
    }
}

TEST_CASE("variable: looks names up whole") {
    const std::vector<std::string> environment = {"SLURM_CONTAINERS=x", "SLURM_CONTAINER=a=b", "EMPTY=", "NOVALUE",
                                                  "SLURM_CONTAINER=second"};
    CHECK(variable(environment, "SLURM_CONTAINER") == "a=b");
    CHECK(variable(environment, "EMPTY") == "");
    CHECK_FALSE(variable(environment, "NOVALUE"));
    CHECK_FALSE(variable(environment, "SLURM"));
    CHECK_FALSE(variable({}, "A"));
}

TEST_CASE("containers_differ: the components of a heterogeneous step") {
    CHECK_FALSE(containers_differ({"srun", "true"}));
    CHECK_FALSE(containers_differ({"srun", "--container=a", "x", ":", "y"}));
    CHECK_FALSE(containers_differ({"srun", "--container=a", "x", ":", "--container", "a", "y"}));
    CHECK_FALSE(containers_differ({"srun", "--container-image=a", "x", ":", "--container-image=b", "y", "--container"}));
    CHECK(containers_differ({"srun", "--container=a", "x", ":", "--container=b", "y"}));
    CHECK(containers_differ({"srun", "--container", "a", "x", ":", "--container=none", "y"}));
}
