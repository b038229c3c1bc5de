// berth config check | list | import
#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/cgroups.hpp"
#include "runtime/config/import.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/policy/site_options.hpp"
#include "tools/commands.hpp"
#include "tools/config_meaning.hpp"

namespace berth::tools {
namespace {

using config::CapabilityGrants;
using config::Directive;
using config::DirectiveLine;
using config::Ecl;
using config::Origin;
using config::Problem;
using config::Reading;
using config::Section;
using config::Standing;
using Json = nlohmann::ordered_json;

constexpr std::size_t kWidestValue = 4096;
constexpr int kMustChange = 1;  // of `berth config import`

struct Arguments {
    std::string file = install_paths().sysconf + "/berth.conf";
    bool json = false;
    bool markdown = false;
    std::string output;        ///< import: the file to write
    config::JobFacts facts{};  ///< list: the job whose values are shown
};

/// The error of a file as a problem; its message names the file, which the problem's place does too.
Problem file_problem(const Error& error, const std::string& file) {
    const Origin where{file, 0};
    const std::string prefix = where.to_string() + ": ";
    return {where, error.message.starts_with(prefix) ? error.message.substr(prefix.size()) : error.message};
}

/// What is read of a file by READ(text, name). A file that Berth would refuse for its owner is read, too, so that a draft
/// can be checked; the refusal is a problem.
template <class Found>
Found read_trusting(const std::string& file, std::size_t limit, Found (*read)(std::string_view, const std::string&)) {
    std::error_code failed;
    const std::string absolute = std::filesystem::absolute(file, failed).string();
    const auto trusted = config::open_trusted(absolute);
    const auto text = read_file(file, limit);
    Found found = text ? read(*text, file) : Found{};
    if (!text) found.problems.push_back(file_problem(trusted ? text.error() : trusted.error(), file));
    else if (!trusted) found.problems.insert(found.problems.begin(), file_problem(trusted.error(), file));
    return found;
}

Reading read_site_file(const std::string& file) { return read_trusting(file, config::kMaxFileSize, config::read); }

/// Nothing where there is no such file.
template <class Found>
std::optional<Found> read_if_there(const std::string& file, std::size_t limit,
                                   Found (*read)(std::string_view, const std::string&)) {
    const auto exists = config::site_file_exists(file);
    if (!exists) return Found{{}, {file_problem(exists.error(), file)}};
    if (!*exists) return std::nullopt;
    return read_trusting(file, limit, read);
}

std::string summary(const Ecl& ecl) {
    if (!ecl.activated.value) return "not activated";
    if (ecl.groups.empty()) return "activated; without an execgroup no image may run";
    return fmt::format("activated, {} group{}", ecl.groups.size(), ecl.groups.size() == 1 ? "" : "s");
}

std::string summary(const CapabilityGrants& grants) {
    return fmt::format("capabilities for {} user{} and {} group{}", grants.users.size(), grants.users.size() == 1 ? "" : "s",
                       grants.groups.size(), grants.groups.size() == 1 ? "" : "s");
}

std::size_t directives_set(const Reading& reading) {
    std::set<const Directive*> distinct;
    for (const DirectiveLine& line : reading.file.lines) distinct.insert(line.directive);
    for (const Section& section : reading.file.sections)
        for (const DirectiveLine& line : section.lines) distinct.insert(line.directive);
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

/// In the order of their lines.
void add(std::vector<Problem>& problems, const std::vector<Problem>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
    std::ranges::stable_sort(problems, {}, [](const Problem& problem) { return problem.where.line; });
}

std::string sections_text(const config::SiteFile& file) {
    std::string text;
    for (const Section& section : file.sections) text += (text.empty() ? ", and in " : ", ") + section.head();
    return text;
}

/// A step on this node would refuse such a section.
std::vector<Problem> group_problems(const config::SiteFile& file) {
    std::vector<Problem> problems;
    for (const Section& section : file.sections)
        if (section.kind == config::SectionKind::group && ::getgrnam(section.name.c_str()) == nullptr &&
            section.name.find_first_not_of("0123456789") != std::string::npos)
            problems.push_back({section.origin, section.head() + ": this node knows no such group"});
    return problems;
}

bool concern(const std::vector<Problem>& problems, const std::string& file) {
    return std::ranges::any_of(problems, [&](const Problem& problem) { return problem.where.file == file; });
}

int check(const Arguments& arguments) {
    Reading reading = read_site_file(arguments.file);
    add(reading.problems, option_problems(reading.file));
    add(reading.problems, group_problems(reading.file));
    const std::string ecl_file = config::ecl_path(arguments.file);
    auto ecl = read_if_there(ecl_file, config::kMaxEclSize, config::read_ecl);
    const std::string capability_file = config::capability_path(arguments.file);
    const auto capabilities =
        read_if_there(capability_file, config::kMaxCapabilityFileSize, config::read_capability_file);
    const auto cgroups = read_if_there(config::cgroups_path(arguments.file), config::kMaxCgroupsSize, config::read_cgroups);
    if (ecl) add(ecl->problems, option_problems(ecl->ecl));
    std::vector<Problem> problems = reading.problems;
    if (ecl) problems.insert(problems.end(), ecl->problems.begin(), ecl->problems.end());
    if (capabilities)
        problems.insert(problems.end(), capabilities->problems.begin(), capabilities->problems.end());
    if (cgroups) problems.insert(problems.end(), cgroups->problems.begin(), cgroups->problems.end());
    // Of files that cannot be read, nothing can be said.
    Meaning meaning;
    if (problems.empty()) meaning = examine_meaning(reading.file, ecl ? ecl->ecl : Ecl{}, arguments.file);
    problems.insert(problems.end(), meaning.problems.begin(), meaning.problems.end());
    if (arguments.json) {
        Json json{{"file", arguments.file}, {"ok", problems.empty()}, {"directives_set", directives_set(reading)}, {"sections", reading.file.sections.size()}};
        if (ecl) json["ecl"] = {{"file", ecl_file}, {"activated", ecl->ecl.activated.value}, {"groups", ecl->ecl.groups.size()}};
        if (capabilities)
            json["capabilities"] = {{"file", capability_file},
                                    {"users", capabilities->grants.users.size()},
                                    {"groups", capabilities->grants.groups.size()}};
        json["problems"] = problems_json(problems);
        json["notes"] = problems_json(meaning.notes);
        print_json(json);
        return problems.empty() ? 0 : kFailure;
    }
    for (const Problem& problem : problems) fmt::print("{}\n", problem.to_string());
    for (const Problem& note : meaning.notes) fmt::print("{}: note: {}\n", note.where.to_string(), note.message);
    if (!concern(problems, arguments.file))
        fmt::print("{}: ok ({} directives set{})\n", Origin{arguments.file, 0}.to_string(), directives_set(reading),
                   sections_text(reading.file));
    if (ecl && !concern(problems, ecl_file)) fmt::print("{}: ok ({})\n", Origin{ecl_file, 0}.to_string(), summary(ecl->ecl));
    if (capabilities && !concern(problems, capability_file))
        fmt::print("{}: ok ({})\n", Origin{capability_file, 0}.to_string(), summary(capabilities->grants));
    if (cgroups && cgroups->problems.empty()) fmt::print("{}: ok\n", Origin{config::cgroups_path(arguments.file), 0}.to_string());
    return problems.empty() ? 0 : kFailure;
}

/// What a directive is set to: every line of a list, else its one line or the default.
struct Current {
    std::string value;
    std::string origin;
};

Current current_value(const Directive& directive, const std::vector<DirectiveLine>& lines) {
    Current current;
    for (const DirectiveLine& line : lines) {
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
            {"in_effect", directive.standing == Standing::in_effect},
            {"meaning", directive.meaning},
            {"difference", directive.difference}};
}

void print_directives(const std::vector<DirectiveLine>& lines, Standing standing) {
    for (const Directive& directive : config::directives()) {
        if (directive.standing != standing) continue;
        const Current current = current_value(directive, lines);
        const std::string value = current.value.empty() ? "-" : printable(current.value, kWidestValue);
        fmt::print("{:<34} {:<24} {}\n", directive.name, value, current.origin);
    }
}

int list(const Arguments& arguments) {
    if (arguments.markdown) {
        fmt::print("{}", config::directives_markdown());
        return 0;
    }
    const Reading reading = read_site_file(arguments.file);
    if (!reading.problems.empty()) {
        for (const Problem& problem : reading.problems) fmt::print(stderr, "berth: {}\n", problem.to_string());
        return kFailure;
    }
    const auto lines = config::lines_for(reading.file, arguments.facts);
    if (arguments.json) {
        Json all = Json::array();
        for (const Directive& directive : config::directives())
            all.push_back(directive_json(directive, current_value(directive, lines)));
        print_json(all);
        return 0;
    }
    fmt::print("{:<34} {:<24} {}\n", "DIRECTIVE", "VALUE", "FROM");
    print_directives(lines, Standing::in_effect);
    fmt::print("\nAccepted, because it holds here anyway:\n");
    print_directives(lines, Standing::holds);
    return 0;
}

/// A new file: what is there already is somebody's configuration.
Status write_new_file(const std::string& path, const std::string& text) {
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644));
    return write_all(fd.get(), text, path);
}

Json import_json(const config::Import& import, const Arguments& arguments) {
    Json lines = Json::array();
    for (const config::ImportedLine& line : import.lines)
        lines.push_back({{"line", line.line}, {"text", line.text}, {"verdict", to_string(line.verdict)}, {"explanation", line.explanation}});
    return {{"file", arguments.file}, {"accepted", import.accepted()}, {"lines", std::move(lines)}};
}

int fail(const Error& error) {
    fmt::print(stderr, "berth: {}\n", error.message);
    return kFailure;
}

int import_file(const Arguments& arguments) {
    const auto text = read_file(arguments.file, config::kMaxFileSize);
    if (!text) return fail(text.error());
    const auto import = config::import_conf(*text, arguments.file);
    if (!import) return fail(import.error());
    if (arguments.json) {
        print_json(import_json(*import, arguments));
    } else {
        const std::string name = Origin{arguments.file, 0}.to_string();
        for (const config::ImportedLine& line : import->lines)
            fmt::print("{}:{}: {}: {}{}{}\n", name, line.line, printable(line.text), to_string(line.verdict), line.explanation.empty() ? "" : ": ",
                       line.explanation);
        fmt::print("{}: {}\n", name, import->accepted() ? "accepted as it is" : "some lines must change");
    }
    if (!arguments.output.empty())
        if (auto written = write_new_file(arguments.output, import->berth_conf); !written) return fail(written.error());
    return import->accepted() ? 0 : kMustChange;
}

CLI::App* add(CLI::App& parent, const std::string& name, const std::string& meaning, int (*action)(const Arguments&),
              const std::shared_ptr<Arguments>& arguments, int& status) {
    CLI::App* command = parent.add_subcommand(name, meaning);
    command->add_flag("--json", arguments->json, "print JSON");
    command->callback([arguments, action, &status] { status = action(*arguments); });
    return command;
}

void add_config_option(CLI::App& command, Arguments& arguments) {
    command.add_option("--config", arguments.file, "the berth.conf to read")->type_name("FILE")->capture_default_str();
}

}  // namespace

void add_config_command(CLI::App& app, int& status) {
    CLI::App* command = app.add_subcommand("config", "Look at the site's configuration");
    command->require_subcommand(1);
    auto arguments = std::make_shared<Arguments>();
    add_config_option(*add(*command, "check", "Say what is wrong with a berth.conf and the files beside it, every problem with its line",
                           check, arguments, status), *arguments);

    arguments = std::make_shared<Arguments>();
    CLI::App* const listing = add(*command, "list", "Show every directive, its value and the line that set it", list, arguments, status);
    add_config_option(*listing, *arguments);
    listing->add_option("--partition", arguments->facts.partition, "as it holds for jobs in this partition")->type_name("NAME");
    listing->add_option("--account", arguments->facts.account, "as it holds for jobs of this account")->type_name("NAME");
    listing->add_option("--group", arguments->facts.groups, "as it holds for users in this group; may be repeated")->type_name("NAME")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    listing->add_flag("--markdown", arguments->markdown, "print the table of all directives, for documents");

    arguments = std::make_shared<Arguments>();
    CLI::App* const import = add(*command, "import", "Explain, line by line, what a singularity.conf or apptainer.conf would do here", import_file,
                                 arguments, status);
    import->add_option("FILE", arguments->file, "the file to explain")->required();
    import->add_option("--output", arguments->output, "write a berth.conf that is accepted; must not exist")->type_name("NEW");
}

}  // namespace berth::tools
