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
constexpr std::array<std::string_view, 3> kUnderlay = {"yes", "preferred", "no"};
constexpr std::array<std::string_view, 3> kIfLimited = {"yes", "no", "iflimited"};
constexpr std::array<std::string_view, 3> kRootCapabilities = {"full", "file", "no"};
constexpr std::array<std::string_view, 3> kKernelMount = {"never", "trusted", "always"};
constexpr Choices kMemoryFs = {"tmpfs", "ramfs"};

using enum Standing;
using Refused1 = std::array<RefusedValue, 1>;
using Refused2 = std::array<RefusedValue, 2>;

constexpr std::span<const RefusedValue> kNothing;
constexpr Refused2 kNoOverlay = {
    {{"driver", "there are no image drivers here that could provide the overlay; write yes or try"},
     {"no", "mount points that an image lacks are always made with overlayfs (over a read-only image, and without an "
            "overlay of the user's); write yes or try"}}};
constexpr Refused1 kNoUnderlay = {
    {{"preferred", "mount points that an image lacks are always made with overlayfs; write yes or no"}}};
constexpr Refused1 kNoImageDriver = {{{"", "there are no plugins here; remove the value"}}};
constexpr Refused1 kNoOci = {{{"yes", "OCI images are not run here; write no, and convert such images to SIF"}}};
constexpr Refused1 kOnlySystemd = {{{"no", "not supported yet; write yes"}}};

// Names, types and values are those of singularity.conf 3.3, SingularityCE up to 4.5 and Apptainer up to 1.5. Where
// a directive's default differs between them, that of the newest SingularityCE is taken.
constexpr auto kDirectives = std::to_array<Directive>({
    // What the user may ask for
    {"user bind control", boolean, "yes", kYesNo, in_effect, "Users may name bind mounts of their own."},
    {"option default", option, "", kAny, in_effect, "An option that every container gets, as NAME or NAME=VALUE, one a line.",
     "Berth's own. The weakest source: the environment and the command line are applied over it."},
    {"option deny", names, "", kAny, in_effect, "Options that nobody may give.", "Berth's own. For root, too; what `option default` sets stays."},
    {"allow user ns", boolean, "yes", kYesNo, in_effect, "Containers may be made in a user namespace.",
     "With `no`, `berth` makes containers for root only, because without privilege every container needs a user "
     "namespace. Steps of Slurm's need none.", "no"},

    // What every container gets
    // No default, as in Singularity: a file without it has none, and the shipped file has /etc/localtime and
    // /etc/hosts.
    {"bind path", binds, "", kAny, in_effect, "Files and folders of the host that appear in every container.",
     "A third field, `:ro` or `:rw`, is obeyed; Singularity ignores it. The destination may not be `/`. At `--contain`, "
     "too."},
    {"mount dev", choice, "yes", kDev, in_effect,
     "Whether /dev holds the host's devices, a harmless few, or only what the image has.", "`minimal` has a `tty` too.", "minimal"},
    {"mount devpts", boolean, "yes", kYesNo, in_effect, "A minimal /dev has terminals of its own."},
    {"mount home", boolean, "yes", kYesNo, in_effect, "The user's home appears in the container."},
    {"mount tmp", boolean, "yes", kYesNo, in_effect, "The host's /tmp and /var/tmp appear in the container."},
    {"mount hostfs", boolean, "no", kYesNo, in_effect,
     "File systems that the host has mounted directly on its root's appear in the container, except at `--contain`.",
     "Neither those of the kernel's, nor those that users' processes serve (FUSE), nor those on folders of the system (/usr, /var, /boot, /run …). Opened as the user.", "yes"},
    {"mount proc", boolean, "yes", kYesNo, in_effect, "The container has a /proc."},
    {"mount sys", boolean, "yes", kYesNo, in_effect, "The container has a /sys."},
    {"mount slave", boolean, "yes", kYesNo, in_effect,
     "What the host mounts later appears beneath binds that are already there."},
    {"config passwd", boolean, "yes", kYesNo, in_effect, "The container's /etc/passwd has a line for the user."},
    {"config group", boolean, "yes", kYesNo, in_effect, "The container's /etc/group has lines for the user's groups."},
    {"config resolv_conf", boolean, "yes", kYesNo, in_effect, "The container has the host's /etc/resolv.conf."},
    {"sessiondir max size", number, "64", kAny, in_effect,
     "Size in MiB of each memory file system that holds what containers write (/tmp, /var/tmp and the home at "
     "`--contain`).",
     "Each has this size, not all together; 0 sets no limit. Singularity up to 3.10 and Apptainer up to 1.1 default to 16."},
    {"memory fs type", choice, "tmpfs", kMemoryFs, in_effect, "Which memory file system holds what containers write. A ramfs has no size: `sessiondir max size` does not limit it, the job's memory does."},
    {"enable overlay", choice, "try", kOverlay, in_effect, "Mount points that the image lacks may be made with an overlay.",
     "`yes` and `try` mean the same. Users cannot add overlays of their own.", {}, kNoOverlay},
    {"enable underlay", choice, "yes", kUnderlay, holds, "Mount points that the image lacks may be made without an overlay.",
     "They are made with overlayfs, always.", {}, kNoUnderlay},
    {"seccomp profile", path, "", kAny, in_effect, "A seccomp profile that every container gets.", "Berth's own."},

    {"cdi spec dirs", paths, "/etc/cdi, /var/run/cdi", kAny, in_effect, "Folders of the CDI specifications that `--cdi` looks devices up in.",
     "Berth's own. A later folder outweighs an earlier one. Folders and files must be root's; an empty list: no such devices."},
    {"allow cdi hook", paths, "", kAny, in_effect, "Programs that CDI specifications may have run as hooks before a container begins; they run as the caller, without capabilities. A device that needs another is refused.",
     "Berth's own. What NVIDIA's own hooks do, Berth does without running them."},

    // Which images run
    {"allow container sif", boolean, "yes", kYesNo, in_effect, "SIF images that are not encrypted may run.",
     "Singularity 3.3 lacks it. Holds with and without privilege, under Slurm and on the command line, for root, too.", "no"},
    {"allow container encrypted", boolean, "yes", kYesNo, in_effect, "Encrypted SIF images may run.",
     "Encrypted images cannot run yet, so `yes` and `no` come to the same.", "yes"},
    {"allow container squashfs", boolean, "yes", kYesNo, in_effect, "Bare squashfs images may run.",
     "Bare squashfs files only, as in Singularity, not those inside a SIF. For root, too.", "no"},
    {"allow container extfs", boolean, "yes", kYesNo, in_effect, "Bare ext3 and ext4 images may run.",
     "Such images cannot run yet, so `yes` and `no` come to the same.", "yes"},
    {"allow container dir", boolean, "yes", kYesNo, in_effect, "Folders may be run as images.", "For root, too.", "no"},
    {"limit container paths", paths, "", kAny, in_effect, "Users other than root run only images beneath these folders.",
     "Whole path components are compared; links are resolved in the image's path always, and in this one as far as every "
     "part of it is root's (elsewhere it stands for itself). Older Singularity compares the beginnings of strings. Entries "
     "with `..` are refused."},
    {"limit container owners", names, "", kAny, in_effect,
     "Users other than root run only images that one of these users owns.",
     "Numeric uids are taken too. No folder passes: whose it is says nothing about what lies in it. Nor does a file on a "
     "file system that users may serve (FUSE, CVMFS among them), which names owners as it likes."},
    {"limit container groups", names, "", kAny, in_effect,
     "Users other than root run only images that one of these groups owns.",
     "Numeric gids are taken too. No folder passes, and no file on FUSE, as for owners."},
    {"require signature", boolean, "no", kYesNo, in_effect, "Only images that are signed by a key of the site's may run.",
     "Berth's own; for root, too (admin guide, \"Signed images only\")."},

    // How images are mounted
    {"allow kernel mount", choice, "trusted", kKernelMount, in_effect,
     "Which images the kernel mounts, where Berth has privilege: none; those that only root can change; or every one.",
     "Berth's own. **`always` is dangerous**: a user who crafts an image attacks the kernel, from any job. All others are "
     "served by FUSE. The directives below can only forbid more."},
    {"allow setuid", boolean, "yes", kYesNo, in_effect, "Privilege may mount images for users.",
     "Berth installs nothing setuid, so `no` holds for the command. Under Slurm, whose own privilege makes the container, "
     "`no` keeps the kernel from mounting images: FUSE serves them.", "no"},
    {"allow kernel squashfs", boolean, "yes", kYesNo, in_effect, "The kernel may mount squashfs.",
     "For root, too. What `allow kernel mount` forbids stays forbidden."},
    {"allow setuid-mount squashfs", choice, "yes", kIfLimited, in_effect, "Privilege may mount squashfs by the kernel.",
     "For root, too. What `allow kernel mount` forbids stays forbidden; with it, Apptainer's default (`iflimited`: only "
     "where a `limit container` list or the execution control list is in effect) is not needed here. A plain yes/no before "
     "Apptainer 1.3."},
    {"max loop devices", number, "256", kAny, in_effect, "The most loop devices that are used: those below this number.",
     "With 0, FUSE serves every image; Singularity refuses them.", "0"},
    {"image server user", account, "berth", kAny, in_effect,
     "The account under which the FUSE image server runs when root starts it.", "Berth's own.", {}, kNothing, Place::global},
    {"image cache", path, "/var/cache/berth", kAny, in_effect, "Folder for copies of verified images.",
     "Berth's own. Root makes the folder itself, not those above it.", {}, kNothing, Place::global},
    {"image cache size", number, "20480", kAny, in_effect, "What those copies may take together, in MiB.", "Berth's own.", {},
     kNothing, Place::global},

    {"enable cgroup controllers", boolean, "no", kYesNo, in_effect,
     "On cgroup v2: a limit on processes, devices' time or huge pages may have its controller enabled in Slurm's own control groups for the step.",
     "Berth's own. Slurm enables cpuset, cpu and memory alone; without this such limits are refused."},

    // GPUs
    {"always use nv", boolean, "no", kYesNo, in_effect, "Every container gets the NVIDIA GPU stack, as with --nv.",
     "What there is of it on a node, without a warning where there is nothing.", "yes"},
    {"always use rocm", boolean, "no", kYesNo, in_effect, "Every container gets the AMD GPU stack, as with --rocm.",
     "What there is of it on a node, without a warning where there is nothing.", "yes"},
    {"use nvidia-container-cli", boolean, "no", kYesNo, in_effect,
     "NVIDIA's own program says what its stack consists of, in the place of nvliblist.conf.",
     "It is asked for its list; the containers are made by Berth, as always.", "yes", kNothing, Place::global},
    {"nvidia-container-cli path", path, "", kAny, in_effect,
     "The program nvidia-container-cli; without it, the one in /usr/local/bin, /usr/bin or /bin.",
     "It and the folders above it must be root's alone.", {}, kNothing, Place::global},

    // The node's own
    {"audit log", path, "", kAny, in_effect, "File for a line of JSON about each decision; without one, the syslog only.",
     "Berth's own.", {}, kNothing, Place::global},
    {"mksquashfs path", path, "", kAny, in_effect, "The program mksquashfs, for `berth build`; without it, the one on the PATH.",
     "", {}, kNothing, Place::global},
    {"mksquashfs procs", number, "0", kAny, in_effect, "Processors that mksquashfs may use; 0 is all. `berth build --processors` may ask for fewer.",
     "", {}, kNothing, Place::global},
    {"mksquashfs mem", text, "", kAny, in_effect, "Memory that mksquashfs may use, as 500M or 1G.", "", {}, kNothing, Place::global},

    {"root default capabilities", choice, "full", kRootCapabilities, in_effect, "Which capabilities root keeps in a container: every one (full), those of capability.json (file), or none."},

    // What holds anyway
    {"allow ipc ns", boolean, "yes", kYesNo, holds, "Users may ask for an IPC namespace.", "There is no such option here yet."},
    {"allow pid ns", boolean, "yes", kYesNo, holds, "Users may ask for a PID namespace.", "There is no such option here yet."},
    {"allow uts ns", boolean, "yes", kYesNo, holds, "Users may ask for a UTS namespace.", "There is no such option here yet."},
    {"enable fusemount", boolean, "yes", kYesNo, holds, "Users may mount FUSE file systems in the container.",
     "There is no such option here."},
    {"tmp sandbox", boolean, "yes", kYesNo, holds, "Images that cannot be mounted may be unpacked.",
     "No image is ever unpacked in order to run it."},
    {"shared loop devices", boolean, "no", kYesNo, holds, "Containers of the same image share a loop device.",
     "They do not; the tasks of a step on a node share one mount."},
    {"allow kernel extfs", boolean, "yes", kYesNo, holds, "The kernel may mount ext3 and ext4.", "It never does."},
    {"allow setuid-mount extfs", boolean, "no", kYesNo, holds, "Privilege may mount ext3 and ext4 by the kernel.", "It never does."},
    {"allow setuid-mount encrypted", boolean, "yes", kYesNo, holds, "Privilege may mount encrypted images by the kernel.",
     "Encrypted images cannot run yet."},
    {"sync writable extfs", boolean, "no", kYesNo, holds, "Writable ext3 and ext4 images are written through at once.",
     "Images are mounted read-only."},
    {"image driver", text, "", kAny, holds, "A plugin that mounts images.", "The file that Apptainer ships sets it to nothing.", {},
     kNoImageDriver},
    {"allow net users", names, "", kAny, holds, "Users who may use the networks below.",
     "Containers have the host's network, and nobody can ask for another."},
    {"allow net groups", names, "", kAny, holds, "Groups that may use the networks below.",
     "Containers have the host's network, and nobody can ask for another."},
    {"allow net networks", names, "", kAny, holds, "CNI networks that users may ask for.",
     "Containers have the host's network, and nobody can ask for another."},
    {"allow netns paths", paths, "", kAny, holds, "Network namespaces that users may join.", "None can be joined."},
    {"cni configuration path", path, "", kAny, holds, "Folder of CNI network definitions.", "There are no CNI networks here."},
    {"cni plugin path", path, "", kAny, holds, "Folder of CNI programs.", "There are no CNI networks here."},
    {"systemd cgroups", boolean, "yes", kYesNo, holds, "Control groups are made by systemd.", "Those of users are; root's are made directly, and under Slurm none is made for limits.", {}, kOnlySystemd},
    {"oci mode", boolean, "no", kYesNo, holds, "Images are run by an OCI runtime.", "SingularityCE only.", {}, kNoOci},
    {"sif fuse", boolean, "no", kYesNo, holds, "SIF images are mounted by FUSE without privilege.", "They always are."},
    {"autofs bug path", paths, "", kAny, holds, "Automounted folders that need opening before they can be bound.",
     "Every bind is opened first. Singularity up to 3.4 only."},
    {"binary path", text, kSearchPath, kAny, holds, "Where helper programs are looked for.",
     "Berth starts its own programs from where it is installed; only `berth build` looks for mksquashfs, see `mksquashfs "
     "path`. Apptainer only."},
    {"suidbinary path", text, "", kAny, holds, "Where helper programs that run with privilege are looked for.",
     "With privilege, Berth starts only its own programs, from where they are installed. Apptainer only."},
    {"root search path", text, kRootSearchPath, kAny, holds, "Where helper programs are looked for as root.",
     "As `binary path`. SingularityCE only."},
    {"user search path", text, kSearchPath, kAny, holds, "Where helper programs are looked for as a user.",
     "As `binary path`. SingularityCE only."},
    {"cryptsetup path", path, "", kAny, holds, "The program cryptsetup.", "It is not used."},
    {"go path", path, "", kAny, holds, "The program go.", "It is not used."},
    {"ldconfig path", path, "", kAny, holds, "The program ldconfig.", "It is not used."},
    {"unsquashfs path", path, "", kAny, holds, "The program unsquashfs.", "It is not used."},
    {"download concurrency", number, "3", kAny, holds, "Connections that a download uses.", "Berth downloads no images."},
    {"download part size", number, "5242880", kAny, holds, "Bytes that each connection of a download fetches at a time.",
     "Berth downloads no images."},
    {"download buffer size", number, "32768", kAny, holds, "Bytes of a download's buffer.", "Berth downloads no images."},
    {"allow monitoring", boolean, "no", kYesNo, holds, "Containers report to Apptheus.", "They do not. Apptainer only."},
    // Apptainer's program knows the first name, the file it ships the second.
    {"apptheus communication socket path", path, "/run/apptheus/gateway.sock", kAny, holds, "The socket of Apptheus.",
     "It is not used. Apptainer only: the name its program knows."},
    {"apptheus socket path", path, "/run/apptheus/gateway.sock", kAny, holds, "The socket of Apptheus.",
     "It is not used. Apptainer only: the name in the file it ships."},
});

std::string values_cell(const Directive& directive) {
    if (directive.values.empty()) return std::string(to_string(directive.type));
    std::string cell;
    for (const std::string_view value : directive.values)
        if (std::ranges::count(directive.refused, value, &RefusedValue::value) == 0)
            cell += (cell.empty() ? "`" : ", `") + std::string(value) + "`";
    return cell;
}

std::string difference_cell(const Directive& directive) {
    std::string cell(directive.difference);
    for (const RefusedValue& refused : directive.refused)
        cell += (cell.empty() ? "" : " ") + (refused.value.empty() ? "Any value" : "`" + std::string(refused.value) + "`") +
                " is refused: " + std::string(refused.why) + ".";
    return cell.empty() ? "None." : cell;
}

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
        case option: return "option";
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
        case option: return "NAME or NAME=VALUE of one runtime option (`berth options` lists them)";
    }
    return "any text";
}

std::span<const Directive> directives() noexcept {
    return kDirectives;
}

std::string directives_markdown() {
    std::string text;
    for (const Standing standing : {in_effect, holds}) {
        text += standing == in_effect ? "### In effect\n\n| directive | values | default | what it does | difference from Singularity and Apptainer |\n"
                                      : "\n### Accepted, because it holds anyway\n\n| directive | values | default | what it is about | why it holds |\n";
        text += "|---|---|---|---|---|\n";
        for (const Directive& d : kDirectives) {
            if (d.standing != standing) continue;
            const std::string by_default = d.default_value.empty() ? "" : "`" + std::string(d.default_value) + "` ";
            text += "| `" + std::string(d.name) + "` | " + values_cell(d) + " | " + by_default + "| " + std::string(d.meaning) + " | " +
                    difference_cell(d) + " |\n";
        }
    }
    return text;
}

const Directive* find_directive(std::string_view name) noexcept {
    const auto found = std::ranges::find(kDirectives, name, &Directive::name);
    return found == kDirectives.end() ? nullptr : &*found;
}

}  // namespace berth::config
