// Slurm as the plugin sees it. This file and slurm.cpp hold everything that differs between Slurm's versions, and
// spank.h is included here alone.
#pragma once

// The callbacks' declarations lack C linkage in Slurm's header.
extern "C" {
#include <slurm/slurm.h>
#include <slurm/spank.h>
}

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/log.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/step.hpp"

namespace berth::slurm {

/// Since 21.08 Slurm has a --container of its own, whose value reaches the step as SLURM_CONTAINER; a plugin that
/// registers the name is refused it.
inline constexpr bool kNativeContainer = SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(21, 8, 0);

/// Passes Berth's log lines to Slurm's log, at its levels.
void log_sink(LogLevel level, const std::string& line);

/// The option values of this process, by Slurm's name of the option; the last of two stands, as it does for Slurm.
using OptionValues = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] const OptionValues& option_values();

/// Whether the command line of this process itself gave the option. Slurm tells a plugin of a value that an outer
/// sbatch or salloc left in the environment in the same way, before it reads the command line.
[[nodiscard]] bool given_on_command_line(const char* name);

/// Takes from a batch job's environment the options that Slurm has not told of: it does so by variables that --export and
/// --export-file keep from the job, and leaves others there.
void take_untold_options(const std::vector<std::string>& environment);

/// srun, sbatch, salloc: the job gets a variable SLURM_SPANK_`name`, whatever --export and --export-file say.
void set_job_variable(spank_t spank, const char* name, const char* value);

/// srun, when the step is about to be launched: puts words before the command's name that make it a file that no node has.
/// A slurmstepd without this plugin, which would run the command outside any container, so fails it; its message and srun's
/// name the node. Not for --multi-prog and the further components of a heterogeneous step, whose commands a plugin cannot reach.
void guard_command(spank_t spank);

/// slurmstepd: takes them away again; for every step, before anything reads its command.
void take_guard_away(spank_t spank);

/// Registers every option of the table (and --container, where Slurm has none of its own).
[[nodiscard]] bool register_options(spank_t spank);

/// `interactive`: the shell that salloc starts on a node of the job (LaunchParameters=use_interactive_step).
enum class StepKind { batch, interactive, regular, other };
struct StepFacts {
    Identity identity;
    std::uint32_t job = 0;
    std::uint32_t step = 0;
    StepKind kind = StepKind::other;
    std::string batch_script;
};
[[nodiscard]] std::optional<StepFacts> step_facts(spank_t spank);

/// The job's partition and account by the controller's word (one request to slurmctld); nothing where it does not say.
[[nodiscard]] std::optional<JobPlace> job_place(std::uint32_t job);

/// The job's environment as it stands ("NAME=VALUE" entries); nothing where Slurm does not tell.
[[nodiscard]] std::optional<std::vector<std::string>> job_environment(spank_t spank);

/// Makes the task's environment exactly these variables.
[[nodiscard]] bool replace_environment(spank_t spank, const std::vector<std::string>& before,
                                       const std::vector<std::pair<std::string, std::string>>& wanted);

/// The task's number on this node, and in the step; 0 when it is not known.
[[nodiscard]] unsigned local_task(spank_t spank);
[[nodiscard]] unsigned global_task(spank_t spank);
[[nodiscard]] pid_t task_pid(spank_t spank);
/// How many tasks the step has on this node; at least 1.
[[nodiscard]] unsigned local_task_count(spank_t spank);

/// The path of this node's oci.conf, when there is one: with it Slurm gives --container to an OCI runtime.
[[nodiscard]] std::optional<std::string> oci_configuration();

}  // namespace berth::slurm
