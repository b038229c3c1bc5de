#include "runtime/policy/cdi_hooks.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/config/values.hpp"

namespace berth {
namespace {

using config::CdiHook;
using Words = std::span<const std::string_view>;

constexpr std::string_view kProgram = "nvidia-cdi-hook";
constexpr std::string_view kOldProgram = "nvidia-ctk";
/// Those that are over before the container's command begins.
constexpr std::array<std::string_view, 4> kBefore = {"prestart", "createRuntime", "createContainer", "startContainer"};
constexpr std::array<std::string_view, 1> kLinkFlags = {"link"};
constexpr std::array<std::string_view, 2> kFolderFlags = {"folder", "ldconfig-path"};
constexpr std::array<std::string_view, 2> kModeFlags = {"mode", "path"};

struct Command {
    std::string_view name;
    std::span<const std::string> arguments;
};

std::optional<Command> nvidias(const CdiHook& hook) {
    if (std::ranges::find(kBefore, hook.name) == kBefore.end()) return std::nullopt;
    const std::string_view program = std::string_view(hook.path).substr(hook.path.rfind('/') + 1);
    const std::span<const std::string> all(hook.arguments);
    if (program == kProgram && all.size() >= 2) return Command{all[1], all.subspan(2)};
    if (program == kOldProgram && all.size() >= 3 && all[1] == "hook") return Command{all[2], all.subspan(3)};
    return std::nullopt;
}

struct Flag {
    std::string name;
    std::string value;
};

/// "--NAME VALUE" and "--NAME=VALUE"; a value is a list with commas, as that program reads it. Nothing where there is
/// anything else.
std::optional<std::vector<Flag>> flags_of(std::span<const std::string> arguments, Words known) {
    std::vector<Flag> flags;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string_view text = arguments[at];
        if (!text.starts_with("--")) return std::nullopt;
        const auto equals = text.find('=');
        const std::string_view name = text.substr(2, equals == std::string_view::npos ? equals : equals - 2);
        if (std::ranges::find(known, name) == known.end()) return std::nullopt;
        if (equals == std::string_view::npos && ++at == arguments.size()) return std::nullopt;
        const std::string value(equals == std::string_view::npos ? std::string_view(arguments[at]) : text.substr(equals + 1));
        for (const std::string& each : split(value, ',')) flags.push_back({std::string(name), each});
    }
    return flags;
}

/// An absolute path that can stand in a line of text.
std::optional<std::string> clean_path(const std::string& text) {
    const auto path = config::absolute_path(text);
    return path && path != "/" && printable(*path, 4096) == *path ? path : std::nullopt;
}

/// TARGET::LINK
std::optional<CdiLink> link_of(const std::string& text) {
    const auto middle = text.find("::");
    if (middle == std::string::npos || middle == 0 || text.find("::", middle + 2) != std::string::npos) return std::nullopt;
    const std::string target = text.substr(0, middle);
    auto path = clean_path(text.substr(middle + 2));
    if (!path || target.size() > 4095 || printable(target, 4096) != target) return std::nullopt;
    return CdiLink{std::move(*path), target};
}

std::optional<CdiHookMeaning> links(const Command& command) {
    const auto flags = flags_of(command.arguments, kLinkFlags);
    if (!flags) return std::nullopt;
    cdi_hook::Links found;
    for (const Flag& flag : *flags) {
        auto link = link_of(flag.value);
        if (!link) return std::nullopt;
        found.links.push_back(std::move(*link));
    }
    return found;
}

std::optional<CdiHookMeaning> library_folders(const Command& command) {
    const auto flags = flags_of(command.arguments, kFolderFlags);
    if (!flags) return std::nullopt;
    cdi_hook::LibraryFolders found;
    for (const Flag& flag : *flags) {
        if (flag.name != "folder") continue;
        auto folder = clean_path(flag.value);
        // A colon separates folders in LD_LIBRARY_PATH.
        if (!folder || folder->find(':') != std::string::npos) return std::nullopt;
        found.folders.push_back(std::move(*folder));
    }
    return found;
}

/// Folders of devices, such as /dev/dri: those in the container are the host's own, or made by Berth.
std::optional<CdiHookMeaning> folder_modes(const Command& command) {
    const auto flags = flags_of(command.arguments, kModeFlags);
    if (!flags) return std::nullopt;
    for (const Flag& flag : *flags) {
        if (flag.name != "path") continue;
        const auto path = clean_path(flag.value);
        if (!path || *path == "/dev" || !is_beneath(*path, "/dev")) return std::nullopt;
    }
    return cdi_hook::NotNeeded{"folders of devices keep the host's modes"};
}

std::optional<CdiHookMeaning> nvidia_meaning(const Command& command) {
    if (command.name == "create-symlinks") return links(command);
    if (command.name == "update-ldcache") return library_folders(command);
    if (command.name == "chmod") return folder_modes(command);
    if (command.name == "disable-device-node-modification" && command.arguments.empty())
        return cdi_hook::NotNeeded{"users make no device nodes in a container"};
    if (command.name == "enable-cuda-compat" || command.name == "update-application-profile")
        return cdi_hook::NotNeeded{"it would change files of the image"};
    return std::nullopt;
}

}  // namespace

CdiHookMeaning meaning_of(const CdiHook& hook) {
    if (const auto command = nvidias(hook))
        if (auto meaning = nvidia_meaning(*command)) return std::move(*meaning);
    return cdi_hook::Program{};
}

std::string name_of(const CdiHook& hook) {
    const auto command = nvidias(hook);
    return command ? "nvidia-cdi-hook " + printable(command->name, 64) : printable(hook.path, 256);
}

}  // namespace berth
