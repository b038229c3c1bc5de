// berth explain: what was decided about a step that runs on this node.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "runtime/exec/step_record.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

using nlohmann::json;

// slurm.h: steps that have a name instead of a number.
struct NamedStep {
    const char* name;
    std::uint32_t number;
};
constexpr NamedStep kNamed[] = {{"batch", 0xfffffffb}, {"extern", 0xfffffffc}, {"interactive", 0xfffffffa}};

struct Wanted {
    std::uint32_t job = 0;
    std::optional<std::uint32_t> step;  ///< nothing: each step of the job
};

std::optional<Wanted> parse(const std::string& text) {
    const auto dot = text.find('.');
    const auto job = whole_number<std::uint32_t>(std::string_view(text).substr(0, dot));
    if (!job) return std::nullopt;
    if (dot == std::string::npos) return Wanted{*job, std::nullopt};
    const std::string step = text.substr(dot + 1);
    for (const NamedStep& named : kNamed)
        if (step == named.name) return Wanted{*job, named.number};
    const auto number = whole_number<std::uint32_t>(step);
    return number ? std::optional(Wanted{*job, number}) : std::nullopt;
}

std::string shown(const StepName& name) {
    for (const NamedStep& named : kNamed)
        if (name.step == named.number) return fmt::format("{}.{}", name.job, named.name);
    return fmt::format("{}.{}", name.job, name.step);
}

std::string field(const json& entry, const char* name) { return printable(entry.value(name, std::string())); }

void print(const StepName& name, const json& record) {
    fmt::print("step {} (slurmstepd {})\ndecision\n", shown(name), name.daemon);
    for (const json& line : record.value("decision", json::array()))
        fmt::print("  {:<18} {}  [{}]\n", field(line, "subject"), field(line, "outcome"), field(line, "rule"));
    fmt::print("done\n");
    for (const json& line : record.value("plan", json::array())) fmt::print("  {:<8} {}\n", field(line, "phase"), field(line, "description"));
}

int fail(const std::string& message) {
    fmt::print(stderr, "berth: {}\n", message);
    return kFailure;
}

int explain(const std::string& step, bool as_json) {
    const auto wanted = parse(step);
    if (!wanted) return fail("'" + printable(step) + "' is not a step: expected JOB.STEP, as 42.0 or 42.batch, or JOB");
    json all = json::array();
    for (const StepName& name : step_records()) {
        if (name.job != wanted->job || (wanted->step && name.step != *wanted->step)) continue;
        const auto text = read_step_record(name);
        if (!text) return fail(shown(name) + ": " + text.error().message);
        auto record = json::parse(*text, nullptr, false);
        if (!record.is_object()) return fail(shown(name) + ": its record cannot be read");
        if (!as_json) print(name, record);
        record["step"] = shown(name);
        all.push_back(std::move(record));
    }
    if (all.empty()) return fail(step + ": no such step runs in a container on this node");
    if (as_json) fmt::print("{}\n", all.dump(2, ' ', true, json::error_handler_t::replace));
    return 0;
}

}  // namespace

void add_explain_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand("explain", "Show what was decided about a step that runs on this node");
    const auto step = std::make_shared<std::string>();
    const auto as_json = std::make_shared<bool>(false);
    command->add_option("STEP", *step, "JOB.STEP, JOB.batch, or JOB for all of its steps here")->required();
    command->add_flag("--json", *as_json, "print JSON");
    command->callback([step, as_json, &status] { status = explain(*step, *as_json); });
}

}  // namespace berth::tools
