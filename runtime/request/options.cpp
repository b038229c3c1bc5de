#include "runtime/request/options.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "runtime/base/cpu_list.hpp"
#include "runtime/base/quantity.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX less the NUL: longer cannot be opened
constexpr std::size_t kMaxBinds = 128;       // one descriptor each travels between Berth's processes

Error usage(std::string message) { return Error{Category::usage, 0, std::move(message)}; }

constexpr std::size_t kMaxGids = 64;
constexpr std::size_t kMaxCdiDevices = 64;
constexpr std::size_t kMaxLabelBytes = 4000;  // less than a page, which is what procfs takes

Status check_path(std::string_view what, std::string_view path) {
    if (path.empty()) return usage(std::string(what) + " is empty");
    if (path.size() > kMaxPathBytes)
        return usage(std::string(what) + " is longer than " + std::to_string(kMaxPathBytes) + " bytes");
    if (path.find('\0') != std::string_view::npos || path.find('\n') != std::string_view::npos)
        return usage(std::string(what) + " '" + printable(path) + "' has a newline or NUL in it");
    return {};
}

Status check_absolute(std::string_view what, std::string_view path) {
    BERTH_CHECK(check_path(what, path));
    if (path.front() != '/')
        return usage(std::string(what) + " '" + printable(path) + "' must be an absolute path");
    return {};
}

Status apply_image(Request& request, std::string_view value) {
    BERTH_CHECK(check_path("the image's path", value));
    request.image = value;
    return {};
}

Result<BindRequest> parse_bind(std::string_view text) {
    const auto parts = split_escaped(text, ':');
    if (parts.size() > 3)
        return usage("bind '" + printable(text) + "': expected SRC[:DST[:ro|rw]] (write \\: for a colon in a path)");
    BindRequest bind;
    bind.source = parts[0];
    bind.destination = parts.size() > 1 && !parts[1].empty() ? parts[1] : parts[0];
    BERTH_CHECK(check_absolute("bind source", bind.source));
    BERTH_CHECK(check_absolute("bind destination", bind.destination));
    bind.destination = normal_path(bind.destination);
    if (bind.destination == "/") return usage("bind '" + printable(text) + "': the container's root cannot be covered");
    if (parts.size() == 3) {
        if (parts[2] != "ro" && parts[2] != "rw")
            return usage("bind option '" + printable(parts[2]) + "' is not known: expected ro or rw");
        bind.read_only = parts[2] == "ro";
    }
    return bind;
}

/// Cuts a list at its unescaped commas and leaves every other escape for the pieces' own parser.
std::vector<std::string> list_items(std::string_view text) {
    std::vector<std::string> items(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            if (text[i + 1] != ',') items.back() += text[i];
            items.back() += text[++i];
        } else if (text[i] == ',') {
            items.emplace_back();
        } else {
            items.back() += text[i];
        }
    }
    return items;
}

Status apply_bind(Request& request, std::string_view value) {
    for (const auto& item : list_items(value)) {
        BERTH_TRY(auto bind, parse_bind(item));
        if (request.binds.size() == kMaxBinds)
            return usage("more than " + std::to_string(kMaxBinds) + " binds");
        request.binds.push_back(std::move(bind));
    }
    return {};
}

Status apply_pwd(Request& request, std::string_view value) {
    BERTH_CHECK(check_absolute("working directory", value));
    request.working_directory = normal_path(value);
    return {};
}

Status apply_home(Request& request, std::string_view value) {
    const auto parts = split_escaped(value, ':');
    if (parts.size() > 2) return usage("home '" + printable(value) + "': expected SRC[:DST]");
    HomeRequest home{HomeMode::custom, parts[0], parts.size() > 1 ? parts[1] : parts[0]};
    BERTH_CHECK(check_absolute("home source", home.source));
    BERTH_CHECK(check_absolute("home destination", home.destination));
    home.destination = normal_path(home.destination);
    if (home.destination == "/") return usage("home '" + printable(value) + "': the container's root cannot be covered");
    request.home = std::move(home);
    return {};
}

Status apply_mount_home(Request& request, std::string_view) {
    if (request.home.mode == HomeMode::none) request.home = {};
    return {};
}

Status apply_no_home(Request& request, std::string_view) {
    request.home = HomeRequest{HomeMode::none, {}, {}};
    return {};
}

Status apply_contain(Request& request, std::string_view) {
    request.isolation = Isolation::contain;
    return {};
}

Status apply_cleanenv(Request& request, std::string_view) {
    request.environment = Environment::clean;
    return {};
}

bool is_variable_name(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Status apply_env(Request& request, std::string_view value) {
    for (const auto& item : list_items(value)) {
        const auto equals = item.find('=');
        EnvironmentChange change{item.substr(0, equals), std::nullopt};
        if (equals != std::string::npos) change.value = item.substr(equals + 1);
        if (!is_variable_name(change.name))
            return usage("environment variable '" + printable(change.name) + "' is not a valid name: expected NAME=VALUE");
        if (item.find('\0') != std::string::npos) return usage("environment variable " + change.name + " has a NUL in it");
        request.environment_changes.push_back(std::move(change));
    }
    return {};
}

Status apply_verify(Request& request, std::string_view) {
    request.verify = true;
    return {};
}

Status apply_add_caps(Request& request, std::string_view value) {
    BERTH_TRY(const auto set, parse_capabilities(value));
    request.add_capabilities |= set;
    return {};
}

Status apply_drop_caps(Request& request, std::string_view value) {
    BERTH_TRY(const auto set, parse_capabilities(value));
    request.drop_capabilities |= set;
    return {};
}

Status apply_keep_privs(Request& request, std::string_view) {
    request.keep_privileges = true;
    return {};
}

Status apply_no_privs(Request& request, std::string_view) {
    request.no_privileges = true;
    return {};
}

/// The highest id means "unchanged" to setresuid(2) and its kin, and is none.
std::optional<uid_t> parse_id(std::string_view text) {
    const auto id = whole_number<uid_t>(text);
    return id == std::numeric_limits<uid_t>::max() ? std::nullopt : id;
}

Status apply_security_gids(SecurityRequest& security, std::string_view value) {
    std::vector<gid_t> gids;
    for (const auto& each : split(value, ':')) {
        const auto gid = parse_id(each);
        if (!gid) return usage("security gid '" + printable(each) + "' is not a number");
        gids.push_back(*gid);
        if (gids.size() > kMaxGids) return usage("security gid: more than " + std::to_string(kMaxGids) + " groups");
    }
    security.gids = std::move(gids);
    return {};
}

/// A name for a security module: one word of printable ASCII.
Status apply_security_label(std::optional<std::string>& label, const std::string& kind, std::string_view value) {
    const bool odd = std::any_of(value.begin(), value.end(), [](char c) { return c <= ' ' || c > '~'; });
    if (value.empty() || value.size() > kMaxLabelBytes || odd)
        return usage("security " + kind + " '" + printable(value) + "' is not a label: expected one word");
    label = value;
    return {};
}

Status apply_security(Request& request, std::string_view value) {
    SecurityRequest& security = request.security;
    for (const auto& item : list_items(value)) {
        const auto colon = item.find(':');
        const std::string kind = item.substr(0, colon);
        const std::string argument = colon == std::string::npos ? "" : item.substr(colon + 1);
        if (kind == "seccomp") {
            BERTH_CHECK(check_path("the seccomp profile's path", argument));
            security.seccomp = argument;
        } else if (kind == "apparmor") {
            BERTH_CHECK(apply_security_label(security.apparmor, kind, argument));
        } else if (kind == "selinux") {
            BERTH_CHECK(apply_security_label(security.selinux, kind, argument));
        } else if (kind == "uid") {
            security.uid = parse_id(argument);
            if (!security.uid) return usage("security uid '" + printable(argument) + "' is not a number");
        } else if (kind == "gid") {
            BERTH_CHECK(apply_security_gids(security, argument));
        } else {
            return usage("security '" + printable(kind) + "' is not known: expected seccomp:FILE, apparmor:PROFILE, selinux:CONTEXT, "
                         "uid:N or gid:N[:N…]");
        }
    }
    return {};
}

Status apply_cgroups_file(Request& request, std::string_view value) {
    BERTH_CHECK(check_path("the cgroups file's path", value));
    request.limits_file = value;
    return {};
}

/// The options' values as cgroups.toml would have them, under the options' own names.
template <typename Set>
Status set_limit(std::string_view option, Set set) {
    if (Status status = set("--" + std::string(option)); !status) return std::move(status).error().within(std::string(option));
    return {};
}

Status apply_memory(Request& request, std::string_view value) {
    return set_limit("memory", [&](std::string from) -> Status {
        BERTH_TRY(const auto bytes, parse_bytes(value));
        if (bytes == 0) return usage("0 bytes are too few for any process");
        request.limits.memory.limit = {static_cast<std::int64_t>(bytes), std::move(from)};
        return {};
    });
}

Status apply_memory_swap(Request& request, std::string_view value) {
    return set_limit("memory-swap", [&](std::string from) -> Status {
        if (value == "-1") {
            request.limits.memory.swap = {kUnlimited, std::move(from)};
            return {};
        }
        BERTH_TRY(const auto bytes, parse_bytes(value));
        request.limits.memory.swap = {static_cast<std::int64_t>(bytes), std::move(from)};
        return {};
    });
}

Status apply_cpus(Request& request, std::string_view value) {
    return set_limit("cpus", [&](std::string from) -> Status {
        BERTH_TRY(const auto quota, parse_cpus(value));
        request.limits.cpu.quota = {quota, from};
        request.limits.cpu.period = {kCpuPeriod, std::move(from)};
        return {};
    });
}

Status apply_cpuset_cpus(Request& request, std::string_view value) {
    return set_limit("cpuset-cpus", [&](std::string from) -> Status {
        BERTH_TRY(auto cpus, parse_cpu_list(value));
        if (cpus.empty()) return usage("an empty list: expected CPUs such as 0-3,7");
        request.limits.cpu.cpus = {std::move(cpus), std::move(from)};
        return {};
    });
}

Status parse_whole(std::string_view value, std::int64_t least, std::int64_t most, std::int64_t& number) {
    const auto read = whole_number<std::int64_t>(value);
    number = read.value_or(0);
    if (read && number >= least && number <= most) return {};
    return usage("'" + printable(value) + "' is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

Status apply_pids_limit(Request& request, std::string_view value) {
    return set_limit("pids-limit", [&](std::string from) -> Status {
        std::int64_t number = kUnlimited;
        if (value != "-1") BERTH_CHECK(parse_whole(value, 1, 4194304 /* the kernel's PID_MAX_LIMIT */, number));
        request.limits.pids = {number, std::move(from)};
        return {};
    });
}

Status apply_blkio_weight(Request& request, std::string_view value) {
    return set_limit("blkio-weight", [&](std::string from) -> Status {
        std::int64_t number = 0;
        BERTH_CHECK(parse_whole(value, 10, 1000, number));
        request.limits.block.weight = {static_cast<std::uint64_t>(number), std::move(from)};
        return {};
    });
}

Status apply_cdi(Request& request, std::string_view value) {
    for (const auto& item : split(value, ',')) {
        BERTH_TRY(auto name, parse_cdi_name(item));
        if (std::find(request.cdi_devices.begin(), request.cdi_devices.end(), name) != request.cdi_devices.end()) continue;
        if (request.cdi_devices.size() == kMaxCdiDevices)
            return usage("more than " + std::to_string(kMaxCdiDevices) + " CDI devices");
        request.cdi_devices.push_back(std::move(name));
    }
    return {};
}

Status apply_nv(Request& request, std::string_view) {
    request.nv = true;
    return {};
}

Status apply_rocm(Request& request, std::string_view) {
    request.rocm = true;
    return {};
}

Status apply_explain(Request& request, std::string_view value) {
    if (value.empty() || value == "text")
        request.explain = Explain::text;
    else if (value == "json")
        request.explain = Explain::json;
    else
        return usage("explain '" + printable(value) + "': expected text or json");
    return {};
}

constexpr std::array kOptions = {
    Option{"image", "container-image", "", "IMAGE", "run the step inside this image (none: outside any)",
           Scope::slurm_only, apply_image},
    Option{"bind", "container-bind", "container-mounts", "SRC[:DST[:ro]],…",
           "show the host's SRC at DST in the container", Scope::everywhere, apply_bind},
    Option{"pwd", "container-pwd", "container-workdir", "DIR", "working directory in the container",
           Scope::everywhere, apply_pwd},
    Option{"home", "container-home", "", "SRC[:DST]", "use SRC as the home directory, at DST", Scope::everywhere,
           apply_home},
    Option{"mount-home", "container-mount-home", "", "", "mount the home directory (undoes an earlier --no-home)",
           Scope::everywhere, apply_mount_home},
    Option{"no-home", "no-container-home", "no-container-mount-home", "", "do not mount the home directory",
           Scope::everywhere, apply_no_home},
    Option{"contain", "container-contain", "", "", "hide the host's home, /tmp and /var/tmp behind empty ones",
           Scope::everywhere, apply_contain},
    Option{"cleanenv", "container-cleanenv", "", "", "keep only the variables that the runtime needs",
           Scope::everywhere, apply_cleanenv},
    Option{"env", "container-env", "", "NAME[=VALUE],…",
           "set a variable in the container (NAME alone: the host's value)", Scope::everywhere, apply_env},
    Option{"verify", "container-verify", "", "", "run the image only if it is signed by a key that is known here",
           Scope::everywhere, apply_verify},
    Option{"add-caps", "container-add-caps", "", "CAP,…", "capabilities that the site lets you have", Scope::everywhere,
           apply_add_caps},
    Option{"drop-caps", "container-drop-caps", "", "CAP,…", "capabilities that the command must not have", Scope::everywhere,
           apply_drop_caps},
    Option{"keep-privs", "container-keep-privs", "", "", "root only: keep every capability", Scope::everywhere, apply_keep_privs},
    Option{"no-privs", "container-no-privs", "", "", "no capabilities, for root too", Scope::everywhere, apply_no_privs},
    Option{"security", "container-security", "", "KIND:VALUE,…",
           "confine the command: seccomp:FILE, apparmor:PROFILE, selinux:CONTEXT; root only: uid:N, gid:N[:N…]", Scope::everywhere,
           apply_security},
    Option{"apply-cgroups", "container-apply-cgroups", "", "FILE", "limits of control groups, as in cgroups.toml", Scope::everywhere,
           apply_cgroups_file},
    Option{"memory", "container-memory", "", "BYTES[k|m|g|t]", "most memory of a task", Scope::everywhere, apply_memory},
    Option{"memory-swap", "container-memory-swap", "", "BYTES[k|m|g|t]|-1", "most memory and swap of a task together (-1: any)",
           Scope::everywhere, apply_memory_swap},
    Option{"cpus", "container-cpus", "", "NUMBER", "most time on CPUs of a task, in CPUs: 0.5", Scope::everywhere, apply_cpus},
    Option{"cpuset-cpus", "container-cpuset-cpus", "", "LIST", "the CPUs of a task: 0-3,7", Scope::everywhere, apply_cpuset_cpus},
    Option{"pids-limit", "container-pids-limit", "", "NUMBER", "most processes and threads of a task (-1: any)", Scope::everywhere,
           apply_pids_limit},
    Option{"blkio-weight", "container-blkio-weight", "", "10…1000", "a task's share of block devices' time", Scope::everywhere,
           apply_blkio_weight},
    Option{"cdi", "container-cdi", "", "VENDOR/CLASS=NAME,…", "devices that the site's CDI specifications define, as nvidia.com/gpu=0",
           Scope::everywhere, apply_cdi},
    Option{"nv", "container-nv", "", "", "the host's NVIDIA driver libraries and programs, and the GPUs that the step has", Scope::everywhere, apply_nv},
    Option{"rocm", "container-rocm", "", "", "the host's AMD driver libraries and programs, and the GPUs that the step has", Scope::everywhere,
           apply_rocm},
    Option{"explain", "container-explain", "", "[text|json]", "print what would be decided and done, and do nothing",
           Scope::everywhere, apply_explain},
};

bool means_no(std::string_view value) { return value.empty() || value == "0" || value == "no" || value == "false"; }

}  // namespace

std::span<const Option> options() { return kOptions; }

std::string environment_name(const Option& option) {
    std::string name = "BERTH_";
    for (const char c : option.name) name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
    return name;
}

Status give(Request& request, const Option& option, std::string_view value) {
    BERTH_CHECK(option.apply(request, value));
    if (std::find(request.given.begin(), request.given.end(), option.name) == request.given.end()) request.given.emplace_back(option.name);
    return {};
}

Status apply_environment(Request& request, std::span<const std::string> environment) {
    for (const Option& option : options()) {
        if (option.scope == Scope::slurm_only) continue;
        const std::string prefix = environment_name(option) + "=";
        const auto entry = std::find_if(environment.begin(), environment.end(),
                                        [&](const std::string& item) { return item.starts_with(prefix); });
        if (entry == environment.end()) continue;
        const std::string_view value = std::string_view(*entry).substr(prefix.size());
        if (option.needs_argument() ? value.empty() : means_no(value)) continue;
        if (auto status = give(request, option, value); !status)
            return std::move(status).error().within(environment_name(option));
    }
    return {};
}

std::string options_markdown() {
    std::string text =
        "# Options\n\nMade from the option table (`berth options`); do not edit.\n\n"
        "| command line | srun, sbatch, salloc | environment | meaning |\n|---|---|---|---|\n";
    for (const Option& option : options()) {
        std::string argument = option.needs_argument()    ? "=" + std::string(option.argument)
                               : option.takes_argument() ? "[=" + std::string(option.argument.substr(1))
                                                         : "";
        for (auto at = argument.find('|'); at != std::string::npos; at = argument.find('|', at + 2))
            argument.insert(at, "\\");
        const bool everywhere = option.scope == Scope::everywhere;
        text += "| " + (everywhere ? "`--" + std::string(option.name) + argument + "`" : "the argument IMAGE");
        text += " | `--" + std::string(option.slurm_name) + argument + "`";
        if (!option.slurm_alias.empty()) text += ", `--" + std::string(option.slurm_alias) + "`";
        text += " | " + (everywhere ? "`" + environment_name(option) + "`" : std::string("—"));
        text += " | " + std::string(option.meaning) + " |\n";
    }
    return text;
}

}  // namespace berth
