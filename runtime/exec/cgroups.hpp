// Control groups: where the kernel's hierarchies are mounted, and which folders in them belong to a process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// A process's cgroup in one hierarchy.
struct CgroupPlace {
    std::vector<std::string> controllers;  ///< v1: those of the hierarchy; v2: none, its folders say themselves
    bool unified = false;                  ///< v2
    std::string mount;                     ///< where the hierarchy is mounted
    std::string folder;                    ///< of the process, absolute, beneath `mount`
};

/// Every hierarchy that has controllers or is v2, and is mounted here. Reads /proc/PID/cgroup and this process's mounts;
/// needs no privilege. Source: cgroups(7).
[[nodiscard]] Result<std::vector<CgroupPlace>> cgroup_places(pid_t pid);

/// The place that has this controller; else the v2 hierarchy, where there is one with controllers.
[[nodiscard]] const CgroupPlace* find_place(const std::vector<CgroupPlace>& places, std::string_view controller) noexcept;

/// Whether Slurm made this folder for a step, or a folder above it.
[[nodiscard]] bool is_slurm_step(std::string_view folder) noexcept;

/// "/…/job_1/step_0/user/task_3" → "/…/job_1/step_0"; nothing for a folder that is not a step's.
[[nodiscard]] std::optional<std::string> slurm_step_folder(std::string_view folder);

/// The file's text without its last newline.
[[nodiscard]] Result<std::string> read_cgroup_file(const std::string& folder, const std::string& file);

/// Its words, for a list such as cgroup.controllers; none where it cannot be read.
[[nodiscard]] std::vector<std::string> read_cgroup_words(const std::string& folder, const std::string& file);

/// One write(2), as the kernel wants it. Never makes a file. Root writes limits that users name: a `file` that is no name in
/// the folder, and a text of several lines, are Category::internal.
[[nodiscard]] Status write_cgroup_file(const std::string& folder, const std::string& file, std::string_view text);

}  // namespace berth
