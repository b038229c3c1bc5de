// What the files of `berth key` share.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "runtime/base/result.hpp"
#include "sif/keyring.hpp"

namespace CLI {
class App;
}

namespace berth::tools {

/// The arguments of every subcommand; each has some of them.
struct KeyArguments {
    CLI::App* command = nullptr;
    sif::NewKey new_key;
    std::string algorithm;
    std::string file;
    std::string key;
    std::string text;
    std::string url;
    bool secret = false;
    bool global = false;
    bool armor = false;
    bool json = false;
};

/// Adds a subcommand whose action's error is printed and ends it with kFailure. A signal interrupts the action, and
/// then ends the process.
std::pair<CLI::App*, std::shared_ptr<KeyArguments>> add_key_action(CLI::App& parent, const char* name,
                                                                   const char* meaning,
                                                                   Status (*action)(const KeyArguments&), int& status);

void add_key_remote_commands(CLI::App& parent, int& status);  // search, pull, push

}  // namespace berth::tools
