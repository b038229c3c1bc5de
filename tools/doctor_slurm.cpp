// Slurm on this node, for berth doctor.
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "runtime/base/io.hpp"
#include "runtime/base/program_output.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/trusted_file.hpp"
#include "tools/doctor_checks.hpp"

namespace berth::tools {
namespace {

constexpr std::chrono::seconds kTime{10};
constexpr std::size_t kMaxFile = 1U << 20;
constexpr std::size_t kMaxPlugin = 64U << 20;
constexpr int kMaxIncludes = 8;  // deep

// Releases with a defect of Slurm's own, which ends containers where there is a TaskProlog (docs/slurm-versions.md).
constexpr auto kPrologDefect = std::to_array<std::string_view>(
    {"24.11.0", "24.11.1", "24.11.2", "24.11.3", "24.11.4", "24.11.5", "24.11.6", "25.05.0", "25.05.1"});

/// The first line that a command of the shell's prints; nothing when it fails.
std::optional<std::string> line_of(const std::string& command) {
    const auto text = program_output("/bin/sh", {"-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin; " + command}, kTime);
    if (!text) return std::nullopt;
    return std::string(trim(split(*text, '\n').front()));
}

/// The release of the Slurm that is installed; nothing where none is. Asked for once.
const std::optional<std::string>& slurm_release() {
    static const auto release = [] {
        auto line = line_of("slurmd -V 2>/dev/null || srun -V");
        if (line && line->starts_with("slurm")) line->erase(0, line->find(' ') + 1);
        return line;
    }();
    return release;
}

/// A line of plugstack.conf that loads our plugin.
struct PluginLine {
    std::string where;
    std::string plugin;
    bool required = false;
};

void read_plugstack(const std::string& file, int depth, std::vector<PluginLine>& found) {
    const auto text = read_file(file, kMaxFile);
    if (!text || depth > kMaxIncludes) return;
    unsigned number = 0;
    for (const auto& line : split(*text, '\n')) {
        ++number;
        const auto words = words_of(line.substr(0, line.find('#')));
        if (words.size() > 1 && words[0] == "include") {
            glob_t matches{};
            const std::string pattern = words[1].starts_with('/') ? words[1] : std::filesystem::path(file).parent_path().string() + "/" + words[1];
            if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0)
                for (std::size_t i = 0; i < matches.gl_pathc; ++i) read_plugstack(matches.gl_pathv[i], depth + 1, found);
            ::globfree(&matches);
        } else if (words.size() > 1 && words[1].ends_with("berth_spank.so")) {
            found.push_back({file + ":" + std::to_string(number), words[1], words[0] == "required"});
        }
    }
}

/// "22.05" of 0x160500: the releases a plugin was built for and a daemon is of.
std::string release_of(unsigned version) { return fmt::format("{}.{:02}", version >> 16U, (version >> 8U) & 0xFFU); }

/// The Slurm release that the plugin was built with: behind a mark in the file (spank/berth_spank.cpp), which cannot be
/// loaded outside of Slurm.
std::optional<std::string> plugin_release(const std::string& path) {
    const std::string mark("berth-slurm-version\0", 20);
    const auto bytes = read_file(path, kMaxPlugin);
    const auto at = bytes ? bytes->find(mark) : std::string::npos;
    unsigned version = 0;
    if (at == std::string::npos || bytes->size() - at < mark.size() + sizeof version) return std::nullopt;
    std::memcpy(&version, bytes->data() + at + mark.size(), sizeof version);
    return release_of(version);
}

std::vector<Finding> examine_plugin(const PluginLine& line, const std::optional<std::string>& slurm) {
    std::vector<Finding> findings;
    const auto trusted = config::open_trusted(line.plugin);
    if (!trusted) {
        findings.push_back({Health::fail, "plugin", line.where + ": " + trusted.error().message, "name the installed berth_spank.so by its whole path; it and the folders above it must be root's"});
        return findings;
    }
    findings.push_back({line.required ? Health::ok : Health::warn, "plugin", line.where + ": " + line.plugin,
                        line.required ? "" : "write `required`: a node without the file would run steps outside of containers"});
    const auto built = plugin_release(line.plugin);
    if (!built || !slurm) {
        findings.push_back({Health::warn, "plugin's release", "cannot be told", "see that it was built with this Slurm's headers"});
    } else if (!slurm->starts_with(*built)) {
        findings.push_back({Health::fail, "plugin's release", fmt::format("built for Slurm {}, this is {}", *built, *slurm), "build it with this Slurm's headers: -DSLURM_INCLUDE_DIR="});
    } else {
        findings.push_back({Health::ok, "plugin's release", "built for Slurm " + *built, ""});
    }
    return findings;
}

/// Where slurm.conf says that it is, or beside it.
std::string plugstack_of(const Surroundings& node) {
    const std::string folder = slurm_folder(node);
    return slurm_setting(node, folder + "/slurm.conf", "PlugStackConfig").value_or(folder + "/plugstack.conf");
}

}  // namespace

std::string slurm_folder(const Surroundings& node) {
    if (!node.slurm_folder.empty()) return node.slurm_folder;
    const char* const conf = std::getenv("SLURM_CONF");
    if (conf != nullptr && conf[0] == '/') return std::filesystem::path(conf).parent_path().string();
    return "/etc/slurm";
}

std::optional<std::string> slurm_setting(const Surroundings& node, const std::string& file, std::string_view name) {
    for (const auto& line : split(text_of(node, file), '\n')) {
        const std::string setting = line.substr(0, line.find('#'));
        const auto equals = setting.find('=');
        if (equals != std::string::npos && lower(trim(setting.substr(0, equals))) == lower(name))
            return std::string(trim(setting.substr(equals + 1)));
    }
    return std::nullopt;
}

std::vector<Finding> examine_release(const Surroundings& node, const std::string& release) {
    std::vector<Finding> findings{{Health::ok, "Slurm", release, ""}};
    const auto prolog = slurm_setting(node, slurm_folder(node) + "/slurm.conf", "TaskProlog");
    const std::string number = release.substr(0, release.find('-'));
    if (prolog && !prolog->empty() && std::ranges::count(kPrologDefect, number) > 0)
        findings.push_back({Health::warn, "TaskProlog",
                            fmt::format("Slurm {} starts {} through its own slurmstepd, which images lack: every step in a container fails", number,
                                        *prolog),
                            "update Slurm (mended in 24.11.7 and 25.05.2), or use no TaskProlog where containers run"});
    return findings;
}

namespace {

/// The option for the socket that Slurm is told to use, where it is another than munge's own. It becomes part of a command.
std::string munge_socket(const Surroundings& node) {
    constexpr std::string_view kKey = "socket=";
    constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    for (const auto& part : split(slurm_setting(node, slurm_folder(node) + "/slurm.conf", "AuthInfo").value_or(""), ','))
        if (part.starts_with(kKey) && part.find_first_not_of(kPlain, kKey.size()) == std::string::npos) return " -S " + part.substr(kKey.size());
    return {};
}

}  // namespace

std::vector<Finding> examine_slurm(const Surroundings& node) {
    if (slurm_release()) return examine_release(node, *slurm_release());
    return {{Health::warn, "Slurm", "neither slurmd nor srun is installed: only the command `berth` can be used here",
             "install Slurm where steps are to run, and berth beside it"}};
}

std::vector<Finding> examine_munge(const Surroundings& node) {
    if (!slurm_release()) return {};
    const std::string socket = munge_socket(node);
    if (line_of("munge -n" + socket + " | unmunge" + socket + " >/dev/null && echo ok")) return {{Health::ok, "munge", "answers", ""}};
    return {{Health::fail, "munge", "does not answer", "start munged; Slurm knows nobody without it"}};
}

std::vector<Finding> examine_plugstack(const Surroundings& node) {
    if (!slurm_release()) return {};
    const std::string plugstack = plugstack_of(node);
    std::vector<PluginLine> lines;
    read_plugstack(plugstack, 0, lines);
    std::vector<Finding> findings;
    if (lines.empty())
        findings.push_back({Health::fail, "plugstack.conf", plugstack + " loads no berth_spank.so: --container is unknown to srun", "add a line: required LIBDIR/berth_spank.so"});
    if (lines.size() > 1)
        findings.push_back({Health::fail, "plugstack.conf", lines[0].where + " and " + lines[1].where + " both load the plugin", "leave one of the lines"});
    for (const auto& line : lines)
        for (auto& finding : examine_plugin(line, slurm_release())) findings.push_back(std::move(finding));
    return findings;
}

std::vector<Finding> examine_oci_conf(const Surroundings& node) {
    const std::string file = slurm_folder(node) + "/oci.conf";
    if (!slurm_release() || !exists(node, file)) return {};
    return {{Health::fail, "oci.conf", file + " gives --container to Slurm's own OCI support; Berth refuses such steps", "remove it, or do without Berth on this node"}};
}

}  // namespace berth::tools
