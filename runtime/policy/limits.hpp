// Limits of control groups: what a container asks for, reconciled with what holds already. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/cgroup_limits.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/origin.hpp"
#include "runtime/policy/cgroup_files.hpp"

namespace berth {

/// The control groups that a container will be in, gathered before the decision.
struct CgroupFacts {
    std::optional<CgroupVersion> version;  ///< nothing: the machine has none
    bool slurms = false;  ///< Slurm's own: they are tightened in place. Else the container gets one of its own.
    std::vector<std::string> controllers;  ///< those whose files a task's cgroup has
    std::vector<std::string> dormant;      ///< v2: those that could be enabled for it
    /// Slurm's values before a step begins: of each file those of the levels above a task, outermost first.
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> values;
    std::string problem;  ///< why there can be no limits at all, with the remedy; "" : there can
};

/// One limit as it will hold: a line of the table that --explain prints.
struct DecidedLimit {
    CgroupSetting setting;  ///< what is asked for, and by whom
    std::string above;      ///< Slurm's, and at which level: "2147483648 (step)"; "": none
    std::string effective;
    bool operator==(const DecidedLimit&) const = default;
};

/// The rules about devices of one asker, as the text of a DecidedLimit that has no file: a line each,
/// "[+-] TYPE MAJOR:MINOR ACCESS", of which the last that fits decides.
inline constexpr const char* kDevices = "devices";
[[nodiscard]] inline bool is_device_rules(const DecidedLimit& limit) noexcept { return limit.setting.controller == kDevices; }

/// Who asks for which limits, and of what.
struct LimitInputs {
    CgroupLimits user;  ///< the options' over the file's
    CgroupLimits site;  ///< the site's own: always, and a user's can only be tighter
    CgroupFacts facts;  ///< where nobody asks for limits: not looked at
};

/// `over` where it says something, else `under`; lists of `over` come after those of `under`.
[[nodiscard]] CgroupLimits merged(CgroupLimits under, const CgroupLimits& over);

/// Every limit asked for by either, each file once with the tighter of the two. A limit that the node cannot honour is
/// Category::unsupported, and names key and reason; `enable`, a directive, says whether dormant controllers may be used.
[[nodiscard]] Result<std::vector<DecidedLimit>> reconcile(const LimitInputs& inputs, const config::Setting<bool>& enable);

}  // namespace berth
