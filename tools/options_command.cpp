// berth options: the option table, for people and for docs/options.md.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "runtime/request/options.hpp"
#include "tools/commands.hpp"

namespace berth::tools {

void add_options_command(CLI::App& app, int& status) {
    auto* const command = app.add_subcommand("options", "list every runtime option, with its spelling under Slurm");
    command->callback([&status] {
        std::fputs(options_markdown().c_str(), stdout);
        status = 0;
    });
}

}  // namespace berth::tools
