// The side of slurmstepd.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/cgroups.hpp"
#include "runtime/exec/enter.hpp"
#include "runtime/exec/process_identity.hpp"
#include "runtime/exec/shell_environment.hpp"
#include "runtime/exec/step.hpp"
#include "runtime/exec/step_devices.hpp"
#include "runtime/exec/step_messages.hpp"
#include "runtime/policy/site_options.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kNamespaceTime{30};
constexpr std::chrono::seconds kServerEndTime{2};
// Longer than each bound inside berth-step (30 s for the agent, 35 s for a signature, 15 s for the image server, 25 s for all hooks), shorter
// than Slurm's UnkillableStepTimeout.
constexpr std::chrono::seconds kOutcomeTime{50};

}  // namespace

Result<StepContainer> StepContainer::start(const StepRequest& request) {
    BERTH_TRY(auto sockets, socket_pair());
    // Nobody's child: slurmstepd waits for every child of its own, and need not wonder about this one.
    BERTH_TRY(auto helper, spawn_detached(install_paths().libexec + "/berth-step", {}, {sockets.second.get()}));
    sockets.second.reset();
    BERTH_CHECK(send_message(sockets.first.get(), pack(request)));
    BERTH_TRY(auto answer, receive_message(sockets.first.get(), kNamespaceTime));
    if (answer.fds.size() != 1) return Error{Category::system, EPROTO, "berth-step could not make a mount namespace"};
    StepContainer container;
    container.name_ = {request.job, request.step, request.daemon, 0};
    if (const auto started = process_start_time(request.daemon)) container.name_.daemon_started = *started;
    container.helper_ = std::move(helper.pidfd);
    container.socket_ = std::move(sockets.first);
    container.wants_job_place_ = answer.data == kWantsJobPlace;
    container.namespace_ = std::move(answer.fds[0]);
    return container;
}

Status StepContainer::finish(const std::optional<JobPlace>& job) {
    BERTH_TRY(const UniqueFd here, open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY));
    std::string path(PATH_MAX, '\0');
    const long length = ::syscall(SYS_getcwd, path.data(), path.size());
    path.resize(length > 1 ? static_cast<std::size_t>(length - 1) : 0);
    if (path.empty() || path[0] != '/') path = "/";
    BERTH_CHECK(send_message(socket_.get(), pack(StepPlace{path, job}), {here.get()}));
    auto answer = receive_message(socket_.get(), kOutcomeTime);
    if (!answer) {
        end_process(helper_, kServerEndTime);
        return std::move(answer).error().within("berth-step");
    }
    BERTH_TRY(outcome_, unpack_outcome(answer->data));
    limits_ = SlurmLimits(outcome_.limits);
    // It ends now, and leaves the job's cgroup: nothing of ours may hold that up.
    const auto end = receive_message(socket_.get(), kServerEndTime);
    if (!end && end.error().number == ECONNRESET) helper_.reset();
    return {};
}

Status StepContainer::enter() {
    task_ = std::make_unique<EntryRunner>(namespace_.get(), outcome_.filters);
    const Plan plan{{}, task_steps(outcome_.task, true)};
    return run_phase(*task_, plan, Phase::enter);
}

Result<Variables> StepContainer::become_user_side(const StepRequest& step, const std::vector<std::string>& environment,
                                                  std::vector<int> keep) {
    config::StringList defaults;
    for (const std::string& text : outcome_.option_defaults) defaults.value.push_back({text, {}});
    BERTH_TRY(auto start, starting_request(defaults));
    BERTH_TRY(const auto request, request_of(step, std::move(start)));
    if (!task_) return Error{Category::internal, 0, "the container was not entered"};
    task_->keep(std::move(keep));
    const Plan plan{{}, task_steps(outcome_.task, true)};
    BERTH_CHECK(run_phase(*task_, plan, Phase::user));
    return command_environment(outcome_.scripts, parse_environment(environment), request, outcome_.facts);
}

Status StepContainer::adopt_server(pid_t task) const {
    if (outcome_.server <= 0) return {};
    const auto process = open_process(outcome_.server, outcome_.server_started);
    if (!process) return {};  // it died: the tasks will see that
    BERTH_TRY(const auto places, cgroup_places(task));
    for (const CgroupPlace& place : places) {
        const auto step = slurm_step_folder(place.folder);
        if (!step) continue;
        // v1 lets a process sit beside the tasks' cgroups; v2 only in a leaf, and Slurm looks only there.
        const std::string& folder = place.unified ? place.folder : *step;
        BERTH_CHECK(write_cgroup_file(folder, "cgroup.procs", std::to_string(outcome_.server)));
        log(LogLevel::debug, "image server " + std::to_string(outcome_.server) + " moved to " + folder);
    }
    return {};
}

void StepContainer::end_helpers() noexcept {
    limits_.end();
    if (helper_) {
        end_process(helper_, kServerEndTime);
        StepDevices::remove_remains(name_.daemon);
    }
    remove_step_record(name_);
    if (outcome_.server <= 0) return;
    // Gone before slurmstepd removes the step's cgroups, which must be empty then.
    const auto process = open_process(outcome_.server, outcome_.server_started);
    if (process) end_process(*process, kServerEndTime);
}

}  // namespace berth
