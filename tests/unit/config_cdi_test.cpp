// The directives about CDI.
#include <catch2/catch.hpp>

#include "runtime/config/site_config.hpp"

using namespace berth::config;

namespace {

SiteConfig good(const std::string& text) {
    auto config = parse(text, "conf");
    if (!config) FAIL(config.error().message);
    return std::move(config).value();
}

using Entries = std::vector<Setting<std::string>>;

}  // namespace

TEST_CASE("config: cdi spec dirs has a default, which the first line replaces") {
    CHECK(good("").cdi_spec_dirs.value == Entries{{"/etc/cdi", {}}, {"/var/run/cdi", {}}});
    const SiteConfig config = good("\ncdi spec dirs = /opt//cdi, /a\ncdi spec dirs = /b\n");
    CHECK(config.cdi_spec_dirs.value == Entries{{"/opt/cdi", {"conf", 2}}, {"/a", {"conf", 2}}, {"/b", {"conf", 3}}});
    CHECK(config.cdi_spec_dirs.origin == Origin{"conf", 2});
    CHECK(good("cdi spec dirs =").cdi_spec_dirs.value.empty());
    CHECK(good("cdi spec dirs =\ncdi spec dirs = /b").cdi_spec_dirs.value == Entries{{"/b", {"conf", 2}}});
    CHECK_FALSE(parse("cdi spec dirs = cdi", "conf").ok());
}

TEST_CASE("config: allow cdi hook") {
    CHECK(good("").allow_cdi_hook.value.empty());
    CHECK(good("allow cdi hook = /opt/vendor/hook").allow_cdi_hook.value == Entries{{"/opt/vendor/hook", {"conf", 1}}});
}
