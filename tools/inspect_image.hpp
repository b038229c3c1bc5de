// What an image says of itself in /.singularity.d and /scif/apps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/squash_tree.hpp"

namespace berth::tools {

/// Scripts and labels are text that people write. More than this is none, and is refused.
inline constexpr std::size_t kMaxMetadata = 1U << 20;
inline constexpr std::size_t kMaxMetadataFiles = 1024;

/// What is asked for.
struct Sections {
    bool labels = false;
    bool definition = false;
    bool help = false;
    bool runscript = false;
    bool startscript = false;
    bool test = false;
    bool environment = false;

    [[nodiscard]] bool any() const noexcept {
        return labels || definition || help || runscript || startscript || test || environment;
    }
    [[nodiscard]] static Sections all() noexcept { return {true, true, true, true, true, true, true}; }
};

/// What is there; symbolic links and other special files are not. Anyone's bytes.
struct Metadata {
    std::map<std::string, std::string> labels;
    std::optional<std::string> definition;
    std::optional<std::string> help;
    std::optional<std::string> runscript;
    std::optional<std::string> startscript;
    std::optional<std::string> test;
    std::map<std::string, std::string> environment;  ///< by the script's path, in the order of sourcing
};

/// Of the image, or where `app` is not empty of that app. Category::usage when it has no such app.
[[nodiscard]] Result<Metadata> read_metadata(SquashTree& tree, const Sections& sections, const std::string& app);
/// The names of the apps.
[[nodiscard]] Result<std::vector<std::string>> list_apps(SquashTree& tree);

}  // namespace berth::tools
