// One file a subcommand: each of these adds its subcommand to the command line. When the user chose it, its
// callback does the work, prints its errors to stderr as "berth: MESSAGE" and sets `status`, the exit status.
#pragma once

namespace CLI {
class App;
}

namespace berth::tools {

/// Berth's own failures end with this status; the command's own status passes through.
inline constexpr int kFailure = 255;

void add_action_commands(CLI::App& app, int& status);  // exec, run, shell
void add_build_command(CLI::App& app, int& status);
void add_capability_command(CLI::App& app, int& status);
void add_companion_commands(CLI::App& app, int& status);  // inspect, key, sign, verify
void add_config_command(CLI::App& app, int& status);
void add_doctor_command(CLI::App& app, int& status);
void add_explain_command(CLI::App& app, int& status);
void add_gpu_command(CLI::App& app, int& status);
void add_options_command(CLI::App& app, int& status);
void add_sif_command(CLI::App& app, int& status);

}  // namespace berth::tools
