// Names of CDI devices: the specification's grammar, at its edges.
#include "runtime/base/cdi_name.hpp"

#include <catch2/catch.hpp>

#include "runtime/base/text.hpp"

using namespace berth;

TEST_CASE("CDI name: what the specification allows") {
    const std::string label(63, 'a');
    const std::string vendor = label + "." + label + "." + label + "." + std::string(61, 'b');  // 253 bytes
    for (const std::string& good :
         {std::string("nvidia.com/gpu=0"), std::string("nvidia.com/gpu=all"), std::string("nvidia.com/gpu=0:1"),
          std::string("nvidia.com/gpu=GPU-c4b5a6d7-0001-4abc-8def-0123456789ab"), std::string("vendor/device=a"),
          std::string("foo.bar.baz/foo-bar123.B_az=x"), std::string("3com.example/9=1-2_3.4:5"),
          std::string("Vendor-1.com/class=n"), vendor + "/c=n", "v/" + label + "=n", "v/c=" + std::string(255, 'n')}) {
        INFO(good);
        const auto name = parse_cdi_name(good);
        REQUIRE(name.ok());
        CHECK(name->to_string() == good);
    }
    CHECK(*parse_cdi_name("amd.com/gpu=1") == CdiName{"amd.com/gpu", "1"});
}

TEST_CASE("CDI name: what it does not") {
    const std::string label(63, 'a');
    for (const std::string& wrong :
         {std::string(), std::string("gpu"), std::string("gpu=0"), std::string("nvidia.com=0"), std::string("nvidia.com/gpu"),
          std::string("nvidia.com/gpu="), std::string("nvidia.com/=0"), std::string("/gpu=0"), std::string("vendor.com/foo/bar=0"),
          std::string("nvidia.com/gpu=0=1"), std::string("nvidia..com/gpu=0"), std::string(".com/gpu=0"), std::string("com./gpu=0"),
          std::string("-a.com/gpu=0"), std::string("a-.com/gpu=0"), std::string("a_b.com/gpu=0"), std::string("nvidia.com/-gpu=0"),
          std::string("nvidia.com/gpu_=0"), std::string("nvidia.com/g:u=0"), std::string("nvidia.com/gpu=-0"),
          std::string("nvidia.com/gpu=0-"), std::string("nvidia.com/gpu=a/b"), std::string("nvidia.com/gpu= 0"),
          std::string("nvidia.com/gpu=0\n"), std::string("nvidia.com/gpu=0\0", 17), std::string("nvidia.com/gpu=\xc3\xa4"),
          std::string("/dev/nvidia0"), "v/a" + label + "=n", "a" + label + "/c=n", "v/c=" + std::string(256, 'n'),
          label + "." + label + "." + label + "." + std::string(62, 'b') + "/c=n"}) {
        INFO(printable(wrong));
        const auto name = parse_cdi_name(wrong);
        REQUIRE_FALSE(name.ok());
        CHECK(name.error().category == Category::usage);
        CHECK(printable(name.error().message, 1000) == name.error().message);
        CHECK(name.error().message.size() < 300);
        CHECK(name.error().message.ends_with("expected VENDOR/CLASS=NAME, as nvidia.com/gpu=0"));
    }
}
