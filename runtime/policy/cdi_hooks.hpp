// What the hooks of CDI specifications ask for. NVIDIA's own are done by Berth itself, and need no program to run.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/config/cdi_spec.hpp"

namespace berth {

/// A symbolic link in the container.
struct CdiLink {
    std::string path;    ///< absolute, normal
    std::string target;  ///< as the link has it: relative or absolute

    bool operator==(const CdiLink&) const = default;
};

namespace cdi_hook {

/// create-symlinks.
struct Links {
    std::vector<CdiLink> links;
};
/// update-ldcache: where the container's programs look for libraries, too.
struct LibraryFolders {
    std::vector<std::string> folders;
};
/// What it wants is so without it, or a container without its work is still what was asked for.
struct NotNeeded {
    std::string why;
};
/// A program has to run.
struct Program {};

}  // namespace cdi_hook

using CdiHookMeaning = std::variant<cdi_hook::Links, cdi_hook::LibraryFolders, cdi_hook::NotNeeded, cdi_hook::Program>;

/// Touches nothing. A hook of NVIDIA's is known by its program's name and its arguments; with arguments that are not
/// understood it is a Program as any other.
/// Source: nvidia-cdi-hook of NVIDIA's container toolkit 1.18, and `nvidia-ctk hook`, its older name.
[[nodiscard]] CdiHookMeaning meaning_of(const config::CdiHook& hook);

/// "nvidia-cdi-hook create-symlinks", or the program's path: what messages call it.
[[nodiscard]] std::string name_of(const config::CdiHook& hook);

}  // namespace berth
