// capability.json from hostile bytes: every reading ends in grants that keep their promises and can be written and read
// again, or in problems that can be printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/capability_file.hpp"
#include "runtime/config/site_config.hpp"

namespace {

using berth::config::CapabilityAccounts;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_accounts(const CapabilityAccounts& accounts, unsigned lines) {
    for (const auto& [name, granted] : accounts) {
        require(berth::config::is_account_name(name));
        require((granted.value & ~berth::kAllCapabilities) == 0);
        require(granted.origin.line >= 1 && granted.origin.line <= lines);
    }
}

/// The same capabilities for the same accounts, those that may have none left out.
bool same(const CapabilityAccounts& accounts, const CapabilityAccounts& written) {
    std::size_t some = 0;
    for (const auto& [name, granted] : accounts) {
        if (granted.value == 0) continue;
        const auto found = written.find(name);
        if (found == written.end() || found->second.value != granted.value) return false;
        ++some;
    }
    return some == written.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
    const auto reading = berth::config::read_capability_file(text, "fuzz.json");
    require(reading.problems.size() <= berth::config::kMaxProblems);
    for (const auto& problem : reading.problems) {
        require(problem.where.line <= lines);
        require(problem.message.size() < 1024);
        require(berth::printable(problem.message, 2048) == problem.message);
    }
    check_accounts(reading.grants.users, lines);
    check_accounts(reading.grants.groups, lines);
    require(berth::config::parse_capability_file(text, "fuzz.json").ok() == reading.problems.empty());
    const auto again = berth::config::parse_capability_file(to_text(reading.grants), "again.json");
    require(again.ok() && same(reading.grants.users, again->users) && same(reading.grants.groups, again->groups));
    return 0;
}
