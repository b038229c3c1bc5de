#include "runtime/base/capabilities.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::string_view kPrefix = "CAP_";
constexpr std::size_t kLongestName = 32;

constexpr std::array<std::string_view, kCapabilityCount> kNames = {
    "CAP_CHOWN",           "CAP_DAC_OVERRIDE",    "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
    "CAP_FSETID",          "CAP_KILL",            "CAP_SETGID",          "CAP_SETUID",
    "CAP_SETPCAP",         "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",       "CAP_NET_RAW",         "CAP_IPC_LOCK",        "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",      "CAP_SYS_RAWIO",       "CAP_SYS_CHROOT",      "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",       "CAP_SYS_ADMIN",       "CAP_SYS_BOOT",        "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",    "CAP_SYS_TIME",        "CAP_SYS_TTY_CONFIG",  "CAP_MKNOD",
    "CAP_LEASE",           "CAP_AUDIT_WRITE",     "CAP_AUDIT_CONTROL",   "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",    "CAP_MAC_ADMIN",       "CAP_SYSLOG",          "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",   "CAP_AUDIT_READ",      "CAP_PERFMON",         "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE"};

std::string upper(std::string_view text) {
    std::string result;
    for (const char c : text) result += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return result;
}

Error unknown(std::string_view entry) {
    std::string message = "capability '" + printable(entry, kLongestName) + "' is not known";
    std::string name = upper(entry);
    if (!name.starts_with(kPrefix)) name.insert(0, kPrefix);
    const auto nearest = name.size() <= kLongestName ? closest(name, kNames) : std::nullopt;
    message += nearest ? "; did you mean '" + *nearest + "'?" : "; expected names such as CAP_NET_RAW, or all";
    return Error{Category::usage, 0, std::move(message)};
}

}  // namespace

std::string_view capability_name(int number) noexcept {
    return number >= 0 && number < kCapabilityCount ? kNames[static_cast<std::size_t>(number)] : std::string_view();
}

std::optional<int> capability_number(std::string_view name) {
    if (name.size() > kLongestName) return std::nullopt;
    std::string wanted = upper(name);
    if (!wanted.starts_with(kPrefix)) wanted.insert(0, kPrefix);
    const auto found = std::ranges::find(kNames, wanted);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<int>(found - kNames.begin());
}

Result<CapabilitySet> parse_capabilities(std::string_view list) {
    CapabilitySet set = 0;
    for (const std::string& each : split(list, ',')) {
        const std::string_view entry = trim(each);
        if (upper(entry) == "ALL") {
            set = kAllCapabilities;
            continue;
        }
        const auto number = capability_number(entry);
        if (!number) return unknown(entry);
        set |= capability_bit(*number);
    }
    return set;
}

std::string to_string(CapabilitySet set) {
    if (set == 0) return "none";
    if (set == kAllCapabilities) return "all";
    std::string text;
    for (int number = 0; number < kCapabilityCount; ++number)
        if ((set & capability_bit(number)) != 0) text += (text.empty() ? "" : ",") + std::string(capability_name(number));
    return text;
}

}  // namespace berth
