#include "tools/capability_meanings.hpp"

#include <array>

#include "runtime/base/capabilities.hpp"

namespace berth::tools {
namespace {

// In the order of their numbers.
constexpr std::array<std::string_view, kCapabilityCount> kMeanings = {
    "change the owner and group of any file",
    "read, write and execute any file whatever its permissions",
    "read any file and search any folder; open files by handle",
    "act as the owner of any file: change its mode, times and access control list",
    "keep the setuid and setgid bits of a file that is changed",
    "send signals to anybody's processes",
    "take any group id, and any list of groups",
    "take any user id, root's as well",
    "pass capabilities on, and give up bounds and securebits",
    "set and clear the immutable and append-only marks of files",
    "listen on ports below 1024",
    "send broadcasts, receive multicasts",
    "configure interfaces, routes, firewalls and the network otherwise",
    "open raw and packet sockets: ping, and forged or overheard packets",
    "lock memory without limit",
    "use anybody's System V shared memory, semaphores and queues",
    "load and remove kernel modules",
    "read and write I/O ports, kernel memory and PCI devices",
    "change the root folder; enter mount namespaces",
    "trace, read and change anybody's processes",
    "switch process accounting on and off",
    "mount, enter namespaces and administrate in many other ways: in effect, be root",
    "restart the machine, load another kernel",
    "raise priorities, choose real-time scheduling and processors for any process",
    "exceed limits, quotas and reserved space",
    "set the clocks",
    "configure terminals, hang them up",
    "make device nodes",
    "take leases on any file",
    "write to the kernel's audit log",
    "configure the kernel's auditing",
    "give capabilities to program files",
    "pass over mandatory access control",
    "configure mandatory access control",
    "read and clear the kernel's log, see kernel addresses",
    "set timers that wake the machine",
    "keep the machine from sleeping",
    "read the audit log",
    "watch performance: counters, tracepoints, all of the system",
    "load BPF programs",
    "save and restore processes; choose process ids",
};

}  // namespace

std::string_view capability_meaning(int number) noexcept {
    return number >= 0 && number < kCapabilityCount ? kMeanings[static_cast<std::size_t>(number)] : std::string_view();
}

}  // namespace berth::tools
