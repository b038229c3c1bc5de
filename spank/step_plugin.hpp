// What the callbacks share: the state of the one step that a slurmstepd runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/step.hpp"

namespace berth {

/// plugstack.conf: `required berth_spank.so [config=PATH] [default=IMAGE] [early-check=yes|no]`.
struct PluginArguments {
    std::string config;
    std::string default_image;
    bool early_check = true;  ///< srun, sbatch and salloc look at --container-image before anything is queued
};
[[nodiscard]] Result<PluginArguments> parse_plugin_arguments(const std::vector<std::string>& arguments);

/// Which image a step asked for; "" for none. The innermost word counts: what srun was given replaces what sbatch or
/// salloc left in the environment, whether it came by Slurm's own --container or by --container-image.
/// Category::usage for an empty word: a shell's unset variable must not lead out of the container.
/// \param native the job's SLURM_CONTAINER   \param image --container-image's value
/// \param last which of the two the innermost command line gave, as it noted it: kLastNative, kLastImage, or nothing
/// \param fallback plugstack.conf's default=
[[nodiscard]] Result<std::string> choose_image(const std::optional<std::string>& native, const std::optional<std::string>& image,
                                               const std::optional<std::string>& last, const std::string& fallback);
inline constexpr const char* kLastNative = "container";
inline constexpr const char* kLastImage = "container-image";

/// Whether a command line of srun has two different --container, one a component of a heterogeneous step. Slurm tells the
/// nodes the first for all (SLURM_CONTAINER), and a plugin only hears of that one.
[[nodiscard]] bool containers_differ(const std::vector<std::string>& command_line);

/// The value of NAME in "NAME=VALUE" entries.
[[nodiscard]] std::optional<std::string> variable(const std::vector<std::string>& environment, const std::string& name);

/// Both count from 0.
struct TaskNumbers {
    unsigned local = 0;   ///< among those on this node
    unsigned global = 0;  ///< among those of the step
};

/// A line of text that a process and the children which it forks later share.
class SharedText {
public:
    SharedText() = default;
    SharedText(const SharedText&) = delete;
    SharedText& operator=(const SharedText&) = delete;
    ~SharedText();

    /// Before the fork. On failure it cannot be written.
    Status prepare();
    void set(std::string_view text) noexcept;
    [[nodiscard]] std::string get() const;

private:
    char* page_ = nullptr;
};

/// The step's container from the remote init to its exit. An error is kept until a task can show it to its user.
class StepPlugin {
public:
    /// \param ask  asks Slurm where the job is; only called where the configuration wants to know.
    void begin(StepRequest request, std::optional<JobPlace> (*ask)(std::uint32_t job));
    void fail(Error error);
    [[nodiscard]] bool active() const noexcept { return active_; }

    void finish();       ///< slurmstepd, in the job's working directory
    void enter();        ///< each task, with privilege
    void adopt(pid_t task);           ///< slurmstepd, when the task is in its control groups and does not run yet
    /// slurmstepd, after each of the node's `tasks`; with the last the server goes. \return a line for the user, or "".
    std::string task_ended(pid_t task, unsigned tasks);
    void end();

    /// Each task, as the user: the environment to run with, or nothing when the task must not run; then `status` is
    /// its exit status, and what there is to say has been said on descriptor 1 or 2 by the node's first task; warnings
    /// are said by the step's first.
    std::optional<Variables> task_environment(const std::vector<std::string>& environment, TaskNumbers task, int& status);

private:
    void report(TaskNumbers task) const;
    void warn(TaskNumbers task) const;
    bool active_ = false;
    bool server_adopted_ = false;
    unsigned tasks_ended_ = 0;
    StepRequest request_;
    std::optional<JobPlace> place_;
    bool finished_ = false;
    bool entered_ = false;
    std::optional<StepContainer> container_;
    std::optional<Error> error_;
    SharedText late_error_;  ///< found by slurmstepd after a task was forked
};

}  // namespace berth
