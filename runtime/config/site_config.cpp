#include "runtime/config/site_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <variant>

#include "runtime/base/text.hpp"
#include "runtime/config/lines.hpp"
#include "runtime/config/values.hpp"

namespace berth::config {
namespace {

/// Longer names are no typing mistakes, and the search for the nearest name takes time with the length.
constexpr std::size_t kLongestGuess = 64;

void store(Setting<bool>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "yes", origin};
}

void store(Setting<MountDev>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {value == "yes" ? MountDev::yes : value == "minimal" ? MountDev::minimal : MountDev::no, origin};
}

void store(Setting<RootCapabilities>& setting, const Directive&, std::string_view value, const Origin& origin) {
    using enum RootCapabilities;
    setting = {value == "full" ? full : value == "file" ? file : no, origin};
}

void store(Setting<std::uint64_t>& setting, const Directive&, std::string_view value, const Origin& origin) {
    std::uint64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    setting = {number, origin};
}

void store(Setting<std::string>& setting, const Directive&, std::string_view value, const Origin& origin) {
    setting = {std::string(value), origin};
}

void store(StringList& list, const Directive& directive, std::string_view value, const Origin& origin) {
    if (list.value.empty()) list.origin = origin;
    for (const std::string& entry : list_entries(value))
        list.value.push_back({directive.type == ValueType::paths ? normal_path(entry) : entry, origin});
}

void store(Setting<std::vector<BindPath>>& list, const Directive&, std::string_view value, const Origin& origin) {
    if (list.value.empty()) list.origin = origin;
    for (const std::string& entry : list_entries(value)) {
        auto bind = bind_entry(entry);
        if (!bind) continue;  // invalid_value() has refused such a line
        bind->origin = origin;
        list.value.push_back(std::move(*bind));
    }
}

using Member =
    std::variant<Setting<bool> SiteConfig::*, Setting<MountDev> SiteConfig::*, Setting<RootCapabilities> SiteConfig::*,
                 Setting<std::string> SiteConfig::*, Setting<std::uint64_t> SiteConfig::*, StringList SiteConfig::*, Setting<std::vector<BindPath>> SiteConfig::*>;

struct Binding {
    std::string_view directive;
    Member member;
};

/// `enable overlay` and `enable underlay` are absent: the values accepted leave the choice to Berth.
constexpr auto kBindings = std::to_array<Binding>({
    {"user bind control", &SiteConfig::user_bind_control},
    {"bind path", &SiteConfig::bind_path},
    {"mount dev", &SiteConfig::mount_dev},
    {"mount home", &SiteConfig::mount_home},
    {"mount tmp", &SiteConfig::mount_tmp},
    {"mount proc", &SiteConfig::mount_proc},
    {"mount sys", &SiteConfig::mount_sys},
    {"mount slave", &SiteConfig::mount_slave},
    {"config passwd", &SiteConfig::config_passwd},
    {"config group", &SiteConfig::config_group},
    {"config resolv_conf", &SiteConfig::config_resolv_conf},
    {"allow container sif", &SiteConfig::allow_container_sif},
    {"allow container encrypted", &SiteConfig::allow_container_encrypted},
    {"allow container squashfs", &SiteConfig::allow_container_squashfs},
    {"allow container extfs", &SiteConfig::allow_container_extfs},
    {"allow container dir", &SiteConfig::allow_container_dir},
    {"limit container paths", &SiteConfig::limit_container_paths},
    {"limit container owners", &SiteConfig::limit_container_owners},
    {"limit container groups", &SiteConfig::limit_container_groups},
    {"root default capabilities", &SiteConfig::root_default_capabilities},
    {"require signature", &SiteConfig::require_signature},
    {"image cache", &SiteConfig::image_cache},
    {"image cache size", &SiteConfig::image_cache_size},
    {"image server user", &SiteConfig::image_server_user},
});

void store(SiteConfig& config, const Directive& directive, std::string_view value, const Origin& origin) {
    const auto binding = std::ranges::find(kBindings, directive.name, &Binding::directive);
    if (binding == kBindings.end()) return;
    std::visit([&](auto member) { store(config.*member, directive, value, origin); }, binding->member);
}

std::string unknown_directive(std::string_view name) {
    std::string message = "unknown directive '" + printable(name, kLongestGuess) + "'";
    if (name.size() > kLongestGuess) return message;
    std::vector<std::string_view> known;
    for (const Directive& directive : directives()) known.push_back(directive.name);
    const auto nearest = closest(name, known);
    return nearest ? message + "; did you mean '" + *nearest + "'?" : message;
}

/// Turns assignments into a configuration, one after the other.
class Interpreter {
public:
    explicit Interpreter(const std::string& file) : file_(file) {}

    /// What is wrong with the assignment; when nothing is, it has been carried out.
    std::optional<std::string> apply(const Assignment& line, Reading& reading) {
        const Directive* directive = find_directive(line.name);
        if (directive == nullptr) return unknown_directive(line.name);
        const std::string name(directive->name);
        const auto [earlier, is_first] = lines_.try_emplace(directive, line.line);
        if (!is_first && !directive->repeatable())
            return name + " is set on line " + std::to_string(earlier->second) + " already; remove one of the two";
        if (const auto reason = invalid_value(*directive, line.value))
            return name + " " + *reason + "; allowed: " + directive->allowed();
        if (const auto reason = unsupported_value(*directive, line.value)) return name + " " + *reason;
        const Origin origin{file_, line.line};
        store(reading.config, *directive, line.value, origin);
        reading.lines.push_back({directive, std::string(line.value), origin});
        return std::nullopt;
    }

private:
    const std::string& file_;
    std::map<const Directive*, unsigned> lines_;
};

}  // namespace

Reading read(std::string_view text, const std::string& file) {
    Reading reading;
    LineReader reader(text, file);
    Interpreter interpreter(file);
    while (auto item = reader.next()) {
        if (auto* problem = std::get_if<Problem>(&*item)) {
            reading.problems.push_back(std::move(*problem));
        } else {
            const Assignment& line = std::get<Assignment>(*item);
            if (auto message = interpreter.apply(line, reading))
                reading.problems.push_back({{file, line.line}, std::move(*message)});
        }
        if (reading.problems.size() + 1 == kMaxProblems) {
            reading.problems.push_back({{file, 0}, "too many problems; mend these, then check again"});
            break;
        }
    }
    return reading;
}

Result<SiteConfig> parse(std::string_view text, const std::string& file) {
    Reading reading = read(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.config);
}

std::vector<Problem> check(std::string_view text, const std::string& file) {
    return read(text, file).problems;
}

}  // namespace berth::config
