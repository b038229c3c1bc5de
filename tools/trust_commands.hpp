// The subcommands of berth-trust, which holds whatever needs keys: one file each, as in commands.hpp.
#pragma once

#include "tools/commands.hpp"

namespace berth::tools {

void add_key_command(CLI::App& app, int& status);  // key_command.cpp, key_remote_command.cpp
void add_sign_command(CLI::App& app, int& status);
void add_verify_command(CLI::App& app, int& status);

}  // namespace berth::tools
