// berth doctor: whether this node can run containers, and what to do where it cannot.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/text.hpp"
#include "tools/commands.hpp"
#include "tools/doctor.hpp"

namespace berth::tools {
namespace {

constexpr int kUnhealthy = 1;  // as health check programs have it

struct Arguments {
    Surroundings node{install_paths().sysconf + "/berth.conf"};
    bool json = false;
    bool quiet = false;
};

const char* name_of(Health health) {
    switch (health) {
        case Health::ok: return "ok";
        case Health::warn: return "warn";
        case Health::fail: return "fail";
    }
    return "?";
}

void print_text(const std::vector<Finding>& findings, bool quiet) {
    for (const Finding& finding : findings) {
        if (quiet && finding.health != Health::fail) continue;
        fmt::print("{:<5}{}: {}\n", name_of(finding.health), printable(finding.subject), printable(finding.detail, 1024));
        if (!finding.remedy.empty()) fmt::print("     -> {}\n", printable(finding.remedy, 1024));
    }
}

void print_json(const std::vector<Finding>& findings, bool healthy) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings)
        list.push_back({{"check", finding.check}, {"health", name_of(finding.health)}, {"subject", finding.subject}, {"detail", finding.detail}, {"remedy", finding.remedy}});
    const nlohmann::ordered_json report{{"healthy", healthy}, {"findings", std::move(list)}};
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int report(const Arguments& arguments) {
    const auto findings = examine(arguments.node);
    const bool healthy = std::ranges::none_of(findings, [](const Finding& finding) { return finding.health == Health::fail; });
    if (arguments.json)
        print_json(findings, healthy);
    else
        print_text(findings, arguments.quiet);
    return healthy ? 0 : kUnhealthy;
}

}  // namespace

void add_doctor_command(CLI::App& app, int& status) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* const command = app.add_subcommand("doctor", "Tell whether this node can run containers, and what to do where it cannot");
    command->add_option("--config", arguments->node.berth_conf, "the berth.conf to look at");
    command->add_option("--slurm-conf-dir", arguments->node.slurm_folder, "the folder of slurm.conf and plugstack.conf (default: that of $SLURM_CONF, or /etc/slurm)");
    command->add_flag("-q,--quiet", arguments->quiet, "print failures only; for Slurm's HealthCheckProgram");
    command->add_flag("-j,--json", arguments->json, "print JSON");
    command->footer("Ends with 0 when nothing failed, else with 1.");
    command->callback([arguments, &status] { status = report(*arguments); });
}

}  // namespace berth::tools
