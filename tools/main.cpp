// berth: the command. Each subcommand is a file of its own beside this one.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "runtime/base/log.hpp"
#include "tools/commands.hpp"

namespace {

void log_to_stderr(berth::LogLevel level, const std::string& line) {
    if (level == berth::LogLevel::error) std::fprintf(stderr, "berth: %s\n", line.c_str());
    if (level == berth::LogLevel::warning) std::fprintf(stderr, "berth: warning: %s\n", line.c_str());
}

int run(int argc, char** argv) {
    CLI::App app{"berth: run and make SIF containers; under Slurm: srun --container=IMAGE"};
    app.set_version_flag("--version", "berth " BERTH_VERSION);
    app.require_subcommand(1);
    int status = 0;
    berth::tools::add_action_commands(app, status);
    berth::tools::add_build_command(app, status);
    berth::tools::add_capability_command(app, status);
    berth::tools::add_companion_commands(app, status);
    berth::tools::add_config_command(app, status);
    berth::tools::add_doctor_command(app, status);
    berth::tools::add_explain_command(app, status);
    berth::tools::add_gpu_command(app, status);
    berth::tools::add_options_command(app, status);
    berth::tools::add_sif_command(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help, --version
        std::fprintf(stderr, "berth: %s (berth --help lists the commands, berth COMMAND --help its options)\n", error.what());
        return berth::tools::kFailure;
    }
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    berth::set_log_sink(log_to_stderr);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "berth: internal error: %s\n", error.what());
        return berth::tools::kFailure;
    }
}
