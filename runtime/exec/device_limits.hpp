// Device rules of control groups: on v1 lists that the kernel keeps, on v2 a BPF program.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/policy/limits.hpp"

namespace berth {

/// Who made a v1 cgroup. Where everything is allowed but for some devices, devices.list shows no exceptions: those that Slurm
/// made must not be lost, and a cgroup of our own has none beside its parent's, which the kernel keeps.
enum class DeviceList { slurms, own };

/// v1: what `folder` allows is cut down to what the rules of each of the limits allow, too. Rules that a v1 list cannot express
/// (a part of what one entry allows is denied), and on Slurm's list of exceptions rules that begin with "nothing", are
/// Category::unsupported. Source: Documentation/admin-guide/cgroup-v1/devices.rst, and the kernel's security/device_cgroup.c.
/// Needs the right to write the cgroup's files, and CAP_SYS_ADMIN.
[[nodiscard]] Status write_device_rules(const std::vector<DecidedLimit>& limits, const std::string& folder, DeviceList whose);

/// The whitelist that is left of `current` (a devices.list), one entry a line. Pure; for write_device_rules().
[[nodiscard]] Result<std::vector<std::string>> device_list_after(const std::string& current, const std::string& rules);

/// v2: attaches to `folder` a program that refuses what any of the limits' rules refuses, beside those programs that are
/// there or beneath it, and beside those of folders above, which hold on. It goes with the cgroup. Category::unsupported where
/// the cgroup has a program that was attached to be alone there. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Source: bpf(2),
/// BPF_PROG_TYPE_CGROUP_DEVICE, and the kernel's kernel/bpf/cgroup.c.
[[nodiscard]] Status attach_device_rules(const std::vector<DecidedLimit>& limits, const std::string& folder);

/// The program for attach_device_rules(): for each list of rules the last that fits decides, and one that says no is enough.
[[nodiscard]] Result<std::vector<bpf_insn>> device_program(const std::vector<DecidedLimit>& limits);

}  // namespace berth
