#include "tools/inspect_image.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/text.hpp"

namespace berth::tools {
namespace {

const std::string kApps = "/scif/apps";

Result<std::optional<std::string>> read_text(SquashTree& tree, const std::string& path) {
    BERTH_TRY(const auto inode, tree.find(path));
    if (!inode || !S_ISREG(inode->base.mode)) return std::optional<std::string>{};
    auto text = tree.read(*inode, kMaxMetadata);
    if (!text) return std::move(text).error().within(path);
    return std::optional(*std::move(text));
}

/// A JSON object of labels; what is neither text nor a number nor a truth value is left out.
Result<std::map<std::string, std::string>> read_labels(SquashTree& tree, const std::string& path) {
    std::map<std::string, std::string> labels;
    BERTH_TRY(const auto text, read_text(tree, path));
    if (!text) return labels;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object()) return Error{Category::image, 0, path + ": not a JSON object"};
    for (const auto& [key, value] : json.items()) {
        if (value.is_string()) labels[key] = value.get<std::string>();
        if (value.is_number() || value.is_boolean()) labels[key] = value.dump();
    }
    return labels;
}

Result<std::map<std::string, std::string>> read_environment(SquashTree& tree, const std::string& folder) {
    std::map<std::string, std::string> scripts;
    BERTH_TRY(const auto inode, tree.find(folder));
    if (!inode || !S_ISDIR(inode->base.mode)) return scripts;
    BERTH_TRY(const auto entries, tree.list(*inode));
    if (entries.size() > kMaxMetadataFiles)
        return Error{Category::image, 0, folder + ": more than " + std::to_string(kMaxMetadataFiles) + " files"};
    for (const auto& entry : entries) {
        if (!entry.name.ends_with(".sh")) continue;
        const std::string path = folder + "/" + entry.name;
        BERTH_TRY(auto text, read_text(tree, path));
        if (text) scripts[path] = *std::move(text);
    }
    return scripts;
}

}  // namespace

Result<std::vector<std::string>> list_apps(SquashTree& tree) {
    std::vector<std::string> names;
    BERTH_TRY(const auto folder, tree.find(kApps));
    if (!folder || !S_ISDIR(folder->base.mode)) return names;
    BERTH_TRY(const auto entries, tree.list(*folder));
    for (const auto& entry : entries) {
        BERTH_TRY(const auto scif, tree.find(kApps + "/" + entry.name + "/scif"));
        if (scif && S_ISDIR(scif->base.mode)) names.push_back(entry.name);
        if (names.size() > kMaxMetadataFiles) return Error{Category::image, 0, kApps + ": too many apps"};
    }
    return names;
}

Result<Metadata> read_metadata(SquashTree& tree, const Sections& sections, const std::string& app) {
    if (!app.empty()) {
        BERTH_TRY(const auto apps, list_apps(tree));
        if (std::ranges::find(apps, app) == apps.end())
            return Error{Category::usage, 0, "the image has no app \"" + printable(app) + "\": --list-apps lists them"};
    }
    const std::string folder = app.empty() ? "/.singularity.d" : kApps + "/" + app + "/scif";
    Metadata found;
    const auto text = [&](bool wanted, const char* name, std::optional<std::string>& target) -> Status {
        if (!wanted) return {};
        BERTH_TRY(target, read_text(tree, folder + name));
        return {};
    };
    BERTH_CHECK(text(sections.definition, "/Singularity", found.definition));
    BERTH_CHECK(text(sections.help, "/runscript.help", found.help));
    BERTH_CHECK(text(sections.runscript, "/runscript", found.runscript));
    BERTH_CHECK(text(sections.startscript, "/startscript", found.startscript));
    BERTH_CHECK(text(sections.test, "/test", found.test));
    if (sections.labels) {
        BERTH_TRY(found.labels, read_labels(tree, folder + "/labels.json"));
    }
    if (sections.environment) {
        BERTH_TRY(found.environment, read_environment(tree, folder + "/env"));
    }
    return found;
}

}  // namespace berth::tools
