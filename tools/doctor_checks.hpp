// The functions behind the table of doctor_checks.cpp, and what they share.
#pragma once

#include <optional>

#include "tools/doctor.hpp"

namespace berth::tools {

// doctor_kernel.cpp
std::vector<Finding> examine_kernel(const Surroundings& node);
std::vector<Finding> examine_file_systems(const Surroundings& node);
std::vector<Finding> examine_seccomp(const Surroundings& node);
std::vector<Finding> examine_user_namespaces(const Surroundings& node);
std::vector<Finding> examine_fuse_device(const Surroundings& node);
std::vector<Finding> examine_loop_devices(const Surroundings& node);
std::vector<Finding> examine_security_modules(const Surroundings& node);
// doctor_cgroups.cpp
std::vector<Finding> examine_cgroups(const Surroundings& node);
// doctor_gpus.cpp
std::vector<Finding> examine_gpus(const Surroundings& node);
// doctor_site.cpp
std::vector<Finding> examine_programs(const Surroundings& node);
std::vector<Finding> examine_configuration(const Surroundings& node);
std::vector<Finding> examine_server_account(const Surroundings& node);
std::vector<Finding> examine_keyring(const Surroundings& node);
std::vector<Finding> examine_image_cache(const Surroundings& node);
// doctor_slurm.cpp
std::vector<Finding> examine_slurm(const Surroundings& node);
std::vector<Finding> examine_munge(const Surroundings& node);
std::vector<Finding> examine_plugstack(const Surroundings& node);
std::vector<Finding> examine_oci_conf(const Surroundings& node);

/// What there is to say about this release of Slurm ("24.11.5") on the node.
[[nodiscard]] std::vector<Finding> examine_release(const Surroundings& node, const std::string& release);

/// Whether there is something at this path of the node's.
[[nodiscard]] bool exists(const Surroundings& node, const std::string& path);

/// The text of a small file of the node's; empty where there is none, or it cannot be read.
[[nodiscard]] std::string text_of(const Surroundings& node, const std::string& path);

/// The first line of it, without blanks around it.
[[nodiscard]] std::string first_line(const Surroundings& node, const std::string& path);

/// The words of a text that are separated by blanks, tabs or line ends.
[[nodiscard]] std::vector<std::string> words_of(const std::string& text);

/// ASCII letters in lower case.
[[nodiscard]] std::string lower(std::string_view text);

/// A setting of slurm.conf or cgroup.conf ("ProctrackType"), as the file has it; nothing where it is not set.
/// Files that these include are not looked into.
[[nodiscard]] std::optional<std::string> slurm_setting(const Surroundings& node, const std::string& file, std::string_view name);

/// The folder of slurm.conf, as Surroundings::slurm_folder tells.
[[nodiscard]] std::string slurm_folder(const Surroundings& node);

}  // namespace berth::tools
