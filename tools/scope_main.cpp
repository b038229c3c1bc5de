// libexec/berth/berth-scope NAME.scope PID…: asks the caller's own systemd for a scope with these processes in it, whose
// control group is the caller's to divide. A program of its own, so that nothing else needs libsystemd.
#include <fmt/core.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/io.hpp"

namespace {

constexpr int kMilliseconds = 1000;
constexpr int kTries = 500;
constexpr int kPause = 10 * kMilliseconds;

using Bus = std::unique_ptr<sd_bus, sd_bus* (*)(sd_bus*)>;
using BusMessage = std::unique_ptr<sd_bus_message, sd_bus_message* (*)(sd_bus_message*)>;

int complain(const char* what, int failed) {
    fmt::print(stderr, "berth-scope: {}: {}\n", what, std::strerror(-failed));
    return 1;
}

int add_properties(sd_bus_message* message, const std::vector<std::uint32_t>& pids) {
    int done = sd_bus_message_open_container(message, 'a', "(sv)");
    if (done >= 0) done = sd_bus_message_append(message, "(sv)", "Description", "s", "a container of Berth's");
    if (done >= 0) done = sd_bus_message_append(message, "(sv)", "Delegate", "b", 1);
    if (done >= 0) done = sd_bus_message_append(message, "(sv)", "CollectMode", "s", "inactive-or-failed");
    if (done >= 0) done = sd_bus_message_open_container(message, 'r', "sv");
    if (done >= 0) done = sd_bus_message_append(message, "s", "PIDs");
    if (done >= 0) done = sd_bus_message_open_container(message, 'v', "au");
    if (done >= 0) done = sd_bus_message_append_array(message, 'u', pids.data(), pids.size() * sizeof pids[0]);
    for (int open = 0; open < 3 && done >= 0; ++open) done = sd_bus_message_close_container(message);
    return done;
}

/// The answer comes before the processes are moved.
bool arrived(const std::string& pid, const std::string& name) {
    const auto cgroup = berth::read_file("/proc/" + pid + "/cgroup", 1U << 16);
    return cgroup && cgroup->find(name) != std::string::npos;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() < 2) return complain("expected NAME.scope PID…", -EINVAL);
    std::vector<std::uint32_t> pids;
    for (std::size_t i = 1; i < arguments.size(); ++i) pids.push_back(static_cast<std::uint32_t>(std::strtoul(arguments[i].c_str(), nullptr, 10)));
    sd_bus* opened = nullptr;
    if (const int failed = sd_bus_new(&opened); failed < 0) return complain("sd_bus_new", failed);
    const Bus bus(opened, sd_bus_flush_close_unref);
    const std::string address = "unix:path=/run/user/" + std::to_string(::getuid()) + "/bus";
    if (const int failed = sd_bus_set_address(bus.get(), address.c_str()); failed < 0) return complain("the bus's address", failed);
    sd_bus_set_bus_client(bus.get(), 1);
    if (const int failed = sd_bus_start(bus.get()); failed < 0) return complain("your session's bus", failed);
    sd_bus_message* made = nullptr;
    if (const int failed = sd_bus_message_new_method_call(bus.get(), &made, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                                          "org.freedesktop.systemd1.Manager", "StartTransientUnit");
        failed < 0)
        return complain("the call", failed);
    const BusMessage call(made, sd_bus_message_unref);
    int done = sd_bus_message_append(call.get(), "ss", arguments[0].c_str(), "fail");
    if (done >= 0) done = add_properties(call.get(), pids);
    if (done >= 0) done = sd_bus_message_append(call.get(), "a(sa(sv))", 0);
    if (done < 0) return complain("the call", done);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    if (const int failed = sd_bus_call(bus.get(), call.get(), 0, &error, nullptr); failed < 0) {
        fmt::print(stderr, "berth-scope: your systemd: {}\n", error.message != nullptr ? error.message : std::strerror(-failed));
        sd_bus_error_free(&error);
        return 1;
    }
    for (int tries = 0; tries < kTries; ++tries) {
        if (std::all_of(arguments.begin() + 1, arguments.end(), [&](const std::string& pid) { return arrived(pid, arguments[0]); })) return 0;
        ::usleep(kPause);
    }
    return complain("the processes were not moved", -ETIMEDOUT);
}
