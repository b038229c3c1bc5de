// Which of two values of a cgroup file is tighter.
#include "runtime/policy/cgroup_values.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using Catch::Matchers::Contains;

namespace {

constexpr auto kDenied = "(denied)";
constexpr auto kUnreadable = "(unreadable)";

std::string result(Comparison comparison, const std::string& asked, const std::string& standing) {
    auto text = tightened(comparison, asked, standing);
    if (text) return *text;
    if (text.error().category == Category::denied) return kDenied;
    CHECK(text.error().category == Category::system);
    return kUnreadable;
}

struct Case {
    Comparison comparison;
    std::string asked;
    std::string standing;
    std::string written;
};

}  // namespace

TEST_CASE("cgroup values: what is written is never looser than what stands") {
    using enum Comparison;
    const std::vector<Case> cases = {
        {at_most, "100", "200\n", "100"},
        {at_most, "200", "200\n", ""},
        {at_most, "300", "200\n", ""},
        {at_most, "100", "max\n", "100"},
        {at_most, "max", "200\n", ""},
        {at_most, "max", "max\n", ""},
        {at_most, "-1", "9223372036854771712\n", ""},
        {at_most, "100", "9223372036854771712\n", "100"},
        {at_most, "0", "1\n", "0"},
        {at_most, "1", "0\n", ""},
        {at_most, "100", "", kUnreadable},
        {at_most, "100", "1 2\n", kUnreadable},
        {at_most, "100", "many\n", kUnreadable},
        {weight, "50", "100\n", "50"},
        {weight, "100", "100\n", ""},
        {weight, "200", "100\n", ""},
        {weight, "50", "default 100\n8:0 10\n", "50"},
        {weight, "150", "default 100\n8:0 200\n", ""},
        {weight, "50", "idle\n", kUnreadable},
        {device_weight, "8:0 50", "default 100\n", "8:0 50"},
        {device_weight, "8:0 150", "default 100\n", ""},
        {device_weight, "8:0 150", "default 100\n8:0 200\n", "8:0 150"},
        {device_weight, "8:0 50", "default 100\n8:0 40\n8:16 60\n", ""},
        {device_weight, "8:0 50", "", "8:0 50"},
        {device_weight, "8:0 150", "8:16 500\n", ""},
        {flag, "1", "0\n", "1"},
        {flag, "1", "1\n", ""},
        {flag, "0", "1\n", ""},
        {flag, "0", "0\n", ""},
        {flag, "1", "", kUnreadable},
        {flag, "1", "2\n", kUnreadable},
        {quota, "50000 100000", "max 100000\n", "50000 100000"},
        {quota, "50000 100000", "-1 100000", "50000 100000"},
        {quota, "-1 100000", "50000 100000", ""},
        {quota, "max 100000", "max 100000\n", ""},
        {quota, "50000 100000", "100000 200000\n", ""},
        {quota, "50000 100000", "100001 200000\n", "50000 100000"},
        {quota, "50000 100000", "99999 200000\n", ""},
        {quota, "200000 100000", "250000 100000\n", "200000 100000"},
        {quota, "200000 100000", "150000 50000\n", "200000 100000"},
        {quota, "300000 100000", "10000 5000\n", ""},
        {quota, "9223372036854775806 100000", "9223372036854775807 100000", "9223372036854775806 100000"},
        {quota, "50000 100000", "50000 0\n", kUnreadable},
        {quota, "50000 100000", "50000 100000 1\n", kUnreadable},
        {set, "0-3", "0-7\n", "0-3"},
        {set, "0-3", "0-3\n", ""},
        {set, "0-7", "2-3\n", ""},
        {set, "2-5", "0-3\n", "2-3"},
        {set, "1,3,5", "3-9\n", "3,5"},
        {set, "4", "0-3\n", kDenied},
        {set, "4", "\n", "4"},
        {set, "4", "all\n", kUnreadable},
        {per_device, "8:0 rbps=100", "", "8:0 rbps=100"},
        {per_device, "8:0 rbps=100", "8:16 rbps=1 wbps=1 riops=1 wiops=1\n", "8:0 rbps=100"},
        {per_device, "8:0 rbps=100", "8:0 rbps=max wbps=5 riops=max wiops=max\n", "8:0 rbps=100"},
        {per_device, "8:0 rbps=100", "8:0 rbps=100 wbps=max\n", ""},
        {per_device, "8:0 rbps=100 wbps=50", "8:0 rbps=99 wbps=60\n", "8:0 wbps=50"},
        {per_device, "8:0 rbps=max wbps=max", "", ""},
        {per_device, "8:0 100", "8:0 200\n", "8:0 100"},
        {per_device, "8:0 100", "8:16 5\n8:0 50\n", ""},
        {per_device, "mlx5_0 hca_handle=2 hca_object=9", "mlx5_0 hca_handle=max hca_object=8\n", "mlx5_0 hca_handle=2"},
        {per_device, "8:0 rbps=100", "8:0 rbps=lots\n", kUnreadable},
        {unordered, "10", "10\n", ""},
        {unordered, "10", "60\n", kDenied},
        {unordered, "eth0 7", "lo 0\neth0 7\n", ""},
        {unordered, "eth0 7", "lo 0\neth0 0\n", kDenied},
        {denial, "c 1:3 rw", "a *:* rwm\n", "c 1:3 rw"},
        {permission, "c 1:3 rw", "a *:* rwm\n", kDenied},
    };
    for (const Case& each : cases) {
        INFO(static_cast<int>(each.comparison) << ": " << each.asked << " / " << each.standing);
        CHECK(result(each.comparison, each.asked, each.standing) == each.written);
    }
    CHECK_THAT(tightened(set, "4-5", "0-3\n").error().message, Contains("none of 4-5 is among 0-3"));
    CHECK_THAT(tightened(unordered, "10", "60\n").error().message, Contains("'10' is not tighter than '60'"));
}

TEST_CASE("cgroup values: a normal form for each kind, and nothing for what is none") {
    using enum Comparison;
    const std::vector<Case> cases = {
        {at_most, "512M", "", "536870912"},
        {at_most, "max", "", "max"},
        {at_most, "-1", "", "max"},
        {at_most, "12", "", "12"},
        {weight, "100", "", "100"},
        {weight, "default 100", "", "100"},
        {device_weight, "8:0 100", "", "8:0 100"},
        {flag, "1", "", "1"},
        {quota, "max", "", "max 100000"},
        {quota, "50000", "", "50000 100000"},
        {quota, "50000  20000", "", "50000 20000"},
        {set, "3,0-1", "", "0-1,3"},
        {per_device, "8:0  rbps=1m wiops=max", "", "8:0 rbps=1048576 wiops=max"},
        {per_device, "res_a 10", "", "res_a 10"},
    };
    for (const Case& each : cases) {
        INFO(each.asked);
        CHECK(normal_value(each.comparison, each.asked) == each.written);
    }
    const std::vector<std::pair<Comparison, std::string>> none = {
        {at_most, ""},
        {at_most, "-2"},
        {at_most, "1 2"},
        {at_most, "10x"},
        {weight, "0"},
        {weight, "10001"},
        {weight, "max"},
        {weight, "8:0 5"},
        {device_weight, "8:0"},
        {device_weight, "8:0 0"},
        {device_weight, "8:0 5 6"},
        {flag, "2"},
        {flag, "true"},
        {quota, ""},
        {quota, "1 2 3"},
        {quota, "1 0"},
        {quota, "1 max"},
        {set, ""},
        {set, "a"},
        {per_device, "8:0"},
        {per_device, "8:0 rbps"},
        {per_device, "8:0 rbps="},
        {per_device, "8:0 1 2"},
        {per_device, "8:0 =1 =2"},
    };
    for (const auto& [comparison, text] : none) {
        INFO(text);
        CHECK(normal_value(comparison, text) == std::nullopt);
    }
}
