// berth.conf from hostile bytes: every reading ends in a configuration that keeps its promises, or in problems that can
// be printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/import.hpp"
#include "runtime/config/site_config.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_clean_path(const std::string& path) {
    return path.starts_with('/') && berth::normal_path(path) == path;
}

void check(const berth::config::SiteConfig& config) {
    for (const auto& bind : config.bind_path.value)
        require(is_clean_path(bind.source) && is_clean_path(bind.destination) && bind.destination != "/");
    for (const auto& path : config.limit_container_paths.value) require(is_clean_path(path.value));
    require(config.image_server_user.value != "root" && !config.image_server_user.value.empty());
    for (const auto& option : config.option_default.value) require(!option.value.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto reading = berth::config::read(text, "fuzz.conf");
    const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
    require(reading.problems.size() <= berth::config::kMaxProblems);
    for (const auto& problem : reading.problems) {
        require(problem.where.line <= lines);
        require(problem.message.size() < 1024);
        require(berth::printable(problem.message, 2048) == problem.message);
    }
    check(reading.config);
    berth::config::JobFacts facts{true, "", "", {}};
    for (const auto& section : reading.file.sections) {
        require(!section.name.empty() && section.origin.line >= 1);
        if (section.kind == berth::config::SectionKind::partition) facts.partition = section.name;
        if (section.kind == berth::config::SectionKind::account) facts.account = section.name;
        if (section.kind == berth::config::SectionKind::group) facts.groups.push_back(section.name);
    }
    for (const auto& line : berth::config::lines_for(reading.file, facts)) require(line.directive != nullptr && line.origin.line >= 1);
    check(berth::config::for_job(reading.file, facts));
    require(berth::config::check_facts(reading.file, facts).ok());
    require(berth::config::check_facts(reading.file, {true, {}, {}, {}}).ok() != berth::config::wants_partition_or_account(reading.file));
    require(berth::config::parse(text, "fuzz.conf").ok() == reading.problems.empty());
    const auto import = berth::config::import_conf(text, "fuzz.conf");
    if (import) require(import->accepted() == reading.problems.empty() && berth::config::parse(import->berth_conf, "new.conf").ok());
    if (reading.problems.empty()) require(import.ok() && berth::config::parse(import->berth_conf, "new.conf").ok());
    return 0;
}
