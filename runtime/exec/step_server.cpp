// berth-step: makes one step's container and ends.
#include <poll.h>
#include <unistd.h>

#include "runtime/base/log.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/audit_log.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/namespaces.hpp"
#include "runtime/exec/process_identity.hpp"
#include "runtime/exec/step_messages.hpp"
#include "runtime/plan/explain.hpp"
#include "runtime/policy/site_options.hpp"

namespace berth {
namespace {

// slurmstepd goes through PAM and its I/O set-up between the two messages.
constexpr std::chrono::seconds kPatience{300};
constexpr unsigned kLifetimeSeconds = 600;

/// For `berth explain`: useful, and no reason to stop a step where it cannot be kept.
void keep_record(const StepRequest& step, const Considered& considered) {
    const auto started = process_start_time(step.daemon);
    if (!started) return;
    const StepName name{step.job, step.step, step.daemon, *started};
    const auto kept = write_step_record(name, step.identity.uid, explain_json(considered.decision, considered.plan));
    if (!kept) log(LogLevel::warning, kept.error().message);
}

struct Asked {
    config::SitePolicy policy;
    Request request;
};

Result<Asked> asked_of(const StepRequest& step, const JobContext& job) {
    Asked asked;
    BERTH_TRY(asked.policy, site_policy(step.config, job));
    BERTH_TRY(auto defaults, starting_request(asked.policy.conf.option_default));
    BERTH_TRY(asked.request, request_of(step, std::move(defaults)));
    return asked;
}

Result<StepOutcome> outcome_of(const StepRequest& step, const StepPlace& place, int working_directory, int prepared_namespace) {
    JobContext job = job_context(step.identity);
    job.launch = Launch::slurm;
    job.privileged = true;
    job.job = step.job;
    job.step = step.step;
    job.daemon = step.daemon;
    job.batch_script = step.batch_script;
    job.working_directory = place.working_directory;
    if (place.job) {
        job.partition = place.job->partition;
        job.account = place.job->account;
    }
    const auto asked = asked_of(step, job);
    if (!asked) {
        audit_failure(step.image, asked.error(), job);
        return asked.error();
    }
    const auto& [policy, request] = *asked;
    if (!has_host_privilege())
        return Error{Category::unsupported, EPERM, "slurmstepd lacks CAP_SYS_ADMIN: slurmd must run as root"};
    BERTH_TRY(const auto account, image_server_account(policy.conf));
    BERTH_TRY(const StepDevices devices, StepDevices::of(step.daemon));
    // Root needs no guard against itself.
    const auto guard = step.identity.uid == 0 ? std::nullopt : std::optional(account.first);
    BERTH_TRY(const auto side, agent_user_side(step.identity, guard, working_directory, &devices));
    BERTH_TRY(const auto considered, consider(request, policy, job, *side));
    StepOutcome outcome;
    if (request.explain != Explain::off) {
        const bool json = request.explain == Explain::json;
        outcome.explanation = (json ? explain_json : explain_text)(considered.decision, considered.plan);
        return outcome;
    }
    if (considered.decision.refusal) return *considered.decision.refusal;
    outcome.warnings = considered.decision.warnings;
    outcome.task = task_spec(considered.decision);
    outcome.filters = considered.filters;
    outcome.limits = considered.decision.limits;
    keep_record(step, considered);  // before this process moves to where the container is
    BERTH_TRY(auto prepared, prepare(considered, policy.conf, job, *side, {nullptr, prepared_namespace, &devices}));
    outcome.warnings.insert(outcome.warnings.end(), prepared.warnings.begin(), prepared.warnings.end());
    for (const auto& entry : policy.conf.option_default.value) outcome.option_defaults.push_back(entry.value);
    outcome.facts = container_facts(considered, job);
    outcome.scripts = std::move(prepared.scripts);
    if (prepared.server) {
        outcome.server = prepared.server->pid;
        BERTH_TRY(outcome.server_started, process_start_time(outcome.server));
        // Alive after its time was read: it was the server's own.
        pollfd ended{prepared.server->pidfd.get(), POLLIN, 0};
        if (::poll(&ended, 1, 0) != 0) return Error{Category::system, 0, "the image server has ended already"};
    }
    return outcome;
}

Status serve(int socket) {
    BERTH_TRY(const auto asked, receive_message(socket, kPatience));
    BERTH_TRY(const auto step, unpack_request(asked.data));
    BERTH_TRY(const auto ns, make_mount_namespace());
    const auto site = config::load_file(step.config);
    const bool wanted = site && config::wants_partition_or_account(*site);
    BERTH_CHECK(send_message(socket, wanted ? kWantsJobPlace : kWantsNothing, {ns.get()}));
    BERTH_TRY(const auto message, receive_message(socket, kPatience));
    BERTH_TRY(const auto place, unpack_place(message.data));
    if (message.fds.size() != 1) return Error{Category::internal, EPROTO, "no working directory"};
    return send_message(socket, pack(outcome_of(step, place, message.fds[0].get(), ns.get())));
}

}  // namespace

int serve_step(int socket) {
    ::alarm(kLifetimeSeconds);  // whatever hangs, a forgotten helper does not stay
    const auto status = serve(socket);
    return status ? 0 : 1;
}

}  // namespace berth
