#include "runtime/exec/mount_points.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/mounts.hpp"

namespace berth {
namespace {

constexpr mode_t kFolderMode = 0755;

/// Path components without the empty first one.
std::vector<std::string> components_of(const std::string& normal) {
    auto parts = split(normal.substr(1), '/');
    if (parts.size() == 1 && parts[0].empty()) parts.clear();
    return parts;
}

std::string join(const std::vector<std::string>& parts, std::size_t count) {
    std::string path;
    for (std::size_t i = 0; i < count; ++i) path += "/" + parts[i];
    return path.empty() ? "/" : path;
}

/// The deepest folder of the image on the way to a path, and what is missing below it.
struct Place {
    std::vector<std::string> existing;  ///< canonical: no links
    std::vector<std::string> missing;
};

Result<Place> locate(int image, const std::string& path) {
    const auto parts = components_of(path);
    for (std::size_t count = parts.size(); count-- > 0;) {
        const auto folder = open_beneath(image, join(parts, count), Beneath::directory);
        if (!folder) {
            if (folder.error().number == ENOENT) continue;
            return folder.error();
        }
        // The kernel's own name for where the links led; used only to make folders in our layer.
        BERTH_TRY(const auto canonical, path_of_fd(folder->get()));
        if (!canonical.starts_with('/')) return Error{Category::image, 0, printable(path) + " lies outside the image"};
        return Place{components_of(normal_path(canonical)), {parts.begin() + static_cast<std::ptrdiff_t>(count), parts.end()}};
    }
    return Error{Category::image, ENOENT, "the image has no root folder"};
}

/// Gives a folder of the layer the owner and mode of the image's, which it will stand for. What cannot be repeated is
/// refused: a folder must not open up because something is mounted beneath it.
Status repeat_attributes(int parent, const char* name, int original, const std::string& path) {
    struct stat st {};
    ssize_t acl = 0;
    {
        const AsLooker looker;
        if (::fstat(original, &st) != 0) return errno_error(printable(path));
        // O_PATH descriptors have no extended attributes of their own; through /proc they do.
        acl = ::getxattr(proc_fd_path(original).c_str(), "system.posix_acl_access", nullptr, 0);
    }
    if (acl > 0)
        return Error{Category::unsupported, 0,
                     printable(path) + " in the image has an ACL, which is not supported where something is mounted beneath it"};
    // A user namespace maps only the caller: other owners cannot be repeated there.
    if (::fchownat(parent, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != EPERM && errno != EINVAL)
        return errno_error(printable(path));
    if (::fchmodat(parent, name, st.st_mode & 01777, 0) != 0) return errno_error(printable(path));
    return {};
}

/// Makes the missing part of a path below `folder`: folders, and a file at the end when that is wanted.
Status make_missing(UniqueFd folder, const Place& place, const std::string& path, bool directory) {
    for (std::size_t i = 0; i < place.missing.size(); ++i) {
        const char* name = place.missing[i].c_str();
        if (i + 1 == place.missing.size() && !directory) {
            const UniqueFd file(::openat(folder.get(), name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
            if (!file) return errno_error("mount point " + printable(path));
            return {};
        }
        if (::mkdirat(folder.get(), name, kFolderMode) != 0 && errno != EEXIST) return errno_error("mount point " + printable(path));
        folder.reset(::openat(folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder) return errno_error("mount point " + printable(path));
    }
    return {};
}

}  // namespace

Status make_in_own_tmpfs(int root, const std::set<dev_t>& own, const std::string& path, bool directory) {
    BERTH_TRY(const auto place, locate(root, path));
    BERTH_TRY(const auto folder, open_beneath(root, join(place.existing, place.existing.size()), Beneath::directory));
    struct stat st {};
    if (::fstat(folder.get(), &st) != 0) return errno_error(printable(path));
    if (!own.contains(st.st_dev))
        return Error{Category::usage, ENOENT, printable(path) + " does not exist in what is mounted at " +
                                                  printable(join(place.existing, place.existing.size())) + " in the container: make it there"};
    UniqueFd writable(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!writable) return errno_error(printable(path));
    return make_missing(std::move(writable), place, path, directory);
}

Result<MountPointLayer> MountPointLayer::create(int image) {
    BERTH_TRY(auto mount, new_filesystem("tmpfs", {{"mode", "755"}, {"size", "4m"}}, Access::read_write));
    const UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error("cannot set up the mount point layer");
    BERTH_CHECK(repeat_attributes(root.get(), ".", image, "/"));
    return MountPointLayer(image, std::move(mount));
}

/// Makes the same folders in the layer as the image has there, with their modes; returns the deepest.
Result<UniqueFd> MountPointLayer::repeat_folders(const std::vector<std::string>& components) {
    UniqueFd here(::openat(mount_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!here) return errno_error("mount point layer");
    for (std::size_t i = 0; i < components.size(); ++i) {
        const char* name = components[i].c_str();
        if (::mkdirat(here.get(), name, kFolderMode) == 0) {
            BERTH_TRY(const auto original, open_beneath(image_, join(components, i + 1), Beneath::directory));
            BERTH_CHECK(repeat_attributes(here.get(), name, original.get(), join(components, i + 1)));
        } else if (errno != EEXIST) {
            return errno_error("mount point " + printable(join(components, i + 1)));
        }
        here.reset(::openat(here.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!here) return errno_error("mount point " + printable(join(components, i + 1)));
    }
    return here;
}

Status MountPointLayer::ensure(const std::string& path, bool directory) {
    if (const auto there = open_beneath(image_, path)) {
        struct stat st {};
        if (::fstat(there->get(), &st) != 0) return errno_error(printable(path));
        if (S_ISDIR(st.st_mode) == directory) return {};
        return Error{Category::usage, directory ? ENOTDIR : EISDIR,
                     printable(path) + (directory ? " is not a folder in the image, and a folder would be mounted on it"
                                                  : " is a folder in the image, and a file would be mounted on it")};
    } else if (there.error().number != ENOENT) {
        return there.error();
    }
    BERTH_TRY(auto place, locate(image_, path));
    BERTH_TRY(UniqueFd here, repeat_folders(place.existing));
    return make_missing(std::move(here), place, path, directory);
}

Result<UniqueFd> MountPointLayer::add_file(const std::string& path) {
    BERTH_TRY(auto place, locate(image_, path));
    const std::string name = place.missing.back();
    place.missing.pop_back();
    place.existing.insert(place.existing.end(), place.missing.begin(), place.missing.end());
    BERTH_TRY(const UniqueFd folder, repeat_folders(place.existing));
    UniqueFd file(::openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) return errno_error(path);
    return file;
}

}  // namespace berth
