#include "tools/doctor_checks.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth::tools {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;

constexpr auto kChecks = std::to_array<Check>({
    {"kernel", "The kernel's release, and whether it has the system calls that containers need.", examine_kernel},
    {"file systems", "overlay, squashfs and fuse: whether the kernel has them, or a module that it can load.", examine_file_systems},
    {"seccomp", "The actions that the kernel's filters know, and the release of libseccomp that Berth was linked with.", examine_seccomp},
    {"user namespaces", "Whether a user without privilege can make one, found out by trying, and which setting forbids it.",
     examine_user_namespaces},
    {"/dev/fuse", "Whether it is there, and whether users may open it.", examine_fuse_device},
    {"loop devices", "Whether the kernel offers them.", examine_loop_devices},
    {"cgroups",
     "The version. With version 1: whether the hierarchies are mounted that slurm.conf and cgroup.conf ask for. With version 2: "
     "which controllers are handed down to users' systemd and to Slurm's own cgroups.",
     examine_cgroups},
    {"security modules", "Which of them the kernel has; whether AppArmor restricts user namespaces; SELinux's mode.",
     examine_security_modules},
    {"GPUs", "What is seen of NVIDIA's and AMD's drivers, devices and libraries, and whether containers could get them.", examine_gpus},
    {"programs", "That Berth's own programs are there and root's alone, and the programs of others that Berth starts.", examine_programs},
    {"configuration", "berth.conf, ecl.toml, capability.json and the seccomp profile: whether a step could read them, and whether they contradict each other or the node.",
     examine_configuration},
    {"image server user", "Whether the account exists and is not root's.", examine_server_account},
    {"site keyring", "Whether it is root's alone, and there at all where signatures are required.", examine_keyring},
    {"image cache", "Whether its folder is there or can be made.", examine_image_cache},
    {"Slurm", "The release that is installed, and whether it has a defect that ends containers where slurm.conf has a TaskProlog.", examine_slurm},
    {"munge", "Whether it answers.", examine_munge},
    {"plugstack.conf",
     "Which line loads the plugin, whether the file is root's alone, and whether it was built for this release of Slurm.",
     examine_plugstack},
    {"oci.conf", "Whether there is one, which would give --container to Slurm's own OCI support.", examine_oci_conf},
});

}  // namespace

std::span<const Check> doctor_checks() noexcept { return kChecks; }

std::vector<Finding> examine(const Surroundings& node) {
    std::vector<Finding> findings;
    for (const Check& check : kChecks)
        for (Finding& finding : check.examine(node)) {
            finding.check = check.name;
            findings.push_back(std::move(finding));
        }
    return findings;
}

bool exists(const Surroundings& node, const std::string& path) { return ::access((node.root + path).c_str(), F_OK) == 0; }

std::string text_of(const Surroundings& node, const std::string& path) {
    auto text = read_file(node.root + path, kMaxFile);
    return text ? std::move(text).value() : std::string();
}

std::string first_line(const Surroundings& node, const std::string& path) {
    return std::string(trim(split(text_of(node, path), '\n').front()));
}

std::vector<std::string> words_of(const std::string& text) {
    std::string blanks = text;
    std::ranges::replace_if(blanks, [](char c) { return c == '\t' || c == '\r' || c == '\n'; }, ' ');
    auto words = split(blanks, ' ');
    std::erase_if(words, [](const std::string& word) { return trim(word).empty(); });
    return words;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

}  // namespace berth::tools
