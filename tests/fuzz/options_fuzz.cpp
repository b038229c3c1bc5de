// What users write into options: each line of the input is NAME=VALUE for an option of the table, or a BERTH_ variable.
// Whatever it is, it is taken or refused with one printable line, and what was taken keeps its promises.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/text.hpp"
#include "runtime/request/options.hpp"

namespace {

using namespace berth;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_refusal(const Status& status) {
    if (status) return;
    require(status.error().category == Category::usage);
    require(!status.error().message.empty() && status.error().message.size() < 2048);
    require(printable(status.error().message, 4096) == status.error().message);
}

void check_promises(const Request& request) {
    for (const auto& bind : request.binds) {
        require(bind.source.starts_with('/') && bind.destination.starts_with('/') && bind.destination != "/");
        require(normal_path(bind.destination) == bind.destination);
        require((bind.source + bind.destination).find('\0') == std::string::npos);
    }
    if (request.working_directory) require(normal_path(*request.working_directory) == *request.working_directory);
    require(((request.add_capabilities | request.drop_capabilities) & ~kAllCapabilities) == 0);
    require(request.security.gids.size() <= 64);
    require(request.cdi_devices.size() <= 64);
    for (const auto& name : request.cdi_devices) require(is_cdi_kind(name.kind) && is_cdi_device(name.device));
    for (const auto& change : request.environment_changes) require(change.name.find_first_of(std::string_view("=\0", 2)) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Request request;
    std::vector<std::string> variables;
    for (const std::string& line : split(text, '\n')) {
        const auto equals = line.find('=');
        const std::string name = line.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : line.substr(equals + 1);
        for (const Option& option : options())
            if (option.name == name) check_refusal(give(request, option, value));
        if (name.starts_with("BERTH_")) variables.push_back(line);
    }
    check_promises(request);
    Request from_environment;
    check_refusal(apply_environment(from_environment, variables));
    check_promises(from_environment);
    return 0;
}
