#include "runtime/exec/step_messages.hpp"

#include "runtime/base/wire.hpp"

namespace berth {
namespace {

Error malformed() { return Error{Category::internal, EPROTO, "a message between slurmstepd and berth-step is malformed"}; }

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
    packer.text(outcome->start.path);
    packer.number(outcome->start.required ? 1 : 0);
    packer.text(outcome->start.fallback);
    packer.text(outcome->facts.home);
    packer.text(outcome->facts.image_path);
    packer.number(outcome->scripts.size());
    for (const auto& script : outcome->scripts) {
        packer.text(script.name);
        packer.text(script.text);
    }
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
    outcome.start.path = unpacker.text();
    outcome.start.required = unpacker.number() != 0;
    outcome.start.fallback = unpacker.text();
    outcome.facts.home = unpacker.text();
    outcome.facts.image_path = unpacker.text();
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        std::string name = unpacker.text();
        outcome.scripts.push_back({std::move(name), unpacker.text()});
    }
    outcome.server = static_cast<pid_t>(unpacker.number());
    outcome.server_started = unpacker.number();
    if (!unpacker.complete()) return malformed();
    return outcome;
}

}  // namespace berth
