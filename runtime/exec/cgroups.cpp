#include "runtime/exec/cgroups.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxMountinfo = std::size_t{64} << 20;
constexpr std::size_t kMaxCgroups = 1U << 16;
constexpr std::size_t kMaxValue = 1U << 20;

/// A cgroup file system: what /proc/self/mountinfo says of it, proc(5).
struct Hierarchy {
    bool unified = false;
    std::vector<std::string> options;  ///< of the file system; v1: its controllers among them
    std::string root;                  ///< the cgroup that is seen at `mount`
    std::string mount;
};

std::vector<Hierarchy> hierarchies(const std::string& mountinfo) {
    std::vector<Hierarchy> found;
    for (const auto& line : split(mountinfo, '\n')) {
        const auto separator = line.find(" - ");
        if (separator == std::string::npos) continue;
        const auto system = split(line.substr(separator + 3), ' ');
        const auto mount = split(line.substr(0, separator), ' ');
        if (system.size() < 3 || mount.size() < 5 || (system[0] != "cgroup" && system[0] != "cgroup2")) continue;
        found.push_back({system[0] == "cgroup2", split(system[2], ','), mount[3], mount[4]});
    }
    return found;
}

bool has_all(const std::vector<std::string>& options, const std::vector<std::string>& controllers) {
    return std::ranges::all_of(controllers, [&](const std::string& each) { return std::ranges::count(options, each) > 0; });
}

/// Where a cgroup is seen at a mount that begins at `root`; nothing where it lies outside.
std::optional<std::string> seen_at(const Hierarchy& hierarchy, const std::string& cgroup) {
    if (hierarchy.root == "/") return hierarchy.mount + (cgroup == "/" ? "" : cgroup);
    if (!is_beneath(cgroup, hierarchy.root)) return std::nullopt;
    return hierarchy.mount + cgroup.substr(hierarchy.root.size());
}

}  // namespace

Result<std::vector<CgroupPlace>> cgroup_places(pid_t pid) {
    BERTH_TRY(const auto cgroups, read_file("/proc/" + std::to_string(pid) + "/cgroup", kMaxCgroups));
    BERTH_TRY(const auto mountinfo, read_file("/proc/self/mountinfo", kMaxMountinfo));
    const auto mounted = hierarchies(mountinfo);
    std::vector<CgroupPlace> places;
    for (const auto& line : split(cgroups, '\n')) {
        // "ID:CONTROLLERS:PATH", and a path may hold colons.
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string listed = line.substr(first + 1, second - first - 1);
        if (listed.starts_with("name=")) continue;
        CgroupPlace place{listed.empty() ? std::vector<std::string>{} : split(listed, ','), listed.empty(), {}, {}};
        for (const Hierarchy& hierarchy : mounted) {
            if (hierarchy.unified != place.unified || !has_all(hierarchy.options, place.controllers)) continue;
            const auto folder = seen_at(hierarchy, line.substr(second + 1));
            if (!folder) continue;
            place.mount = hierarchy.mount;
            place.folder = *folder;
            places.push_back(place);
            break;
        }
    }
    return places;
}

const CgroupPlace* find_place(const std::vector<CgroupPlace>& places, std::string_view controller) noexcept {
    const CgroupPlace* unified = nullptr;
    for (const CgroupPlace& place : places) {
        if (std::ranges::count(place.controllers, controller) > 0) return &place;
        if (place.unified) unified = &place;
    }
    return unified;
}

bool is_slurm_step(std::string_view folder) noexcept { return folder.find("/step_") != std::string_view::npos; }

std::optional<std::string> slurm_step_folder(std::string_view folder) {
    const auto step = folder.find("/step_");
    if (step == std::string_view::npos) return std::nullopt;
    return std::string(folder.substr(0, folder.find('/', step + 1)));
}

Result<std::string> read_cgroup_file(const std::string& folder, const std::string& file) {
    BERTH_TRY(auto text, read_file(folder + "/" + file, kMaxValue));
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

std::vector<std::string> read_cgroup_words(const std::string& folder, const std::string& file) {
    const auto text = read_cgroup_file(folder, file);
    auto words = text ? split(*text, ' ') : std::vector<std::string>{};
    std::erase(words, std::string());
    return words;
}

Status write_cgroup_file(const std::string& folder, const std::string& file, std::string_view text) {
    if (file.empty() || file.front() == '.' || file.find('/') != std::string::npos || text.find('\n') != std::string_view::npos)
        return Error{Category::internal, EINVAL, "'" + printable(file) + "' and '" + printable(text) + "' are no file of a control group and value"};
    const std::string path = folder + "/" + file;
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_WRONLY));
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return errno_error("cannot write '" + std::string(text) + "' to " + path);
    return {};
}

}  // namespace berth
