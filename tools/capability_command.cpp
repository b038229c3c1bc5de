// berth capability add | drop | list | avail: whom the site lets have which capabilities. Singularity's command.
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "tools/capability_meanings.hpp"
#include "tools/capability_store.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

using config::CapabilityAccounts;
using config::CapabilityGrants;
using Json = nlohmann::ordered_json;

struct Arguments {
    std::string conf = install_paths().sysconf + "/berth.conf";
    std::string user;
    std::string group;
    std::string name;          ///< list: a user or a group
    std::string capabilities;  ///< a list with commas, or "all"
    bool json = false;
};

Error usage(std::string message) {
    return Error{Category::usage, 0, std::move(message)};
}

Result<std::string> absolute_path(const std::string& path) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path, failed);
    if (failed) return errno_error(printable(path), failed.value());
    return absolute.string();
}

std::string shown(std::string_view kind, const std::string& name) {
    return fmt::format("{} {}", kind, printable(name));
}

/// A name that nobody has is a mistake, and would be somebody's later.
/// The account's own name: name services may find it by other spellings, and decisions go by this one.
Result<std::string> name_of_account(std::string_view kind, const std::string& name) {
    errno = 0;
    std::string own;
    if (const passwd* user = kind == "user" ? ::getpwnam(name.c_str()) : nullptr) own = user->pw_name;
    if (const ::group* group = kind == "user" ? nullptr : ::getgrnam(name.c_str())) own = group->gr_name;
    const bool known = !own.empty();
    if (!known && (errno == 0 || errno == ENOENT || errno == ESRCH))
        return usage(shown(kind, name) + ": there is none of that name on this node");
    if (!known) return errno_error(shown(kind, name));
    if (!config::is_account_name(own)) return usage(shown(kind, own) + ": capability.json cannot hold such a name");
    return own;
}

Result<std::string> add_to(CapabilityAccounts& accounts, std::string_view kind, const std::string& name, CapabilitySet set) {
    BERTH_TRY(const std::string own, name_of_account(kind, name));
    accounts[own].value |= set;
    return own;
}

/// The account itself may be gone by now.
Result<std::string> drop_from(CapabilityAccounts& accounts, std::string_view kind, const std::string& name, CapabilitySet set) {
    const auto entry = accounts.find(name);
    if (entry == accounts.end())
        return usage(shown(kind, name) + " may have no capability anyway; berth capability list shows who may");
    const CapabilitySet missing = set & ~entry->second.value;
    if (missing != 0 && set != kAllCapabilities)
        log(LogLevel::warning, shown(kind, name) + " may not have " + to_string(missing) + " anyway");
    entry->second.value &= ~set;
    if (entry->second.value == 0) accounts.erase(entry);
    return name;
}

using Change = Result<std::string> (*)(CapabilityAccounts&, std::string_view kind, const std::string& name, CapabilitySet);

std::string line(std::string_view kind, const std::string& name, const CapabilityAccounts& accounts) {
    const auto entry = accounts.find(name);
    return fmt::format("{} [{}]: {}\n", printable(name), kind, to_string(entry == accounts.end() ? 0 : entry->second.value));
}

Status change(const Arguments& arguments, Change by) {
    BERTH_TRY(const CapabilitySet set, parse_capabilities(arguments.capabilities));
    if (arguments.user.empty() && arguments.group.empty()) return usage("name whom: --user NAME or --group NAME");
    BERTH_TRY(const std::string conf, absolute_path(arguments.conf));
    if (::geteuid() != 0)
        return Error{Category::denied, EPERM,
                     printable(config::capability_path(conf)) + ": only root can change what users may have"};
    std::string user, group;  // as the name service spells them
    const auto both = [&](CapabilityGrants& grants) -> Status {
        if (!arguments.user.empty()) { BERTH_TRY(user, by(grants.users, "user", arguments.user, set)); }
        if (!arguments.group.empty()) { BERTH_TRY(group, by(grants.groups, "group", arguments.group, set)); }
        return {};
    };
    BERTH_TRY(const CapabilityGrants grants, change_capabilities(conf, both));
    if (!user.empty()) fmt::print("{}", line("user", user, grants.users));
    if (!group.empty()) fmt::print("{}", line("group", group, grants.groups));
    return {};
}

Status add(const Arguments& arguments) {
    BERTH_CHECK(change(arguments, add_to));
    log(LogLevel::warning, "capabilities in a container are power over the node; who has them may well become root there");
    return {};
}

Status drop(const Arguments& arguments) {
    return change(arguments, drop_from);
}

void print_json(const Json& json) {
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json accounts_json(const CapabilityAccounts& accounts) {
    Json json = Json::object();
    for (const auto& [name, granted] : accounts) {
        Json& names = json[name] = Json::array();
        for (int number = 0; number < kCapabilityCount; ++number)
            if ((granted.value & capability_bit(number)) != 0) names.push_back(capability_name(number));
    }
    return json;
}

/// With a name, those of that name alone.
CapabilityAccounts chosen(const CapabilityAccounts& accounts, const std::string& name, bool wanted) {
    if (!wanted) return {};
    if (name.empty()) return accounts;
    const auto entry = accounts.find(name);
    return entry == accounts.end() ? CapabilityAccounts{} : CapabilityAccounts{*entry};
}

Status list(const Arguments& arguments) {
    BERTH_TRY(const std::string conf, absolute_path(arguments.conf));
    BERTH_TRY(const CapabilityGrants grants, config::load_capabilities(config::capability_path(conf)));
    const std::string name = arguments.name == "all" ? "" : arguments.name;
    const bool single = !arguments.user.empty() || !arguments.group.empty();
    const auto users = chosen(grants.users, single ? arguments.user : name, !single || !arguments.user.empty());
    const auto groups = chosen(grants.groups, single ? arguments.group : name, !single || !arguments.group.empty());
    if (arguments.json) {
        print_json({{"users", accounts_json(users)}, {"groups", accounts_json(groups)}});
        return {};
    }
    for (const auto& [user, ignored] : users) fmt::print("{}", line("user", user, users));
    for (const auto& [group, ignored] : groups) fmt::print("{}", line("group", group, groups));
    return {};
}

Status avail(const Arguments& arguments) {
    BERTH_TRY(const CapabilitySet set, parse_capabilities(arguments.capabilities));
    Json all = Json::array();
    for (int number = 0; number < kCapabilityCount; ++number) {
        if ((set & capability_bit(number)) == 0) continue;
        if (arguments.json)
            all.push_back({{"name", capability_name(number)}, {"number", number}, {"meaning", capability_meaning(number)}});
        else
            fmt::print("{}: {}\n", capability_name(number), capability_meaning(number));
    }
    if (arguments.json) print_json(all);
    return {};
}

using Added = std::pair<CLI::App*, std::shared_ptr<Arguments>>;

Added add_action(CLI::App& parent, const char* name, const char* meaning, Status (*action)(const Arguments&), int& status) {
    CLI::App* const command = parent.add_subcommand(name, meaning);
    const auto arguments = std::make_shared<Arguments>();
    command->callback([arguments, action, &status] {
        const Status done = action(*arguments);
        if (!done) fmt::print(stderr, "berth: {}\n", done.error().message);
        status = done ? 0 : kFailure;
    });
    return {command, arguments};
}

void add_accounts(CLI::App& command, Arguments& arguments) {
    command.add_option("-u,--user", arguments.user, "a user")->type_name("NAME");
    command.add_option("-g,--group", arguments.group, "a group")->type_name("NAME");
    command.add_option("--config", arguments.conf, "the berth.conf beside which capability.json lies")
        ->type_name("FILE")
        ->capture_default_str();
}

}  // namespace

void add_capability_command(CLI::App& app, int& status) {
    CLI::App* const parent = app.add_subcommand("capability", "Say which users and groups may have which capabilities");
    parent->require_subcommand(1);
    const char* const kList = "names of capabilities, with commas, or all";
    for (const auto& [command, arguments] :
         {add_action(*parent, "add", "Let a user or a group have capabilities (root)", add, status),
          add_action(*parent, "drop", "Take them back (root)", drop, status)}) {
        add_accounts(*command, *arguments);
        command->add_option("CAP", arguments->capabilities, kList)->required();
    }
    {
        const auto [command, arguments] = add_action(*parent, "list", "Show who may have what", list, status);
        add_accounts(*command, *arguments);
        command->add_option("NAME", arguments->name, "only the user and the group of this name; all: everybody")
            ->excludes("--user")
            ->excludes("--group");
        command->add_flag("--json", arguments->json, "print JSON");
    }
    {
        const auto [command, arguments] = add_action(*parent, "avail", "Show what each capability is for", avail, status);
        arguments->capabilities = "all";
        command->add_option("CAP", arguments->capabilities, kList);
        command->add_flag("--json", arguments->json, "print JSON");
    }
}

}  // namespace berth::tools
