#include "runtime/exec/user_side.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <set>
#include <string_view>

#include "runtime/base/checked.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/cgroups.hpp"
#include "runtime/config/seccomp_profile.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/elf_library.hpp"
#include "runtime/exec/host_mounts.hpp"
#include "runtime/exec/mounts.hpp"
#include "sif/image.hpp"
#include "sif/names.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxAccountFileBytes = 1U << 20;
constexpr std::size_t kMaxScripts = 64;
constexpr std::size_t kMaxMountinfo = 64U << 20;
constexpr std::size_t kMaxDevices = 256;
constexpr std::string_view kSquashfsMagic = "hsqs";
constexpr std::string_view kSifMagic = "SIF_MAGIC";
constexpr std::size_t kSifMagicOffset = 32;

Error image_error(const std::string& path, const std::string& what) {
    return Error{Category::image, 0, printable(path, 512) + ": " + what};
}

Status inspect_sif(int fd, const std::string& path, ImageInfo& info) {
    BERTH_TRY(const auto image, sif::Image::open(fd, printable(path, 512)));
    BERTH_TRY(const auto primary, image.primary_partition());
    switch (primary.extra.file_system) {
        case sif::FileSystem::squashfs: break;
        case sif::FileSystem::luks_squashfs:
        case sif::FileSystem::gocryptfs_squashfs:
            return Error{Category::unsupported, 0, printable(path, 512) + ": the image is encrypted, which is not supported yet"};
        default:
            return Error{Category::unsupported, 0,
                         printable(path, 512) + ": the primary partition's file system is " +
                             std::string(sif::name_of(primary.extra.file_system)) + ": only squashfs can be run"};
    }
    BERTH_TRY(const auto architecture, image.architecture());
    info.kind = ImageKind::sif;
    info.architecture = architecture;
    info.offset = static_cast<std::uint64_t>(primary.descriptor.offset);
    info.bytes = static_cast<std::uint64_t>(primary.descriptor.size);
    return {};
}

Status inspect_file(int fd, const std::string& path, ImageInfo& info) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error(path);
    if (!S_ISREG(st.st_mode)) return image_error(path, "neither a file nor a folder");
    std::array<char, kSifMagicOffset + kSifMagic.size()> head{};
    const ssize_t n = ::pread(fd, head.data(), head.size(), 0);
    if (n < 0) return errno_error(path);
    const std::string_view start(head.data(), static_cast<std::size_t>(n));
    if (start.size() == head.size() && start.substr(kSifMagicOffset) == kSifMagic) return inspect_sif(fd, path, info);
    if (start.starts_with(kSquashfsMagic)) {
        info.kind = ImageKind::squashfs;
        info.offset = 0;
        info.bytes = static_cast<std::uint64_t>(st.st_size);
        return {};
    }
    return image_error(path, st.st_size == 0 ? "the file is empty, not an image" : "not a SIF image, a squashfs file or a folder");
}

/// File systems whose content comes from this machine's disks or the site's servers, never from a user's process.
bool is_site_file_system(const struct statfs& fs) {
    constexpr std::array<unsigned long, 15> kTypes = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,  SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1, F2FS_SUPER_MAGIC,
        OVERLAYFS_SUPER_MAGIC, NFS_SUPER_MAGIC, 0x2FC12FC1 /* zfs */, 0x0BD00BD0 /* lustre */, 0x47504653 /* gpfs */,
        0x00C36400 /* ceph */, 0x19830326 /* beegfs */, RAMFS_MAGIC};
    return std::find(kTypes.begin(), kTypes.end(), static_cast<unsigned long>(fs.f_type)) != kTypes.end();
}

/// The kernel names a file of a mount that was detached as if the mount's root were the root: such a name says nothing.
bool is_on_attached_mount(int fd) {
    struct statx info {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) != 0 || (info.stx_mask & STATX_MNT_ID) == 0) return false;
    const auto mounts = read_file("/proc/self/mountinfo", kMaxMountinfo);
    const std::string wanted = std::to_string(info.stx_mnt_id) + " ";
    return mounts && (mounts->starts_with(wanted) || mounts->find("\n" + wanted) != std::string::npos);
}

bool is_on_site_file_system(int fd) {
    struct statfs fs {};
    return ::fstatfs(fd, &fs) == 0 && is_site_file_system(fs);
}

/// A read lease is refused while anybody, a former owner say, has the file open for writing. Not every file system knows.
bool has_writer(int fd) {
    // Who opens it for writing meanwhile has the kernel tell us so, by a signal that would end us.
    const auto before = ::signal(SIGIO, SIG_IGN);
    const bool writer = ::fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
    if (!writer) ::fcntl(fd, F_SETLEASE, F_UNLCK);
    ::signal(SIGIO, before);
    return writer;
}

bool is_root_controlled(int fd, const ImageInfo& info) {
    if (info.kind == ImageKind::directory || !info.site_file_system) return false;
    const auto trusted = config::open_trusted(info.path);
    struct stat st {};
    return trusted.ok() && ::fstat(trusted->get(), &st) == 0 && st.st_dev == info.device && st.st_ino == info.inode && !has_writer(fd);
}

class DirectUserSide final : public UserSide {
public:
    Result<OpenedImage> open_image(const std::string& path) override;
    Result<std::vector<UniqueFd>> open_sources(const std::vector<SourceSpec>& sources) override;
    Result<std::vector<std::string>> usable_devices() override;
    Result<SeccompFilter> compile_profile(const std::string& path, const SeccompTarget& target) override;
    Result<CgroupLimits> read_limits(const std::string& path) override;
    Result<std::vector<std::string>> host_mounts() override { return file_system_mounts(); }
    Result<std::vector<ImageScript>> read_container(int root, int passwd, int group, const CallerEntries& entries) override;
    Result<std::optional<GlibcVersion>> image_glibc(int root) override;
};

/// The path by name from the root. A working directory that lies in another namespace (/proc/PID/root) counts by its
/// name only, so that no limit on paths is passed through it.
Result<std::string> absolute_path(const std::string& path) {
    if (path.starts_with('/')) return path;
    std::string current(PATH_MAX, '\0');
    if (::getcwd(current.data(), current.size()) == nullptr || current[0] != '/')
        return errno_error("working directory", ENOENT, Category::usage);
    current.resize(current.find('\0'));
    return current + "/" + path;
}

/// File systems that show the kernel, not files: nobody's image, and root's view of them is not the user's.
bool is_kernel_file_system(int fd) {
    constexpr std::array<long, 15> kTypes = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, CGROUP_SUPER_MAGIC,
                                             CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC, PSTOREFS_MAGIC,
                                             EFIVARFS_MAGIC, NSFS_MAGIC, BINFMTFS_MAGIC, 0x62656570 /* configfs */, 0x19800202 /* mqueue */};
    struct statfs fs {};
    return ::fstatfs(fd, &fs) != 0 || std::find(kTypes.begin(), kTypes.end(), static_cast<long>(fs.f_type)) != kTypes.end();
}

Result<OpenedImage> DirectUserSide::open_image(const std::string& path) {
    OpenedImage opened;
    BERTH_TRY(const auto absolute, absolute_path(path));
    // O_NONBLOCK: a fifo of that name must not stop us.
    auto file = open_without_magic(absolute, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    if (file && ::fstat(file->get(), &st) != 0) return errno_error(printable(path, 512));
    if (file && !S_ISDIR(st.st_mode)) {
        opened.fd = std::move(file).value();
        BERTH_CHECK(inspect_file(opened.fd.get(), path, opened.info));
        return opened;
    }
    // A folder need not be readable to be a root, only searchable.
    auto folder = open_without_magic(absolute, O_PATH | O_DIRECTORY);
    if (!folder && folder.error().number == ELOOP)
        return Error{Category::usage, ELOOP, "image " + printable(path, 512) + ": the path leads through a link of /proc (or links in a circle): name the file itself"};
    if (!folder) return errno_error("image " + printable(path, 512), file ? folder.error().number : file.error().number, Category::usage);
    if (is_kernel_file_system(folder->get())) return image_error(path, "a file system of the kernel's, not an image");
    opened.fd = std::move(folder).value();
    opened.info.kind = ImageKind::directory;
    return opened;
}

Result<std::vector<UniqueFd>> DirectUserSide::open_sources(const std::vector<SourceSpec>& sources) {
    std::vector<UniqueFd> fds;
    for (const auto& source : sources) {
        UniqueFd fd(::open(source.path.c_str(), O_PATH | O_CLOEXEC));
        if (!fd && source.required) return errno_error("bind source " + printable(source.path, 512), errno, Category::usage);
        fds.push_back(std::move(fd));
    }
    return fds;
}

using DirectoryStream = std::unique_ptr<DIR, int (*)(DIR*)>;

DirectoryStream open_stream(int directory, const char* name) {
    const int fd = ::openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return {fd < 0 ? nullptr : ::fdopendir(fd), ::closedir};
}

bool usable(int directory, const char* name) {
    // AT_EACCESS: access(2) itself judges by the real ids, which may be a guard's.
    return ::faccessat(directory, name, R_OK, AT_EACCESS) == 0 || ::faccessat(directory, name, W_OK, AT_EACCESS) == 0;
}

/// A folder beneath /dev with a character device that the caller may use, at most two levels down.
bool holds_usable_device(int directory, const char* name, int depth = 0) {
    const auto stream = open_stream(directory, name);
    if (!stream) return false;
    while (const dirent* entry = ::readdir(stream.get())) {
        if (entry->d_name[0] == '.') continue;
        const int here = ::dirfd(stream.get());
        if (entry->d_type == DT_CHR && usable(here, entry->d_name)) return true;
        if (entry->d_type == DT_DIR && depth < 2 && holds_usable_device(here, entry->d_name, depth + 1)) return true;
    }
    return false;
}

/// Folders whose nodes are given one by one: their GPUs may be several users'.
bool is_gpu_folder(std::string_view name) { return name == "dri" || name.starts_with("nvidia-"); }

void add_gpu_nodes(int dev, const std::string& folder, std::vector<std::string>& names) {
    const auto stream = open_stream(dev, folder.c_str());
    const std::size_t before = names.size();
    while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr)
        if (entry->d_type == DT_CHR && usable(::dirfd(stream.get()), entry->d_name)) names.push_back(folder + "/" + entry->d_name);
    // Nothing but links to these nodes, by which some programs find them.
    if (stream && names.size() > before && ::faccessat(::dirfd(stream.get()), "by-path", R_OK | X_OK, AT_EACCESS) == 0) names.push_back(folder + "/by-path");
}

Result<std::vector<std::string>> DirectUserSide::usable_devices() {
    static const std::set<std::string_view> kOurs = {"null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm",
                                                     "fd", "stdin", "stdout", "stderr", "core", "console", "char", "block", "disk"};
    std::vector<std::string> names;
    const auto stream = open_stream(AT_FDCWD, "/dev");
    if (!stream) return errno_error("/dev");
    const int dev = ::dirfd(stream.get());
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        // Terminals of the console and their screens are many, and nobody's but a login's.
        if (name.starts_with('.') || kOurs.contains(name) || name.starts_with("tty") || name.starts_with("vcs")) continue;
        if (entry->d_type == DT_DIR && is_gpu_folder(name)) {
            add_gpu_nodes(dev, entry->d_name, names);
            continue;
        }
        const bool folder = entry->d_type == DT_DIR && (name == "mqueue" || name == "hugepages" || holds_usable_device(dev, entry->d_name));
        if (!folder && (entry->d_type != DT_CHR || !usable(dev, entry->d_name))) continue;
        names.emplace_back(name);
    }
    // Of too many, rather the GPUs than the hundreds of parts that they may be cut into.
    std::ranges::sort(names, {}, [](const std::string& name) { return std::pair(name.find('/') != std::string::npos, name); });
    if (names.size() > kMaxDevices) names.resize(kMaxDevices);
    std::ranges::sort(names);
    return names;
}

/// The whole of a file that the caller names for an option; `what` begins messages.
Result<std::string> read_named_file(const std::string& path, std::size_t limit, const std::string& what) {
    BERTH_TRY(const auto absolute, absolute_path(path));
    // O_NONBLOCK: a fifo of that name must not stop us.
    auto file = open_without_magic(absolute, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return errno_error(what, file.error().number, Category::usage);
    struct stat st {};
    if (::fstat(file->get(), &st) != 0) return errno_error(what);
    if (!S_ISREG(st.st_mode)) return Error{Category::usage, 0, what + ": not a file"};
    return read_all(file->get(), limit, what);
}

Result<SeccompFilter> DirectUserSide::compile_profile(const std::string& path, const SeccompTarget& target) {
    BERTH_TRY(const auto text, read_named_file(path, config::kMaxSeccompProfileSize, "seccomp profile " + printable(path, 512)));
    auto profile = config::parse_seccomp_profile(text, printable(path, 512));
    if (!profile) return Error{Category::usage, 0, profile.error().message};
    return compile_seccomp(*profile, target);
}

Result<CgroupLimits> DirectUserSide::read_limits(const std::string& path) {
    BERTH_TRY(const auto text, read_named_file(path, config::kMaxCgroupsSize, "cgroups file " + printable(path, 512)));
    auto limits = config::parse_cgroups(text, printable(path, 512));
    if (!limits) return Error{Category::usage, 0, limits.error().message};
    return limits;
}

/// The text of a regular file in the container, or "" where there is none that can be read.
std::string container_text(int root, const std::string& path, std::size_t limit) {
    const auto fd = open_file_beneath(root, path);
    struct stat st {};
    if (!fd || ::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
    auto text = read_all(fd->get(), limit, path);
    return text ? *std::move(text) : std::string{};
}

/// An account file without the lines that `unwanted(fields)` names.
std::string without_lines(const std::string& text, const auto& unwanted) {
    std::string kept;
    for (const auto& line : split(text, '\n'))
        if (!line.empty() && !unwanted(split(line, ':'))) kept += line + "\n";
    return kept;
}

std::string passwd_text(int root, const CallerEntries& entries) {
    const std::string uid = std::to_string(entries.uid);
    return without_lines(container_text(root, "/etc/passwd", kMaxAccountFileBytes),
                         [&](const std::vector<std::string>& fields) {
                             return fields[0] == entries.user || (fields.size() > 2 && fields[2] == uid);
                         }) +
           (entries.passwd_line.empty() ? "" : entries.passwd_line + "\n");
}

std::string group_text(int root, const CallerEntries& entries) {
    std::set<std::string> names;
    std::set<std::string> ids;
    std::string added;
    for (const auto& [gid, name] : entries.groups) {
        names.insert(name);
        ids.insert(std::to_string(gid));
        added += name + ":x:" + std::to_string(gid) + ":" + entries.user + "\n";
    }
    return without_lines(container_text(root, "/etc/group", kMaxAccountFileBytes),
                         [&](const std::vector<std::string>& fields) {
                             return names.contains(fields[0]) || (fields.size() > 2 && ids.contains(fields[2]));
                         }) +
           added;
}

Result<std::vector<ImageScript>> read_scripts(int root) {
    std::vector<ImageScript> scripts;
    const auto folder = open_beneath(root, "/.singularity.d/env", Beneath::directory);
    if (!folder) return scripts;
    const auto stream = open_stream(folder->get(), ".");
    if (!stream) return scripts;
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream.get()))
        if (std::string_view(entry->d_name).ends_with(".sh")) names.emplace_back(entry->d_name);
    if (names.size() > kMaxScripts)
        return Error{Category::image, 0, "the image has more than " + std::to_string(kMaxScripts) + " environment scripts"};
    std::sort(names.begin(), names.end());
    std::size_t left = kMaxScriptBytes;
    for (auto& name : names) {
        const std::string path = "/.singularity.d/env/" + name;
        const auto fd = open_file_beneath(root, path);
        struct stat st {};
        if (!fd || ::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        BERTH_TRY(auto text, read_all(fd->get(), left, printable(path) + " in the image"));
        left -= text.size();
        scripts.push_back({std::move(name), std::move(text)});
    }
    return scripts;
}

Result<std::vector<ImageScript>> DirectUserSide::read_container(int root, int passwd, int group, const CallerEntries& entries) {
    if (passwd >= 0) BERTH_CHECK(write_all(passwd, passwd_text(root, entries), "the container's /etc/passwd"));
    if (group >= 0) BERTH_CHECK(write_all(group, group_text(root, entries), "the container's /etc/group"));
    return read_scripts(root);
}

/// Where distributions put it; those of other architectures lie beside.
#if defined(__x86_64__)
constexpr std::string_view kTriplet = "x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr std::string_view kTriplet = "aarch64-linux-gnu";
#elif defined(__powerpc64__)
constexpr std::string_view kTriplet = "powerpc64le-linux-gnu";
#elif defined(__riscv)
constexpr std::string_view kTriplet = "riscv64-linux-gnu";
#else
constexpr std::string_view kTriplet = "";
#endif

Result<std::optional<GlibcVersion>> DirectUserSide::image_glibc(int root) {
    for (const std::string& folder : {"/lib/" + std::string(kTriplet), std::string("/lib64"), std::string("/usr/lib64"), std::string("/lib"),
                                      "/usr/lib/" + std::string(kTriplet), std::string("/usr/lib")}) {
        const auto fd = open_file_beneath(root, normal_path(folder + "/libc.so.6"));
        struct stat st {};
        if (!fd || ::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        const auto library = read_elf_library(fd->get(), "libc.so.6");
        if (library && library->provides) return library->provides;
    }
    return std::optional<GlibcVersion>();
}

}  // namespace

std::unique_ptr<UserSide> direct_user_side() { return std::make_unique<DirectUserSide>(); }

Status describe_image_file(int fd, ImageInfo& info) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error("image");
    BERTH_TRY(info.path, path_of_fd(fd));
    if (!is_on_attached_mount(fd)) return image_error(info.path, "lies on a file system that is not mounted here (any more)");
    const bool folder = S_ISDIR(st.st_mode);
    if (folder != (info.kind == ImageKind::directory) || (!folder && !S_ISREG(st.st_mode)))
        return image_error(info.path, "changed while it was opened");
    if (folder)
        for (const char* tree : {"/proc", "/sys"})
            if (is_beneath(info.path, tree)) return image_error(info.path, "a folder of the kernel's, not an image");
    info.device = st.st_dev;
    info.inode = st.st_ino;
    info.file_bytes = static_cast<std::uint64_t>(st.st_size);
    info.owner = st.st_uid;
    info.group = st.st_gid;
    if (!folder) {
        const auto end = checked_add(info.offset, info.bytes);
        if (!end || *end > info.file_bytes || info.bytes == 0)
            return image_error(info.path, "its file system lies outside the file");
    }
    info.site_file_system = is_on_site_file_system(fd);
    info.root_controlled = is_root_controlled(fd, info);
    return {};
}

}  // namespace berth
