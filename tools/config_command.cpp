// berth config check | list
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/config/trusted_file.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

using config::Directive;
using config::DirectiveLine;
using config::Origin;
using config::Problem;
using config::Reading;
using Json = nlohmann::ordered_json;

constexpr std::size_t kWidestValue = 4096;

struct Arguments {
    std::string file = install_paths().sysconf + "/berth.conf";
    bool json = false;
};

/// The error of a file as a problem; its message names the file, which the problem's place does too.
Problem file_problem(const Error& error, const std::string& file) {
    const Origin where{file, 0};
    const std::string prefix = where.to_string() + ": ";
    return {where, error.message.starts_with(prefix) ? error.message.substr(prefix.size()) : error.message};
}

/// Reads a file that Berth would refuse for its owner, too, so that a draft can be checked; the refusal is a problem.
Reading read_site_file(const std::string& file) {
    std::error_code failed;
    const std::string absolute = std::filesystem::absolute(file, failed).string();
    const auto trusted = config::open_trusted(absolute);
    auto text = read_file(file, config::kMaxFileSize);
    if (!text) return Reading{{}, {}, {file_problem(trusted ? text.error() : trusted.error(), file)}};
    Reading reading = config::read(*text, file);
    if (!trusted) reading.problems.insert(reading.problems.begin(), file_problem(trusted.error(), file));
    return reading;
}

std::size_t directives_set(const Reading& reading) {
    std::set<const Directive*> distinct;
    for (const DirectiveLine& line : reading.lines) distinct.insert(line.directive);
    return distinct.size();
}

/// Paths may hold any byte; JSON may not.
void print_json(const Json& json) {
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json problems_json(const std::vector<Problem>& problems) {
    Json list = Json::array();
    for (const Problem& problem : problems) {
        Json entry{{"file", problem.where.file}};
        if (problem.where.line > 0) entry["line"] = problem.where.line;
        entry["message"] = problem.message;
        list.push_back(std::move(entry));
    }
    return list;
}

int check(const Arguments& arguments) {
    const Reading reading = read_site_file(arguments.file);
    const bool ok = reading.problems.empty();
    if (arguments.json) {
        print_json({{"file", arguments.file},
                    {"ok", ok},
                    {"directives_set", directives_set(reading)},
                    {"problems", problems_json(reading.problems)}});
    } else {
        for (const Problem& problem : reading.problems) fmt::print("{}\n", problem.to_string());
        if (ok)
            fmt::print("{}: ok ({} directives set)\n", Origin{arguments.file, 0}.to_string(), directives_set(reading));
    }
    return ok ? 0 : kFailure;
}

/// What a directive is set to: every line of a list, else its one line or the default.
struct Current {
    std::string value;
    std::string origin;
};

Current current_value(const Directive& directive, const Reading& reading) {
    Current current;
    for (const DirectiveLine& line : reading.lines) {
        if (line.directive != &directive) continue;
        if (!current.value.empty() && !line.value.empty()) current.value += ", ";
        current.value += line.value;
        current.origin += (current.origin.empty() ? "" : ", ") + line.origin.to_string();
    }
    if (current.origin.empty()) return {std::string(directive.default_value), "default"};
    return current;
}

Json directive_json(const Directive& directive, const Current& current) {
    return {{"directive", directive.name},
            {"value", current.value},
            {"from", current.origin},
            {"default", directive.default_value},
            {"type", to_string(directive.type)},
            {"allowed", directive.allowed()},
            {"repeatable", directive.repeatable()},
            {"in_effect", directive.in_effect},
            {"meaning", directive.meaning}};
}

void print_directives(const Reading& reading, bool in_effect) {
    for (const Directive& directive : config::directives()) {
        if (directive.in_effect != in_effect) continue;
        const Current current = current_value(directive, reading);
        const std::string value = current.value.empty() ? "-" : printable(current.value, kWidestValue);
        fmt::print("{:<34} {:<24} {}\n", directive.name, value, current.origin);
    }
}

int list(const Arguments& arguments) {
    const Reading reading = read_site_file(arguments.file);
    if (!reading.problems.empty()) {
        for (const Problem& problem : reading.problems) fmt::print(stderr, "berth: {}\n", problem.to_string());
        return kFailure;
    }
    if (arguments.json) {
        Json all = Json::array();
        for (const Directive& directive : config::directives())
            all.push_back(directive_json(directive, current_value(directive, reading)));
        print_json(all);
        return 0;
    }
    fmt::print("{:<34} {:<24} {}\n", "DIRECTIVE", "VALUE", "FROM");
    print_directives(reading, true);
    fmt::print("\nKnown, and accepted at the default only:\n");
    print_directives(reading, false);
    return 0;
}

void add(CLI::App& parent, const std::string& name, const std::string& meaning, int (*action)(const Arguments&),
         int& status) {
    CLI::App* command = parent.add_subcommand(name, meaning);
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("--config", arguments->file, "the berth.conf to read")
        ->type_name("FILE")
        ->capture_default_str();
    command->add_flag("--json", arguments->json, "print JSON");
    command->callback([arguments, action, &status] { status = action(*arguments); });
}

}  // namespace

void add_config_command(CLI::App& app, int& status) {
    CLI::App* command = app.add_subcommand("config", "Look at the site's configuration");
    command->require_subcommand(1);
    add(*command, "check", "Say what is wrong with a berth.conf, every problem with its line", check, status);
    add(*command, "list", "Show every directive, its value and the line that set it", list, status);
}

}  // namespace berth::tools
