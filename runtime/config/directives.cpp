#include "runtime/config/directives.hpp"

#include <algorithm>
#include <array>

namespace berth::config {
namespace {

using enum ValueType;
using Choices = std::array<std::string_view, 2>;

constexpr std::string_view kSearchPath = "$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kRootSearchPath = kSearchPath.substr(6);

constexpr std::span<const std::string_view> kAny;
constexpr Choices kYesNo = {"yes", "no"};
constexpr std::array<std::string_view, 3> kDev = {"yes", "minimal", "no"};
constexpr std::array<std::string_view, 4> kOverlay = {"yes", "try", "driver", "no"};
constexpr Choices kOverlaySupported = {"yes", "try"};
constexpr std::array<std::string_view, 3> kUnderlay = {"yes", "preferred", "no"};
constexpr std::array<std::string_view, 1> kUnderlaySupported = {"yes"};
constexpr std::array<std::string_view, 3> kIfLimited = {"yes", "no", "iflimited"};
constexpr std::array<std::string_view, 3> kRootCapabilities = {"full", "file", "no"};
constexpr Choices kMemoryFs = {"tmpfs", "ramfs"};

constexpr bool kNow = true;
constexpr bool kLater = false;

// Names, types and values are those of singularity.conf 3.3, SingularityCE up to 4.5 and Apptainer up to 1.5. Where
// a directive's default differs between them, that of the newest SingularityCE is taken.
constexpr auto kDirectives = std::to_array<Directive>({
    // What the user may ask for
    {"user bind control", boolean, "yes", kYesNo, kNow, "Users may name bind mounts of their own."},

    // What every container gets
    // No default, as in Singularity: a file without it has none, and the shipped file has /etc/localtime and
    // /etc/hosts.
    {"bind path", binds, "", kAny, kNow, "Files and folders of the host that appear in every container."},
    {"mount dev", choice, "yes", kDev, kNow,
     "Whether /dev holds the host's devices, a harmless few, or only what the image has."},
    {"mount home", boolean, "yes", kYesNo, kNow, "The user's home appears in the container."},
    {"mount tmp", boolean, "yes", kYesNo, kNow, "The host's /tmp and /var/tmp appear in the container."},
    {"mount proc", boolean, "yes", kYesNo, kNow, "The container has a /proc."},
    {"mount sys", boolean, "yes", kYesNo, kNow, "The container has a /sys."},
    {"mount slave", boolean, "yes", kYesNo, kNow,
     "What the host mounts later appears beneath binds that are already there."},
    {"config passwd", boolean, "yes", kYesNo, kNow, "The container's /etc/passwd has a line for the user."},
    {"config group", boolean, "yes", kYesNo, kNow, "The container's /etc/group has lines for the user's groups."},
    {"config resolv_conf", boolean, "yes", kYesNo, kNow, "The container has the host's /etc/resolv.conf."},
    {"enable overlay", choice, "try", kOverlay, kNow,
     "Mount points that the image lacks may be made with an overlay; Berth chooses the way.", kOverlaySupported},
    {"enable underlay", choice, "yes", kUnderlay, kNow,
     "Mount points that the image lacks may be made without an overlay; Berth chooses the way.", kUnderlaySupported},

    // Which images run
    {"allow container sif", boolean, "yes", kYesNo, kNow, "SIF images that are not encrypted may run."},
    {"allow container encrypted", boolean, "yes", kYesNo, kNow, "Encrypted SIF images may run."},
    {"allow container squashfs", boolean, "yes", kYesNo, kNow, "Bare squashfs images may run."},
    {"allow container extfs", boolean, "yes", kYesNo, kNow, "Bare ext3 and ext4 images may run."},
    {"allow container dir", boolean, "yes", kYesNo, kNow, "Folders may be run as images."},
    {"limit container paths", paths, "", kAny, kNow, "Users other than root run only images beneath these folders."},
    {"limit container owners", names, "", kAny, kNow,
     "Users other than root run only images that one of these users owns."},
    {"limit container groups", names, "", kAny, kNow,
     "Users other than root run only images that one of these groups owns."},

    // Berth's own
    {"require signature", boolean, "no", kYesNo, kNow, "Only images that are signed by a key of the site's may run."},
    {"image cache", path, "/var/cache/berth", kAny, kNow, "Folder for copies of verified images."},
    {"image cache size", number, "20480", kAny, kNow, "What those copies may take together, in MiB."},
    {"image server user", account, "berth", kAny, kNow,
     "The account under which the FUSE image server runs when root starts it."},

    // Known, not in effect yet
    {"allow setuid", boolean, "yes", kYesNo, kLater, "Whether the runtime may use privilege for users."},
    {"allow ipc ns", boolean, "yes", kYesNo, kLater, "Users may ask for an IPC namespace."},
    {"allow pid ns", boolean, "yes", kYesNo, kLater, "Users may ask for a PID namespace."},
    {"allow user ns", boolean, "yes", kYesNo, kLater, "Users may ask for a user namespace."},
    {"allow uts ns", boolean, "yes", kYesNo, kLater, "Users may ask for a UTS namespace."},
    {"mount devpts", boolean, "yes", kYesNo, kLater, "A minimal /dev has terminals of its own."},
    {"mount hostfs", boolean, "no", kYesNo, kLater,
     "Every file system that the host has mounted appears in the container."},
    {"enable fusemount", boolean, "yes", kYesNo, kLater, "Users may mount FUSE file systems in the container."},
    {"sessiondir max size", number, "64", kAny, kLater,
     "Size in MiB of the memory file systems that hold what containers write."},
    {"memory fs type", choice, "tmpfs", kMemoryFs, kLater, "Which memory file system holds what containers write."},
    {"tmp sandbox", boolean, "yes", kYesNo, kLater, "Images that cannot be mounted may be unpacked."},
    {"root default capabilities", choice, "full", kRootCapabilities, kNow,
     "Which capabilities root keeps in a container."},
    {"max loop devices", number, "256", kAny, kLater, "The most loop devices that are used."},
    {"shared loop devices", boolean, "no", kYesNo, kLater, "Containers of the same image share a loop device."},
    {"allow kernel squashfs", boolean, "yes", kYesNo, kLater, "The kernel may mount squashfs for a user."},
    {"allow kernel extfs", boolean, "yes", kYesNo, kLater, "The kernel may mount ext3 and ext4 for a user."},
    {"allow setuid-mount squashfs", choice, "iflimited", kIfLimited, kLater,
     "Whether privilege mounts squashfs by the kernel for a user."},
    {"allow setuid-mount extfs", boolean, "no", kYesNo, kLater,
     "Whether privilege mounts ext3 and ext4 by the kernel for a user."},
    {"allow setuid-mount encrypted", boolean, "yes", kYesNo, kLater,
     "Whether privilege mounts encrypted images by the kernel for a user."},
    {"sync writable extfs", boolean, "no", kYesNo, kLater,
     "Writable ext3 and ext4 images are written through at once."},
    {"image driver", text, "", kAny, kLater, "A plugin that mounts images."},
    {"always use nv", boolean, "no", kYesNo, kLater, "Every container gets the NVIDIA GPU stack."},
    {"always use rocm", boolean, "no", kYesNo, kLater, "Every container gets the AMD GPU stack."},
    {"use nvidia-container-cli", boolean, "no", kYesNo, kLater, "NVIDIA's own program sets the GPUs up."},
    {"allow net users", names, "", kAny, kLater, "Users who may use the networks below."},
    {"allow net groups", names, "", kAny, kLater, "Groups that may use the networks below."},
    {"allow net networks", names, "", kAny, kLater, "CNI networks that users may ask for."},
    {"allow netns paths", paths, "", kAny, kLater, "Network namespaces that users may join."},
    {"cni configuration path", path, "", kAny, kLater, "Folder of CNI network definitions."},
    {"cni plugin path", path, "", kAny, kLater, "Folder of CNI programs."},
    {"systemd cgroups", boolean, "yes", kYesNo, kLater, "Control groups are made by systemd."},
    {"oci mode", boolean, "no", kYesNo, kLater, "Images are run by an OCI runtime."},
    {"sif fuse", boolean, "no", kYesNo, kLater, "SIF images are mounted by FUSE without privilege."},
    {"autofs bug path", paths, "", kAny, kLater, "Automounted folders that need opening before they can be bound."},
    {"binary path", text, kSearchPath, kAny, kLater, "Where helper programs are looked for."},
    {"suidbinary path", text, "", kAny, kLater, "Where helper programs that run with privilege are looked for."},
    {"root search path", text, kRootSearchPath, kAny, kLater, "Where helper programs are looked for as root."},
    {"user search path", text, kSearchPath, kAny, kLater, "Where helper programs are looked for as a user."},
    {"cryptsetup path", path, "", kAny, kLater, "The program cryptsetup."},
    {"go path", path, "", kAny, kLater, "The program go."},
    {"ldconfig path", path, "", kAny, kLater, "The program ldconfig."},
    {"mksquashfs path", path, "", kAny, kLater, "The program mksquashfs."},
    {"mksquashfs procs", number, "0", kAny, kLater, "Processors that mksquashfs may use; 0 is all."},
    {"mksquashfs mem", text, "", kAny, kLater, "Memory that mksquashfs may use."},
    {"nvidia-container-cli path", path, "", kAny, kLater, "The program nvidia-container-cli."},
    {"unsquashfs path", path, "", kAny, kLater, "The program unsquashfs."},
    {"download concurrency", number, "3", kAny, kLater, "Connections that a download uses."},
    {"download part size", number, "5242880", kAny, kLater,
     "Bytes that each connection of a download fetches at a time."},
    {"download buffer size", number, "32768", kAny, kLater, "Bytes of a download's buffer."},
    {"allow monitoring", boolean, "no", kYesNo, kLater, "Containers report to Apptheus."},
    // Apptainer's program knows the first name, the file it ships the second.
    {"apptheus communication socket path", path, "/run/apptheus/gateway.sock", kAny, kLater, "The socket of Apptheus."},
    {"apptheus socket path", path, "/run/apptheus/gateway.sock", kAny, kLater, "The socket of Apptheus."},
});

}  // namespace

std::string_view to_string(ValueType type) noexcept {
    switch (type) {
        case boolean: return "yes/no";
        case choice: return "choice";
        case number: return "number";
        case text: return "text";
        case path: return "path";
        case account: return "user";
        case names: return "list of names";
        case paths: return "list of paths";
        case binds: return "list of binds";
    }
    return "text";
}

std::string join_choices(std::span<const std::string_view> choices) {
    std::string joined;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) joined += i + 1 == choices.size() ? " or " : ", ";
        joined += choices[i];
    }
    return joined;
}

std::string Directive::allowed() const {
    switch (type) {
        case boolean:
        case choice: return join_choices(values);
        case number: return "a decimal number";
        case text: return "any text";
        case path: return "an absolute path without '..'";
        case account: return "a user name or a numeric uid, not root";
        case names: return "names separated by commas";
        case paths: return "absolute paths without '..', separated by commas";
        case binds:
            return "SOURCE[:DESTINATION[:ro]], absolute paths without '..' (the destination not /), separated by "
                   "commas";
    }
    return "any text";
}

std::span<const Directive> directives() noexcept {
    return kDirectives;
}

const Directive* find_directive(std::string_view name) noexcept {
    const auto found = std::ranges::find(kDirectives, name, &Directive::name);
    return found == kDirectives.end() ? nullptr : &*found;
}

}  // namespace berth::config
