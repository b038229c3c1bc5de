// berth-trust: the part of `berth` that signs, verifies and keeps keys. `berth` execs it, so that starting a container
// loads none of the libraries that this needs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tools/trust_commands.hpp"

namespace {

int run(int argc, char** argv) {
    CLI::App app{"berth: sign and verify images, and keep keys", "berth"};
    app.require_subcommand(1);
    int status = 0;
    berth::tools::add_key_command(app, status);
    berth::tools::add_sign_command(app, status);
    berth::tools::add_verify_command(app, status);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help
        std::fprintf(stderr, "berth: %s (berth COMMAND --help lists the options)\n", error.what());
        return berth::tools::kFailure;
    }
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "berth: internal error: %s\n", error.what());
        return berth::tools::kFailure;
    }
}
