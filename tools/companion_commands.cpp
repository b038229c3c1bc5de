// The subcommands that need more than libc: each is a program of its own in libexec, which berth becomes with the same
// arguments, so that starting a container pays for none of their libraries.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/base/install_paths.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

struct Companion {
    const char* command;
    const char* meaning;
    const char* program;
};

constexpr Companion kCompanions[] = {
    {"inspect", "Show what an image says of itself", "berth-image"},
    {"key", "Keep the keys that sign and verify", "berth-trust"},
    {"sign", "Sign an image", "berth-trust"},
    {"verify", "Verify an image's signatures", "berth-trust"},
};

/// Returns only on failure.
int become(const Companion& companion, const std::vector<std::string>& arguments) {
    const std::string program = install_paths().libexec + "/" + companion.program;
    std::vector<const char*> argv{"berth", companion.command};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    ::execv(program.c_str(), const_cast<char* const*>(argv.data()));
    std::fprintf(stderr, "berth: %s: %s: the installation is incomplete\n", program.c_str(), std::strerror(errno));
    return kFailure;
}

}  // namespace

void add_companion_commands(CLI::App& app, int& status) {
    for (const Companion& companion : kCompanions) {
        CLI::App* const command = app.add_subcommand(companion.command, companion.meaning);
        command->set_help_flag();  // the program's own --help has the options
        command->prefix_command();
        command->callback([command, &companion, &status] { status = become(companion, command->remaining()); });
    }
}

}  // namespace berth::tools
