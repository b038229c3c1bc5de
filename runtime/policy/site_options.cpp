#include "runtime/policy/site_options.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/config/values.hpp"
#include "runtime/request/options.hpp"

namespace berth {
namespace {

constexpr std::size_t kShown = 64;

Status wrong(std::string message) { return Error{Category::config, 0, std::move(message)}; }

const Option* find_option(std::string_view name) {
    const auto found = std::ranges::find(options(), name, &Option::name);
    return found == options().end() ? nullptr : &*found;
}

/// NAME or NAME=VALUE, over what the request holds.
Status apply_default(Request& request, std::string_view text) {
    const auto equals = std::min(text.find('='), text.size());
    const std::string name(text.substr(0, equals));
    if (const auto unknown = unknown_option(name)) return wrong(*unknown);
    const Option& option = *find_option(name);
    if (option.scope == Scope::slurm_only || name == "explain")
        return wrong("'" + name + "' can have no default (an image for every step is the plugin's default= in plugstack.conf)");
    const bool has_value = equals < text.size();
    if (has_value && !option.takes_argument()) return wrong("'" + name + "' takes no value");
    if (!has_value && option.needs_argument()) return wrong("'" + name + "' needs a value: " + name + "=" + std::string(option.argument));
    return option.apply(request, has_value ? text.substr(equals + 1) : "");
}

/// The image is asked for in other ways than by an option: a list that names it would forbid or allow nothing.
std::optional<std::string> unlistable_option(const std::string& name) {
    if (auto unknown = unknown_option(name)) return unknown;
    if (find_option(name)->scope != Scope::slurm_only) return std::nullopt;
    return "'" + name + "' cannot be listed; `limit container` and ecl.toml say which images run";
}

/// The line's problem, if it is about options and has one.
std::optional<std::string> problem_of(const config::DirectiveLine& line) {
    if (line.directive->name == "option deny") {
        for (const std::string& name : config::list_entries(line.value))
            if (auto unknown = unlistable_option(name)) return unknown;
    } else if (line.directive->name == "option default" && !line.value.empty()) {
        Request request;
        if (auto status = apply_default(request, line.value); !status) return status.error().message;
    }
    return std::nullopt;
}

void add_problems(const std::vector<config::DirectiveLine>& lines, std::vector<config::Problem>& problems) {
    for (const config::DirectiveLine& line : lines)
        if (auto message = problem_of(line)) problems.push_back({line.origin, std::string(line.directive->name) + ": " + *message});
}

}  // namespace

std::optional<std::string> unknown_option(std::string_view name) {
    if (find_option(name) != nullptr) return std::nullopt;
    std::vector<std::string_view> known;
    for (const Option& option : options()) known.push_back(option.name);
    const auto nearest = name.size() <= kShown ? closest(name, known) : std::nullopt;
    return "there is no option '" + printable(name, kShown) + "'" + (nearest ? "; did you mean '" + *nearest + "'?" : " (berth options lists them)");
}

Result<Request> starting_request(const config::StringList& option_default) {
    Request request;
    for (const auto& entry : option_default.value)
        if (auto status = apply_default(request, entry.value); !status)
            return Error{Category::config, 0, entry.origin.to_string() + ": option default: " + status.error().message};
    return request;
}

std::vector<config::Problem> option_problems(const config::SiteFile& file) {
    std::vector<config::Problem> problems;
    add_problems(file.lines, problems);
    for (const config::Section& section : file.sections) add_problems(section.lines, problems);
    return problems;
}

std::vector<config::Problem> option_problems(const config::Ecl& ecl) {
    std::vector<config::Problem> problems;
    for (const config::EclGroup& group : ecl.groups)
        for (const std::string& name : group.options.value_or(std::vector<std::string>{}))
            if (auto unknown = unknown_option(name)) problems.push_back({group.origin, "options: " + *unknown});
    return problems;
}

std::optional<std::string> unusable_options(const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (auto unknown = unlistable_option(name)) return *unknown + ": the site's configuration must be mended";
    return std::nullopt;
}

}  // namespace berth
