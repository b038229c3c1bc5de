// The subcommands of `berth sif` that live in a file of their own.
#pragma once

namespace CLI {
class App;
}

namespace berth::tools {

void add_sif_edit_commands(CLI::App& sif, int& status);  // new, add, del, setprim

}  // namespace berth::tools
