// berth key search|pull|push: keys and keyservers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "tools/key_command.hpp"
#include "tools/key_store.hpp"
#include "tools/key_text.hpp"
#include "tools/keyserver.hpp"
#include "tools/keyserver_list.hpp"
#include "tools/passphrase.hpp"
#include "tools/trust_commands.hpp"

namespace berth::tools {
namespace {

Result<Remote> keyserver(const KeyArguments& arguments) {
    BERTH_TRY(auto server, choose_keyserver(arguments.url));
    server.stop = interrupted;
    return server;
}

std::string found_text(const FoundKey& key) {
    const auto created = whole_number<std::int64_t>(key.created);
    std::string text = fmt::format("{}  {}  {}", printable(key.id), printable(key.algorithm, 32),
                                   created ? time_text(*created).substr(0, 10) : "-");
    if (key.flags.find('r') != std::string::npos) text += "  revoked";
    if (key.flags.find('e') != std::string::npos) text += "  expired";
    text += '\n';
    for (const auto& user : key.user_ids) text += "    " + printable(user) + "\n";
    return text;
}

Status search(const KeyArguments& arguments) {
    BERTH_TRY(const auto server, keyserver(arguments));
    BERTH_TRY(const auto found, search_keys(server, arguments.text));
    if (found.empty())
        return Error{Category::usage, ENOENT,
                     fmt::format("{}: has no key for '{}'", printable(server.url), printable(arguments.text))};
    for (const auto& key : found) fmt::print("{}", found_text(key));
    if (found.size() == kMaxFound) fmt::print(stderr, "berth: only the first {} keys are shown\n", kMaxFound);
    return {};
}

Status pull(const KeyArguments& arguments) {
    BERTH_TRY(const auto digits, sif::key_id_digits(arguments.key));
    BERTH_TRY(const auto server, keyserver(arguments));
    BERTH_TRY(auto store, KeyStore::open_to_change(arguments.global ? KeyOwner::site : KeyOwner::user));
    BERTH_TRY(const auto fetched, fetch_key(server, digits, NamedKey::primary));
    BERTH_TRY(const auto count, store.keyring().import_keys(fetched.bytes));
    BERTH_CHECK(store.save());
    BERTH_TRY(const auto key, store.keyring().find(fetched.fingerprint, sif::KeyPart::public_key));
    fmt::print("{}  {}  {}\n", key.fingerprint, user_text(key),
               count.unchanged != 0  ? "unchanged"
               : count.imported != 0 ? "new"
                                     : "updated");
    return {};
}

Status push(const KeyArguments& arguments) {
    BERTH_TRY(const auto server, keyserver(arguments));
    BERTH_TRY(auto store, KeyStore::open(KeyOwner::user));
    BERTH_TRY(const auto key, store.keyring().find(arguments.key, sif::KeyPart::public_key));
    BERTH_TRY(const auto bytes, store.keyring().export_key(key.fingerprint, sif::KeyPart::public_key, true));
    BERTH_CHECK(send_key(server, bytes));
    fmt::print("{}  sent to {}\n", key.fingerprint, printable(server.url));
    return {};
}

void add_url(CLI::App& command, KeyArguments& arguments) {
    command.add_option("-u,--url", arguments.url, "the keyserver, https://HOST")->type_name("URL");
}

}  // namespace

void add_key_remote_commands(CLI::App& parent, int& status) {
    {
        const auto [command, arguments] =
            add_key_action(parent, "search", "Look for keys on a keyserver", search, status);
        command->add_option("TEXT", arguments->text, "a fingerprint, an address or a name")->required();
        add_url(*command, *arguments);
    }
    {
        const auto [command, arguments] = add_key_action(parent, "pull", "Take a key from a keyserver", pull, status);
        command->add_option("FINGERPRINT", arguments->key, "the key")->required();
        command->add_flag("-g,--global", arguments->global, "into the site's keyring (root)");
        add_url(*command, *arguments);
    }
    {
        const auto [command, arguments] =
            add_key_action(parent, "push", "Give a public key to a keyserver", push, status);
        command->add_option("FINGERPRINT", arguments->key, "the key")->required();
        add_url(*command, *arguments);
    }
}

std::pair<CLI::App*, std::shared_ptr<KeyArguments>> add_key_action(CLI::App& parent, const char* name,
                                                                   const char* meaning,
                                                                   Status (*action)(const KeyArguments&), int& status) {
    CLI::App* const command = parent.add_subcommand(name, meaning);
    const auto arguments = std::make_shared<KeyArguments>();
    arguments->command = command;
    command->callback([arguments, action, &status] {
        const Interruptible interruptible;
        const Status done = action(*arguments);
        if (done) return;
        fmt::print(stderr, "berth: {}\n", done.error().message);
        status = kFailure;
    });
    return {command, arguments};
}

}  // namespace berth::tools
