// berth gpu list: what --nv and --rocm would bring into a container on this node, and from where.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/gpu_cache.hpp"
#include "runtime/exec/user_side.hpp"
#include "runtime/policy/decision.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

using config::GpuStack;
using nlohmann::ordered_json;

const char* option_of(GpuStack stack) { return stack == GpuStack::nvidia ? "--nv" : "--rocm"; }

const char* kind_of(GpuFile::Kind kind) {
    switch (kind) {
        case GpuFile::Kind::library: return "library";
        case GpuFile::Kind::program: return "program";
        case GpuFile::Kind::file: return "file";
    }
    return "?";
}

std::string needed_glibc(const GpuFacts& facts) { return facts.needs_glibc ? to_string(*facts.needs_glibc) : ""; }

/// Always looked up anew: an administrator who asks has just changed something.
Result<GpuFacts> look(GpuStack stack, const config::SitePolicy& policy) {
    BERTH_TRY(auto facts, find_gpu_facts(stack, policy));
    BERTH_TRY(const auto devices, direct_user_side()->usable_devices());
    facts.devices = gpu_devices(stack, devices);
    return facts;
}

void print(GpuStack stack, const GpuFacts& facts) {
    fmt::print("{} ({})\n", to_string(stack), option_of(stack));
    fmt::print("  driver   {}\n", facts.driver.empty() ? "none in the kernel" : facts.driver);
    for (const auto& name : facts.devices) fmt::print("  device   /dev/{}\n", printable(name));
    for (const GpuFile& file : facts.files) fmt::print("  {:<8} {} at {}\n", kind_of(file.kind), printable(file.source), printable(file.destination));
    if (facts.needs_glibc) fmt::print("  needs    glibc {} in the image\n", needed_glibc(facts));
    for (const auto& why : facts.left_out) fmt::print("  left out {}\n", why);
    if (facts.files.empty()) fmt::print("  nothing found\n");
}

ordered_json as_json(GpuStack stack, const GpuFacts& facts) {
    ordered_json files = ordered_json::array();
    for (const GpuFile& file : facts.files) files.push_back({{"kind", kind_of(file.kind)}, {"source", file.source}, {"destination", file.destination}});
    return {{"stack", to_string(stack)}, {"option", option_of(stack)}, {"driver", facts.driver}, {"devices", facts.devices}, {"files", std::move(files)},
            {"needs_glibc", needed_glibc(facts)}, {"left_out", facts.left_out}};
}

int list(const std::string& berth_conf, bool json) {
    const auto policy = config::load_policy(berth_conf);
    ordered_json all = ordered_json::array();
    Status failure = policy ? Status() : Status(policy.error());
    for (const GpuStack stack : {GpuStack::nvidia, GpuStack::rocm}) {
        if (!failure) break;
        const auto facts = look(stack, *policy);
        if (!facts)
            failure = facts.error();
        else if (json)
            all.push_back(as_json(stack, *facts));
        else
            print(stack, *facts);
    }
    if (!failure) {
        fmt::print(stderr, "berth: {}\n", failure.error().message);
        return kFailure;
    }
    if (json) fmt::print("{}\n", all.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    return 0;
}

}  // namespace

void add_gpu_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand("gpu", "GPUs and what containers get of their drivers");
    command->require_subcommand(1);
    CLI::App* const listing = command->add_subcommand("list", "Show what --nv and --rocm would bring into a container here, and from where");
    const auto json = std::make_shared<bool>(false);
    const auto berth_conf = std::make_shared<std::string>(install_paths().sysconf + "/berth.conf");
    listing->add_option("--config", *berth_conf, "the berth.conf beside which the lists lie");
    listing->add_flag("-j,--json", *json, "print JSON");
    listing->callback([berth_conf, json, &status] { status = list(*berth_conf, *json); });
}

}  // namespace berth::tools
