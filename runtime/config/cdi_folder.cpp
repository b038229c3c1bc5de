#include "runtime/config/cdi_folder.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth::config {
namespace {

std::optional<CdiFormat> format_of(std::string_view name) {
    if (name.ends_with(".json")) return CdiFormat::json;
    if (name.ends_with(".yaml")) return CdiFormat::yaml;
    return std::nullopt;
}

/// Names of the specification files directly in a folder, sorted.
Result<std::vector<std::string>> list_folder(const std::string& path) {
    BERTH_TRY(const UniqueFd folder, open_trusted_folder(path));
    BERTH_TRY(UniqueFd readable, open_at(folder.get(), ".", O_RDONLY | O_DIRECTORY));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(readable.get()), ::closedir);
    if (!stream) return errno_error(Origin{path}.to_string(), errno, Category::config);
    static_cast<void>(readable.release());
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
        if (format_of(entry->d_name)) names.emplace_back(entry->d_name);
        if (names.size() > kMaxCdiFiles)
            return Error{Category::config, 0, Origin{path}.to_string() + ": holds more than " + std::to_string(kMaxCdiFiles) + " CDI specifications"};
        errno = 0;
    }
    if (errno != 0) return errno_error(Origin{path}.to_string(), errno, Category::config);
    std::ranges::sort(names);
    return names;
}

/// Errors of a read have categories of their own; here every one is about a site file.
Error as_config(Error error) {
    error.category = Category::config;
    return error;
}

bool is_missing(const std::string& path) {
    const auto exists = site_file_exists(path);
    return exists && !*exists;
}

void load_file(CdiSpecs& all, const std::string& path, std::size_t folder) {
    std::optional<std::string> kind;
    const auto read = [&]() -> Result<CdiSpec> {
        BERTH_TRY(const UniqueFd fd, open_trusted(path));
        BERTH_TRY(const std::string text, read_all(fd.get(), kMaxCdiSpecSize, Origin{path}.to_string()));
        auto spec = parse_cdi_spec(text, path, *format_of(path));
        if (!spec) kind = guess_cdi_kind(text);
        return spec;
    };
    auto spec = read();
    if (spec) {
        spec->folder = folder;
        all.specs.push_back(std::move(*spec));
    } else if (!is_missing(path)) {  // else it was removed meanwhile
        all.broken.push_back({path, folder, std::move(kind), as_config(std::move(spec).error())});
    }
}

}  // namespace

CdiSpecs load_cdi_specs(std::span<const std::string> folders) {
    CdiSpecs all;
    for (std::size_t folder = 0; folder < folders.size(); ++folder) {
        const std::string& path = folders[folder];
        auto names = list_folder(path);
        if (names)
            for (const std::string& name : *names) load_file(all, path + "/" + name, folder);
        else if (!is_missing(path))
            all.broken.push_back({path, folder, std::nullopt, as_config(std::move(names).error())});
    }
    return all;
}

}  // namespace berth::config
