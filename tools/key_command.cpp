// berth key newpair|list|import|export|remove: the keys that sign and verify images. The rest of it, which speaks to
// keyservers, is in key_remote_command.cpp.
#include "tools/key_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/temporary_file.hpp"
#include "tools/key_store.hpp"
#include "tools/key_text.hpp"
#include "tools/passphrase.hpp"
#include "tools/trust_commands.hpp"

namespace berth::tools {
namespace {

using sif::KeyPart;

KeyOwner owner_of(const KeyArguments& arguments) {
    return arguments.global ? KeyOwner::site : KeyOwner::user;
}
KeyPart part_of(const KeyArguments& arguments) {
    return arguments.secret ? KeyPart::secret_key : KeyPart::public_key;
}

Error usage(std::string message) {
    return Error{Category::usage, 0, std::move(message)};
}

/// Asks for what was not given, where somebody is there to answer.
void ask_for(const CLI::App& command, const char* option, const std::string& prompt, std::string& value) {
    if (command.count(option) == 0 && user_is_there()) value = ask_line(prompt, Echo::on).value_or("");
}

Result<std::string> new_passphrase() {
    const auto first = ask_line("Passphrase for the new key (none: just press Enter): ", Echo::off);
    if (!first) return usage("no passphrase was given; --password '' makes a key without one");
    if (user_is_there() && ask_line("The same passphrase again: ", Echo::off) != first)
        return usage("the two passphrases differ");
    return *first;
}

Status newpair(const KeyArguments& arguments) {
    sif::NewKey key = arguments.new_key;
    key.algorithm = arguments.algorithm == "ed25519" ? sif::KeyAlgorithm::ed25519 : sif::KeyAlgorithm::rsa4096;
    const CLI::App& command = *arguments.command;
    ask_for(command, "--name", "Your name: ", key.name);
    ask_for(command, "--email", "Your email address: ", key.email);
    ask_for(command, "--comment", "A comment (optional): ", key.comment);
    if (command.count("--password") == 0) {
        BERTH_TRY(key.passphrase, new_passphrase());
    }
    BERTH_TRY(auto store, KeyStore::open(KeyOwner::user));
    BERTH_TRY(const auto made, store.keyring().generate(key));
    ::explicit_bzero(key.passphrase.data(), key.passphrase.size());
    fmt::print("{}  {}\n", made.fingerprint, user_text(made));
    return {};
}

Status list(const KeyArguments& arguments) {
    if (arguments.global && arguments.secret)
        return usage("the site's keyring holds no secret keys: --global or --secret, not both");
    BERTH_TRY(auto store, KeyStore::open(owner_of(arguments)));
    BERTH_TRY(const auto keys, store.keyring().list(part_of(arguments)));
    if (arguments.json) {
        auto json = nlohmann::ordered_json::array();
        for (const auto& key : keys) json.push_back(key_json(key));
        fmt::print("{}\n", json.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
        return {};
    }
    fmt::print("{} keys in {}:\n", arguments.secret ? "Secret" : "Public", store.name());
    for (std::size_t i = 0; i < keys.size(); ++i) fmt::print("\n{}", list_entry(i, keys[i]));
    return {};
}

Status import_file(const KeyArguments& arguments) {
    const bool standard = arguments.file == "-";
    const auto bytes = standard ? read_all(STDIN_FILENO, sif::kMaxKeyringSize, "stdin")
                                : read_file(arguments.file, sif::kMaxKeyringSize);
    if (!bytes) return bytes.error();
    const std::string name = standard ? "stdin" : printable(arguments.file);
    auto keys = sif::keys_in(*bytes);
    if (!keys) return std::move(keys).error().within(name);
    BERTH_TRY(auto store, KeyStore::open_to_change(owner_of(arguments)));
    const auto count = store.keyring().import_keys(*bytes);
    if (!count) return Error(count.error()).within(name);
    BERTH_CHECK(store.save());
    for (const auto& key : *keys) fmt::print("{}  {}\n", key.fingerprint, user_text(key));
    fmt::print("{}: {} new, {} unchanged{} in {}\n", count->keys == 1 ? "1 key" : fmt::format("{} keys", count->keys),
               count->imported, count->unchanged, count->secret == 0 ? "" : fmt::format(", {} secret", count->secret),
               store.name());
    return {};
}

/// The key that was named, or the only one that is there.
Result<sif::KeyInfo> chosen_key(const sif::Keyring& keyring, const KeyArguments& arguments) {
    if (!arguments.key.empty()) return keyring.find(arguments.key, part_of(arguments));
    BERTH_TRY(auto keys, keyring.list(part_of(arguments)));
    if (keys.empty()) return usage("there is no key to export; berth key list shows what is there");
    if (keys.size() > 1) return usage("there are several keys: name one by its fingerprint, after FILE");
    return std::move(keys.front());
}

Status export_file(const KeyArguments& arguments) {
    BERTH_TRY(auto store, KeyStore::open(owner_of(arguments), asked_passphrase()));
    BERTH_TRY(const auto key, chosen_key(store.keyring(), arguments));
    BERTH_TRY(const auto bytes, store.keyring().export_key(key.fingerprint, part_of(arguments), arguments.armor));
    if (arguments.file == "-") return write_all(STDOUT_FILENO, bytes, "stdout");
    const auto slash = arguments.file.rfind('/');
    BERTH_TRY(auto file,
              sif::TemporaryFile::create_in(slash == std::string::npos ? "." : arguments.file.substr(0, slash + 1)));
    BERTH_CHECK(write_all(file.fd(), bytes, printable(arguments.file)));
    BERTH_CHECK(file.publish(arguments.file, arguments.secret ? 0600 : 0644, sif::Existing::refuse));
    fmt::print("{}  {}\n", key.fingerprint, printable(arguments.file));
    return {};
}

Status remove(const KeyArguments& arguments) {
    BERTH_TRY(auto store, KeyStore::open_to_change(owner_of(arguments)));
    BERTH_TRY(const auto key, store.keyring().find(arguments.key, part_of(arguments)));
    BERTH_CHECK(store.keyring().remove(key.fingerprint, part_of(arguments)));
    BERTH_CHECK(store.save());
    fmt::print("{}  removed from {}\n", key.fingerprint, store.name());
    return {};
}

void add_newpair(CLI::App& parent, int& status) {
    const auto [command, arguments] = add_key_action(parent, "newpair", "Make a new pair of keys", newpair, status);
    command->add_option("-N,--name", arguments->new_key.name, "whose it is");
    command->add_option("-E,--email", arguments->new_key.email, "the owner's address");
    command->add_option("-C,--comment", arguments->new_key.comment, "what it is for");
    command->add_option("-P,--password", arguments->new_key.passphrase,
                        "the passphrase that protects it; others can see it here: better leave this out and be asked");
    command->add_option("--algorithm", arguments->algorithm, "rsa4096 (the default) or ed25519")
        ->check(CLI::IsMember({"rsa4096", "ed25519"}).description(""));
}

void add_global(CLI::App& command, KeyArguments& arguments, const char* meaning) {
    command.add_flag("-g,--global", arguments.global, meaning);
}

}  // namespace

void add_key_command(CLI::App& app, int& status) {
    CLI::App* const parent = app.add_subcommand("key", "Keep the keys that sign and verify images");
    parent->require_subcommand(1);
    add_newpair(*parent, status);
    {
        const auto [command, arguments] = add_key_action(*parent, "list", "Show the keys", list, status);
        command->add_flag("-s,--secret", arguments->secret, "the secret keys");
        command->add_flag("--json", arguments->json, "print JSON");
        add_global(*command, *arguments, "the site's keys");
    }
    {
        const auto [command, arguments] =
            add_key_action(*parent, "import", "Take keys from a file", import_file, status);
        command->add_option("FILE", arguments->file, "public or secret keys, armoured or not; - is stdin")->required();
        add_global(*command, *arguments, "into the site's keyring (root)");
    }
    {
        const auto [command, arguments] =
            add_key_action(*parent, "export", "Write a key to a new file", export_file, status);
        command->add_flag("-s,--secret", arguments->secret, "the secret key");
        command->add_flag("-a,--armor", arguments->armor, "as text");
        command->add_option("FILE", arguments->file, "the file; - is stdout")->required();
        command->add_option("FINGERPRINT", arguments->key, "the key; not needed where there is only one");
        add_global(*command, *arguments, "from the site's keyring");
    }
    {
        const auto [command, arguments] = add_key_action(*parent, "remove", "Remove a key", remove, status);
        command->add_flag("-s,--secret,-b,--both", arguments->secret, "its secret half as well");
        command->add_option("FINGERPRINT", arguments->key, "the key")->required();
        add_global(*command, *arguments, "from the site's keyring (root)");
    }
    add_key_remote_commands(*parent, status);
}

}  // namespace berth::tools
