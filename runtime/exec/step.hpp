// A Slurm step's container. slurmstepd holds a StepContainer; the work is done by berth-step, a process of its own that
// it starts: slurmstepd parses nothing of the user's, mounts nothing and holds nothing but the namespace.
//
//   slurmstepd                            berth-step (root)                     its agent (the user)
//   start()  ── request ──────────────►   makes a mount namespace
//            ◄───────── namespace fd ──
//   finish() ── working directory ────►   opens image and sources ───────────►  opens, inspects
//            ◄───────────── outcome ───   decides, plans, prepares; ends
//   enter()  in each task: setns, unshare, bounding set
//   become_user_side() in each task, as the user: directory, capabilities, environment
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/child.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/environment/environment.hpp"
#include "runtime/environment/image_scripts.hpp"
#include "runtime/exec/enter.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/seccomp_filter.hpp"
#include "runtime/exec/slurm_limits.hpp"
#include "runtime/exec/step_record.hpp"
#include "runtime/plan/plan.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// What slurmstepd knows of the step. Option values and environment are the user's, and pass through unread.
struct StepRequest {
    std::string config;  ///< path of berth.conf
    Identity identity;
    std::uint32_t job = 0;
    std::uint32_t step = 0;
    pid_t daemon = 0;  ///< the slurmstepd that asks
    std::string batch_script;
    std::string image;
    std::vector<std::pair<std::string, std::string>> options;  ///< Slurm's name of the option, value
    std::vector<std::string> environment;                      ///< the BERTH_* variables of the job
};

/// Where Slurm put the job, by the controller's word. The site's configuration may have sections for them.
struct JobPlace {
    std::string partition;
    std::string account;
};

/// What slurmstepd hands over when the step is about to start.
struct StepPlace {
    std::string working_directory;
    std::optional<JobPlace> job;
};

/// What berth-step reports of a container that stands (or of --container-explain).
struct StepOutcome {
    std::string explanation;  ///< not "": print this and run nothing
    TaskSpec task;
    std::vector<SeccompFilter> filters;  ///< one for each of task.profiles
    std::vector<DecidedLimit> limits;    ///< of control groups
    std::vector<std::string> warnings;   ///< for the user, each a line
    ContainerFacts facts;
    std::vector<ImageScript> scripts;
    std::vector<std::string> option_defaults;  ///< the site's, as `option default` has them
    pid_t server = -1;                  ///< the image server's pid; -1: none
    std::uint64_t server_started = 0;   ///< its start time (/proc/PID/stat, field 22), clock ticks
};

/// The Request that the options make, over the job's BERTH_* variables, over `request` (the site's defaults).
[[nodiscard]] Result<Request> request_of(const StepRequest& step, Request request = {});

class StepContainer {
public:
    /// Starts berth-step and takes the namespace that it will fill. Privileged, in slurmstepd.
    static Result<StepContainer> start(const StepRequest& request);

    /// Whether the site's configuration has sections for partitions or accounts: finish() then needs to know the job's.
    [[nodiscard]] bool wants_job_place() const noexcept { return wants_job_place_; }

    /// Hands over the job's working directory (this process's own) and waits for the outcome.
    Status finish(const std::optional<JobPlace>& job);

    /// In a task, with privilege: enters. A few system calls; allocates only to report a failure.
    Status enter();

    /// In a task, as the user, inside: starts in the right folder, gives up every power, and returns the command's
    /// environment. `keep`: descriptors that belong to the task.
    Result<Variables> become_user_side(const StepRequest& step, const std::vector<std::string>& environment,
                                       std::vector<int> keep);

    /// Ends berth-step and the image server, if they still run, and removes the step's record: the step is over.
    void end_helpers() noexcept;

    [[nodiscard]] const StepOutcome& outcome() const noexcept { return outcome_; }

    /// Puts the image server into the cgroups of the step that the task `pid` belongs to. Nothing to do, and no error,
    /// where there is no server or Slurm uses no cgroups.
    Status adopt_server(pid_t task) const;

    /// Tightens what the task `pid` is in, before it runs: see SlurmLimits.
    Status limit_task(pid_t pid) { return limits_.tighten(pid); }

    /// Why a task that has ended ran out of memory, if it did: one line.
    [[nodiscard]] std::optional<std::string> out_of_memory(pid_t pid) const { return limits_.out_of_memory(pid); }

    [[nodiscard]] bool has_limits() const noexcept { return !outcome_.limits.empty(); }

private:
    UniqueFd socket_;
    UniqueFd helper_;  ///< pidfd of berth-step; none once it has ended by itself
    UniqueFd namespace_;
    StepName name_;
    bool wants_job_place_ = false;
    StepOutcome outcome_;
    SlurmLimits limits_{{}};
    std::unique_ptr<EntryRunner> task_;  ///< in a task, from enter() on
};

/// The life of berth-step: serves one StepContainer over `socket`. \return the exit status.
int serve_step(int socket);

}  // namespace berth
