#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/mount_points.hpp"
#include "runtime/exec/mounts.hpp"
#include "runtime/exec/namespaces.hpp"
#include "runtime/exec/runner.hpp"

namespace berth {
namespace {

/// A detached copy of one source's mount, and whether it is a folder. No descriptor: the source is not there.
struct SourceTree {
    UniqueFd mount;
    bool directory = false;
};

constexpr std::chrono::seconds kServerEndTime{2};

/// /proc and /sys must be the real ones: what reads them believes them.
Status check_system_source(int fd, const std::string& path) {
    if (path != "/proc" && path != "/sys") return {};
    struct statfs fs {};
    if (::fstatfs(fd, &fs) != 0) return errno_error(path);
    const auto wanted = path == "/proc" ? PROC_SUPER_MAGIC : SYSFS_MAGIC;
    if (fs.f_type != wanted) return Error{Category::system, 0, path + " of this host is not a " + (path == "/proc" ? "proc" : "sysfs") + " file system"};
    return {};
}

}  // namespace

/// One visit function an effect; the members are what the effects hand on to each other.
class RealRunner::Builder {
public:
    explicit Builder(RunnerInputs inputs) : in_(std::move(inputs)) {}
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;
    ~Builder() {
        // Nobody took it: the container did not come about. It would end with its mount, but not at once.
        if (server_ && server_->process().pidfd) end_process(server_->process().pidfd, kServerEndTime);
    }

    Status run(const Effect& effect, const Plan& plan) {
        plan_ = &plan;
        return std::visit([this](const auto& e) { return apply(e); }, effect);
    }

    [[nodiscard]] const std::vector<ImageScript>& scripts() const noexcept { return scripts_; }
    [[nodiscard]] std::optional<GlibcVersion> glibc() const noexcept { return glibc_; }
    [[nodiscard]] std::optional<DetachedProcess> take_server() noexcept {
        if (!server_) return std::nullopt;
        return std::move(server_->process());
    }

private:
    Status apply(const effect::LimitResources& e) {
        if (in_.cgroup == nullptr) return Error{Category::internal, 0, "nobody is there to remove a control group"};
        std::vector<pid_t> others;
        if (server_) others.push_back(server_->process().pid);
        BERTH_TRY(*in_.cgroup, make_own_cgroup(e.limits, ::getppid(), others));
        return {};
    }

    Status apply(const effect::NewNamespaces& e) {
        slave_ = e.slave;
        if (in_.prepared_namespace >= 0) return join_mount_namespace(in_.prepared_namespace, e.slave);
        return make_namespaces(e);
    }

    Status apply(const effect::StartImageServer& e) {
        FuseServer server;
        if (in_.privileged)
            server.run_as = in_.server;
        else
            std::tie(server.owner, server.owner_group) = std::pair{::geteuid(), ::getegid()};
        if (in_.privileged && !server.run_as) return Error{Category::internal, 0, "no user for the image server"};
        BERTH_TRY(auto started, ImageServer::start({in_.image_fd, e.offset, e.bytes, e.tree}, server));
        server_.emplace(std::move(started));
        return {};
    }

    Status apply(const effect::MountImage& e) {
        switch (e.driver) {
            case Driver::kernel_squashfs: {
                BERTH_TRY(image_, mount_kernel_squashfs({in_.image_fd, e.offset, e.bytes, std::nullopt}, e.loop_devices));
                return {};
            }
            case Driver::directory: return clone_directory();
            case Driver::fuse:
            case Driver::fuse_as_user: {
                if (!server_) return Error{Category::internal, 0, "no image server"};
                BERTH_TRY(image_, server_->mount(in_.image.path));
                return {};
            }
        }
        return Error{Category::internal, 0, "an unknown image driver"};
    }

    Status clone_directory() {
        UniqueFd folder;
        if (!in_.privileged) {
            // The descriptor belongs to the host's namespace, whose mounts a user may not copy: look again in ours.
            BERTH_TRY(folder, open_at(AT_FDCWD, in_.image.path, O_PATH | O_DIRECTORY));
            struct stat st {};
            if (::fstat(folder.get(), &st) != 0 || st.st_dev != in_.image.device || st.st_ino != in_.image.inode)
                return Error{Category::image, 0, printable(in_.image.path) + ": changed while it was opened"};
        }
        BERTH_TRY(image_, clone_mount(folder ? folder.get() : in_.image_fd, in_.image.path));
        return restrict_mount(image_.get(), Access::read_only, DeviceNodes::refused, in_.image.path);
    }

    Status apply(const effect::OpenSources&) {
        BERTH_TRY(auto fds, in_.side.open_sources(plan_->sources));
        for (std::size_t i = 0; i < fds.size(); ++i) {
            SourceTree tree;
            if (fds[i]) {
                const std::string& path = plan_->sources[i].path;
                BERTH_CHECK(check_system_source(fds[i].get(), path));
                // Its kind alone, which is known already: a file system of the user's might never answer root.
                struct statx status {};
                if (::statx(fds[i].get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0) {
                    // A FUSE file system of the user's, which root may not look into.
                    if (plan_->sources[i].required) return errno_error(printable(path, 512));
                    sources_.push_back(std::move(tree));
                    continue;
                }
                tree.directory = S_ISDIR(status.stx_mode);
                BERTH_TRY(tree.mount, clone_mount(fds[i].get(), path));
                fds[i].reset();  // there may be hundreds
            }
            sources_.push_back(std::move(tree));
        }
        return {};
    }

    Status apply(const effect::LayerMountPoints& e) {
        if (server_) BERTH_CHECK(server_->wait_until_served(in_.image.path));
        // Attached over the namespace's own root, where no path leads: overlayfs wants layers that are attached, and
        // nothing of the host is covered for us, whose root lies below.
        BERTH_TRY(const UniqueFd base, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
        BERTH_CHECK(attach_mount(image_.get(), base.get(), "the image"));
        BERTH_TRY(auto layer, MountPointLayer::create(image_.get()));
        for (const auto& point : e.points) {
            const auto directory = kind_of(point.path);
            if (!directory) continue;
            if (auto status = layer.ensure(point.path, *directory); !status && !point.optional) return status;
        }
        BERTH_CHECK(write_account_files(layer, e));
        BERTH_CHECK(attach_mount(layer.mount(), base.get(), "the mount point layer"));
        std::vector<std::pair<std::string, std::string>> parameters = {
            {"source", "berth"}, {"lowerdir", proc_fd_path(layer.mount()) + ":" + proc_fd_path(image_.get())}};
        if (in_.privileged) {
            // Whatever the kernel's defaults: an image's attributes do not send lookups elsewhere.
            parameters.insert(parameters.end(), {{"redirect_dir", "nofollow"}, {"metacopy", "off"}});
        } else {
            parameters.emplace_back("userxattr", "");
        }
        {
            // The overlay looks into the image with its maker's rights: root's would pass by those of a file system that
            // judges for itself (NFS, FUSE, and every folder that only its owner may search).
            const AsLooker looker;
            BERTH_TRY(root_, new_filesystem("overlay", parameters, Access::read_only));
        }
        return attach_mount(root_.get(), base.get(), "the container's root");
    }

    /// Whether what will be mounted at the path is a folder; nothing when its source is not there.
    std::optional<bool> kind_of(const std::string& destination) const {
        std::optional<bool> directory;
        for (const auto& step : plan_->steps) {
            if (const auto* bind = std::get_if<effect::Bind>(&step.effect); bind != nullptr && bind->destination == destination) {
                const SourceTree& tree = sources_[bind->source];
                if (tree.mount) directory = tree.directory;
            } else if (const auto* tmpfs = std::get_if<effect::MountTmpfs>(&step.effect);
                       tmpfs != nullptr && tmpfs->destination == destination) {
                directory = true;
            } else if (const auto* folder = std::get_if<effect::MakeFolder>(&step.effect);
                       folder != nullptr && folder->path == destination) {
                directory = directory.value_or(true);
            } else if ((std::holds_alternative<effect::MakeDevices>(step.effect) && destination == "/dev") ||
                       (std::holds_alternative<effect::MakeLibraries>(step.effect) && destination == kContainerLibraries)) {
                directory = true;
            }
        }
        return directory;
    }

    Status write_account_files(MountPointLayer& layer, const effect::LayerMountPoints& e) {
        UniqueFd passwd;
        UniqueFd group;
        if (e.passwd) { BERTH_TRY(passwd, layer.add_file("/etc/passwd")); }
        if (e.group) { BERTH_TRY(group, layer.add_file("/etc/group")); }
        BERTH_TRY(scripts_, in_.side.read_container(image_.get(), passwd.get(), group.get(), in_.caller));
        if (in_.asks_glibc) { BERTH_TRY(glibc_, in_.side.image_glibc(image_.get())); }
        return {};
    }

    Status apply(const effect::Bind& e) {
        SourceTree& tree = sources_[e.source];
        if (!tree.mount) return {};  // optional, and not there
        const std::string what = plan_->sources[e.source].path;
        BERTH_CHECK(restrict_mount(tree.mount.get(), e.read_only ? Access::read_only : Access::read_write,
                                   e.devices ? DeviceNodes::working : DeviceNodes::refused, what));
        if (e.no_exec) BERTH_CHECK(refuse_programs(tree.mount.get(), what));
        auto status = attach_at(tree.mount.get(), e.destination, tree.directory);
        if (!status && !plan_->sources[e.source].required) {
            log(LogLevel::warning, printable(what, 512) + " is not mounted: " + status.error().message);
            return {};
        }
        return status;
    }

    Status attach_at(int mount, const std::string& destination, bool directory) {
        auto place = open_beneath(root_.get(), destination, directory ? Beneath::directory : Beneath::any);
        if (!place && place.error().number == ENOENT) {
            BERTH_CHECK(make_in_own_tmpfs(root_.get(), own_tmpfs_, destination, directory));
            place = open_beneath(root_.get(), destination);
        }
        if (!place) return std::move(place).error().within("bind destination");
        return attach_mount(mount, place->get(), destination);
    }

    Result<UniqueFd> new_memory(const effect::MountTmpfs& e, std::vector<std::pair<std::string, std::string>> parameters) {
        const bool ramfs = e.type == config::MemoryFs::ramfs;
        if (!ramfs && e.mib > 0) parameters.emplace_back("size", std::to_string(e.mib) + "m");
        BERTH_TRY(auto mount, new_filesystem(ramfs ? "ramfs" : "tmpfs", parameters, Access::read_write));
        struct stat st {};
        if (::fstat(mount.get(), &st) != 0) return errno_error("tmpfs");
        own_tmpfs_.insert(st.st_dev);
        // A user namespace maps only the caller, who owns what he mounts there anyway.
        if (in_.privileged && ::fchownat(mount.get(), "", e.uid, e.gid, AT_EMPTY_PATH) != 0) return errno_error(printable(e.destination));
        return mount;
    }

    Status apply(const effect::MountTmpfs& e) {
        std::string mode;
        for (unsigned shift = 12; shift > 0;) mode += static_cast<char>('0' + ((e.mode >> (shift -= 3)) & 7U));
        BERTH_TRY(const auto mount, new_memory(e, {{"source", "berth"}, {"mode", mode}}));
        return attach_at(mount.get(), e.destination, true);
    }

    Status apply(const effect::MakeDevices& e) {
        BERTH_TRY(const auto mount, new_filesystem("tmpfs", {{"source", "berth"}, {"mode", "755"}, {"size", "1m"}}, Access::read_write));
        BERTH_CHECK(attach_at(mount.get(), "/dev", true));
        const UniqueFd dev(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!dev) return errno_error("/dev of the container");
        for (const auto& node : e.nodes) BERTH_CHECK(add_device(dev.get(), node));
        if (e.terminals) BERTH_CHECK(add_terminals(dev.get()));
        for (const auto& link : e.links)
            if (::symlinkat(link.target.c_str(), dev.get(), link.name.c_str()) != 0) return errno_error("/dev/" + link.name);
        return make_read_only(mount.get(), "/dev");
    }

    /// An instance of its own: of the host's terminals none is seen. A terminal there is its user's alone.
    static Status add_terminals(int dev) {
        BERTH_TRY(const auto pts, new_filesystem("devpts", {{"source", "berth"}, {"ptmxmode", "666"}, {"mode", "600"}}, Access::read_write,
                                                 DeviceNodes::working));
        if (::mkdirat(dev, "pts", 0755) != 0) return errno_error("/dev/pts");
        const UniqueFd place(::openat(dev, "pts", O_PATH | O_NOFOLLOW | O_CLOEXEC));
        if (!place) return errno_error("/dev/pts");
        return attach_mount(pts.get(), place.get(), "/dev/pts");
    }

    Status add_device(int dev, const effect::MakeDevices::Node& node) {
        const SourceTree& tree = sources_[node.source];
        if (!tree.mount) return {};
        const std::string path = "/dev/" + node.name;
        if (const auto slash = node.name.find('/'); slash != std::string::npos)
            if (::mkdirat(dev, node.name.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) return errno_error(path);
        BERTH_TRY(const auto place, new_place(dev, node.name, tree.directory, path));
        BERTH_CHECK(restrict_mount(tree.mount.get(), Access::read_write, DeviceNodes::working, path));
        return attach_mount(tree.mount.get(), place.get(), path);
    }

    /// An empty folder or file of ours, to mount on.
    static Result<UniqueFd> new_place(int folder, const std::string& name, bool directory, const std::string& path) {
        if (directory && ::mkdirat(folder, name.c_str(), 0755) != 0) return errno_error(printable(path));
        UniqueFd place(::openat(folder, name.c_str(), directory ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (!place) return errno_error(printable(path));
        return place;
    }

    Status apply(const effect::MakeLibraries& e) {
        BERTH_TRY(const auto mount, new_filesystem("tmpfs", {{"source", "berth"}, {"mode", "755"}, {"size", "1m"}}, Access::read_write));
        if (auto status = attach_at(mount.get(), kContainerLibraries, true); !status) {
            log(LogLevel::warning, "the host's libraries are not mounted: " + status.error().message);
            return {};
        }
        const UniqueFd folder(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder) return errno_error(kContainerLibraries);
        for (const auto& file : e.files) BERTH_CHECK(add_library(folder.get(), file));
        BERTH_CHECK(add_places_beneath(mount.get()));
        return make_read_only(mount.get(), kContainerLibraries);
    }

    /// Libraries that users and devices put beside the host's find a place to be mounted on.
    Status add_places_beneath(int mount) {
        struct stat st {};
        if (::fstat(mount, &st) != 0) return errno_error(kContainerLibraries);
        own_tmpfs_.insert(st.st_dev);
        const std::string above = std::string(kContainerLibraries) + "/";
        for (const auto& step : plan_->steps) {
            const auto* bind = std::get_if<effect::Bind>(&step.effect);
            if (bind == nullptr || !bind->destination.starts_with(above) || open_beneath(root_.get(), bind->destination)) continue;
            if (const auto directory = kind_of(bind->destination)) BERTH_CHECK(make_in_own_tmpfs(root_.get(), own_tmpfs_, bind->destination, *directory));
        }
        return {};
    }

    Status add_library(int folder, const effect::MakeLibraries::File& file) {
        const SourceTree& tree = sources_[file.source];
        if (!tree.mount || tree.directory) return {};  // gone since it was found
        const std::string& path = plan_->sources[file.source].path;
        BERTH_TRY(const auto place, new_place(folder, file.names.front(), false, path));
        BERTH_CHECK(restrict_mount(tree.mount.get(), Access::read_only, DeviceNodes::refused, path));
        BERTH_CHECK(attach_mount(tree.mount.get(), place.get(), path));
        for (std::size_t i = 1; i < file.names.size(); ++i)
            if (::symlinkat(file.names.front().c_str(), folder, file.names[i].c_str()) != 0) return errno_error(printable(file.names[i]));
        return {};
    }

    Status apply(const effect::MakeFolder& e) {
        if (open_beneath(root_.get(), e.path, Beneath::directory)) return {};
        static_cast<void>(make_in_own_tmpfs(root_.get(), own_tmpfs_, e.path, true));  // slurmstepd says so if it misses it
        return {};
    }

    Status apply(const effect::RunHook& e) {
        const auto now = std::chrono::steady_clock::now();
        if (!hooks_end_) hooks_end_ = now + effect::kHooksTime;
        const auto left = std::chrono::ceil<std::chrono::seconds>(*hooks_end_ - now);
        if (left <= std::chrono::seconds::zero())
            return Error{Category::system, ETIMEDOUT, "the hooks of CDI devices take longer than " + std::to_string(effect::kHooksTime.count()) + " s together"};
        return run_hook({e.hook, std::min(e.limit, left)}, in_.hook_caller, root_.get());
    }

    Status apply(const effect::PivotRoot&) {
        // pivot_root(2) with both arguments ".": the old root ends up on top of the new one, with the image and the
        // layer on top of it in turn. They are detached from the top: layer, image, and the host with all its mounts.
        if (::fchdir(root_.get()) != 0) return errno_error("the container's root");
        // Sources were copied where the host's mounts are, and follow those.
        if (!slave_) BERTH_CHECK(make_private(root_.get(), "the container"));
        if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno_error("pivot_root");
        for (int covered = 0; covered < 3; ++covered)
            if (::umount2(".", MNT_DETACH) != 0) return errno_error("cannot detach the host's root");
        if (::chdir("/") != 0) return errno_error("the container's root");
        return {};
    }

    // The task's own steps are Entry's (enter.hpp): this runner prepares.
    static Status not_here() { return Error{Category::internal, 0, "a step of another phase"}; }
    Status apply(const effect::EnterNamespaces&) { return not_here(); }
    Status apply(const effect::DropBoundingSet&) { return not_here(); }
    Status apply(const effect::DropCapabilities&) { return not_here(); }
    Status apply(const effect::NoNewPrivileges&) { return not_here(); }
    Status apply(const effect::BecomeIdentity&) { return not_here(); }
    Status apply(const effect::OpenLabel&) { return not_here(); }
    Status apply(const effect::SetLabel&) { return not_here(); }
    Status apply(const effect::InstallFilters&) { return not_here(); }
    Status apply(const effect::ChangeDirectory&) { return not_here(); }
    Status apply(const effect::CloseDescriptors&) { return not_here(); }

    RunnerInputs in_;
    const Plan* plan_ = nullptr;
    std::vector<SourceTree> sources_;
    std::set<dev_t> own_tmpfs_;
    bool slave_ = true;
    UniqueFd image_;
    UniqueFd root_;
    std::optional<ImageServer> server_;
    std::optional<std::chrono::steady_clock::time_point> hooks_end_;
    std::vector<ImageScript> scripts_;
    std::optional<GlibcVersion> glibc_;
};

RealRunner::RealRunner(RunnerInputs inputs) : builder_(std::make_unique<Builder>(std::move(inputs))) {}
RealRunner::~RealRunner() = default;
Status RealRunner::run(const Effect& effect, const Plan& plan) { return builder_->run(effect, plan); }
const std::vector<ImageScript>& RealRunner::scripts() const noexcept { return builder_->scripts(); }
std::optional<GlibcVersion> RealRunner::glibc() const noexcept { return builder_->glibc(); }
std::optional<DetachedProcess> RealRunner::take_server() noexcept { return builder_->take_server(); }

}  // namespace berth
