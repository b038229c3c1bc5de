#include "runtime/exec/step_messages.hpp"

#include "runtime/base/wire.hpp"
#include "runtime/exec/limit_wire.hpp"
#include "runtime/exec/seccomp_wire.hpp"

namespace berth {
namespace {

Error malformed() { return Error{Category::internal, EPROTO, "a message between slurmstepd and berth-step is malformed"}; }

void pack_task(Packer& packer, const TaskSpec& task) {
    packer.text(task.start.path);
    packer.number(task.start.required ? 1 : 0);
    packer.text(task.start.fallback);
    packer.number(task.capabilities);
    packer.number(task.no_new_privileges ? 1 : 0);
    packer.number(task.identity.uid ? 1 : 0);
    packer.number(task.identity.uid.value_or(0));
    packer.number(task.identity.gids.size());
    for (const gid_t gid : task.identity.gids) packer.number(gid);
    packer.number(task.label ? 1 : 0);
    packer.number(task.label && task.label->module == SecurityModule::selinux ? 1 : 0);
    packer.text(task.label ? task.label->label : "");
    packer.texts(task.profiles);
}

TaskSpec unpack_task(Unpacker& unpacker) {
    TaskSpec task;
    task.start.path = unpacker.text();
    task.start.required = unpacker.number() != 0;
    task.start.fallback = unpacker.text();
    task.capabilities = unpacker.number();
    task.no_new_privileges = unpacker.number() != 0;
    const bool other_user = unpacker.number() != 0;
    const auto uid = static_cast<uid_t>(unpacker.number());
    if (other_user) task.identity.uid = uid;
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count)
        task.identity.gids.push_back(static_cast<gid_t>(unpacker.number()));
    const bool labelled = unpacker.number() != 0;
    const auto module = unpacker.number() != 0 ? SecurityModule::selinux : SecurityModule::apparmor;
    std::string label = unpacker.text();
    if (labelled) task.label = effect::SetLabel{module, std::move(label)};
    task.profiles = unpacker.texts();
    return task;
}

}  // namespace

std::string pack(const StepRequest& request) {
    Packer packer;
    packer.text(request.config);
    packer.number(request.identity.uid);
    packer.number(request.identity.gid);
    packer.number(request.identity.groups.size());
    for (const gid_t gid : request.identity.groups) packer.number(gid);
    packer.number(request.job);
    packer.number(request.step);
    packer.number(static_cast<std::uint64_t>(request.daemon));
    packer.text(request.batch_script);
    packer.text(request.image);
    packer.number(request.options.size());
    for (const auto& [name, value] : request.options) {
        packer.text(name);
        packer.text(value);
    }
    packer.texts(request.environment);
    return packer.data();
}

Result<StepRequest> unpack_request(const std::string& data) {
    Unpacker unpacker(data);
    StepRequest request;
    request.config = unpacker.text();
    request.identity.uid = static_cast<uid_t>(unpacker.number());
    request.identity.gid = static_cast<gid_t>(unpacker.number());
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count)
        request.identity.groups.push_back(static_cast<gid_t>(unpacker.number()));
    request.job = static_cast<std::uint32_t>(unpacker.number());
    request.step = static_cast<std::uint32_t>(unpacker.number());
    request.daemon = static_cast<pid_t>(unpacker.number());
    request.batch_script = unpacker.text();
    request.image = unpacker.text();
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        std::string name = unpacker.text();
        request.options.emplace_back(std::move(name), unpacker.text());
    }
    request.environment = unpacker.texts();
    if (!unpacker.complete()) return malformed();
    return request;
}

std::string pack(const StepPlace& place) {
    Packer packer;
    packer.text(place.working_directory);
    packer.number(place.job ? 1 : 0);
    packer.text(place.job ? place.job->partition : "");
    packer.text(place.job ? place.job->account : "");
    return packer.data();
}

Result<StepPlace> unpack_place(const std::string& data) {
    Unpacker unpacker(data);
    StepPlace place;
    place.working_directory = unpacker.text();
    const bool known = unpacker.number() != 0;
    std::string partition = unpacker.text();
    JobPlace job{std::move(partition), unpacker.text()};
    if (known) place.job = std::move(job);
    if (!unpacker.complete()) return malformed();
    return place;
}

std::string pack(const Result<StepOutcome>& outcome) {
    Packer packer;
    packer.number(outcome.ok() ? 1 : 0);
    if (!outcome) {
        packer.number(static_cast<std::uint64_t>(outcome.error().category));
        packer.number(static_cast<std::uint64_t>(outcome.error().number));
        packer.text(outcome.error().message);
        return packer.data();
    }
    packer.text(outcome->explanation);
    pack_task(packer, outcome->task);
    packer.number(outcome->filters.size());
    for (const auto& filter : outcome->filters) pack(packer, filter);
    pack(packer, outcome->limits);
    packer.texts(outcome->warnings);
    packer.text(outcome->facts.home);
    packer.text(outcome->facts.image_path);
    packer.number(outcome->facts.libraries ? 1 : 0);
    packer.texts(outcome->facts.library_folders);
    packer.number(outcome->facts.variables.size());
    for (const auto& [name, value] : outcome->facts.variables) {
        packer.text(name);
        packer.text(value);
    }
    packer.number(outcome->scripts.size());
    for (const auto& script : outcome->scripts) {
        packer.text(script.name);
        packer.text(script.text);
    }
    packer.texts(outcome->option_defaults);
    packer.number(static_cast<std::uint64_t>(outcome->server));
    packer.number(outcome->server_started);
    return packer.data();
}

Result<StepOutcome> unpack_outcome(const std::string& data) {
    Unpacker unpacker(data);
    if (unpacker.number() == 0) {
        const std::uint64_t category = unpacker.number();
        const auto number = static_cast<int>(unpacker.number());
        std::string message = unpacker.text();
        if (!unpacker.complete() || category > static_cast<std::uint64_t>(Category::internal)) return malformed();
        return Error{static_cast<Category>(category), number, std::move(message)};
    }
    StepOutcome outcome;
    outcome.explanation = unpacker.text();
    outcome.task = unpack_task(unpacker);
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        auto filter = unpack_filter(unpacker);
        if (!filter) return malformed();
        outcome.filters.push_back(std::move(*filter));
    }
    auto limits = unpack_decided_limits(unpacker);
    if (!limits) return malformed();
    outcome.limits = std::move(*limits);
    outcome.warnings = unpacker.texts();
    outcome.facts.home = unpacker.text();
    outcome.facts.image_path = unpacker.text();
    outcome.facts.libraries = unpacker.number() != 0;
    outcome.facts.library_folders = unpacker.texts();
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        std::string name = unpacker.text();
        outcome.facts.variables.emplace_back(std::move(name), unpacker.text());
    }
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        std::string name = unpacker.text();
        outcome.scripts.push_back({std::move(name), unpacker.text()});
    }
    outcome.option_defaults = unpacker.texts();
    outcome.server = static_cast<pid_t>(unpacker.number());
    outcome.server_started = unpacker.number();
    if (!unpacker.complete()) return malformed();
    return outcome;
}

}  // namespace berth
