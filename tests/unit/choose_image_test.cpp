// The plugin's own small decisions, which need no Slurm: which image a step asked for, and plugstack.conf's arguments.
#include <catch2/catch.hpp>

#include "spank/step_plugin.hpp"

using namespace berth;
using Catch::Matchers::Contains;
using Word = std::optional<std::string>;

TEST_CASE("choose_image: the innermost word counts") {
    struct Case {
        const char* what;
        Word native, outer_native, image;
        std::string fallback, chosen;
    };
    const Word no;
    const std::vector<Case> cases = {
        {"nobody asked", no, no, no, "", ""},
        {"the site's default", no, no, no, "site.sif", "site.sif"},
        {"the site's default is none", no, no, no, "none", ""},
        {"srun --container-image", no, no, "a.sif", "", "a.sif"},
        {"srun --container", "a.sif", no, no, "", "a.sif"},
        {"srun --container-image over the default", no, no, "a.sif", "site.sif", "a.sif"},
        {"srun --container over the default", "a.sif", no, no, "site.sif", "a.sif"},
        {"srun --container-image=none leaves the default", no, no, "none", "site.sif", ""},
        {"srun --container=none leaves the default", "none", no, no, "site.sif", ""},
        {"both on one command line", "n.sif", no, "i.sif", "", "i.sif"},
        {"sbatch --container, srun says nothing", "outer.sif", "outer.sif", no, "", "outer.sif"},
        {"sbatch --container, srun --container-image", "outer.sif", "outer.sif", "inner.sif", "", "inner.sif"},
        {"sbatch --container, srun --container", "inner.sif", "outer.sif", no, "", "inner.sif"},
        {"sbatch --container, srun --container-image=none", "outer.sif", "outer.sif", "none", "", ""},
        {"sbatch --container, srun --container=none", "none", "outer.sif", no, "", ""},
        {"sbatch --container-image, srun says nothing", no, no, "outer.sif", "", "outer.sif"},
        {"sbatch --container-image, srun --container", "inner.sif", "", "outer.sif", "", "inner.sif"},
        {"sbatch --container-image, srun --container=none", "none", "", "outer.sif", "", ""},
        {"sbatch both, srun --container", "inner.sif", "outer.sif", "image.sif", "", "inner.sif"},
        {"sbatch both, srun says nothing", "outer.sif", "outer.sif", "image.sif", "", "image.sif"},
        {"an empty SLURM_CONTAINER asks for nothing", "", no, no, "site.sif", "site.sif"},
        {"an empty one in both places", "", "", no, "", ""},
    };
    for (const auto& each : cases) {
        INFO(each.what);
        CHECK(choose_image(each.native, each.outer_native, each.image, each.fallback) == each.chosen);
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
