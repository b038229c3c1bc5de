// berth exec, run and shell: a container without Slurm, with root's powers (sudo) or without any.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/exec/audit_log.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/enter.hpp"
#include "runtime/exec/limited_command.hpp"
#include "runtime/exec/shell_environment.hpp"
#include "runtime/plan/explain.hpp"
#include "runtime/policy/site_options.hpp"
#include "runtime/request/options.hpp"
#include "tools/commands.hpp"

namespace berth::tools {
namespace {

enum class Action { exec, run, shell };

const std::string kNoValue = "-";  // of an option that may stand without its value
constexpr int kUsage = 1;  // as Singularity's exec without a command

struct Invocation {
    Action action = Action::exec;
    std::vector<std::pair<const Option*, std::string>> options;  ///< as the user gave them
    Request tried;  ///< with the environment and these options, without the site's defaults
    std::string image;
    std::vector<std::string> arguments;  ///< after the image
    std::string config;
};

std::vector<std::string> environment_of_process() {
    std::vector<std::string> entries;
    for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
    return entries;
}

Result<JobContext> context_of_process() {
    Identity identity{::geteuid(), ::getegid(), {}};
    identity.groups.resize(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    if (::getgroups(static_cast<int>(identity.groups.size()), identity.groups.data()) < 0) return errno_error("getgroups");
    JobContext job = job_context(identity);
    job.privileged = has_host_privilege();
    const std::unique_ptr<char, void (*)(void*)> current(::getcwd(nullptr, 0), std::free);
    job.working_directory = current ? current.get() : "/";
    return job;
}

Result<std::unique_ptr<UserSide>> user_side_of(const JobContext& job) {
    if (!job.privileged) return direct_user_side();
    BERTH_TRY(const UniqueFd here, open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY));
    return agent_user_side({job.uid, job.gid, job.groups}, std::nullopt, here.get());
}

/// The command line inside the container.
std::vector<std::string> command_of(const Invocation& call) {
    if (call.action == Action::exec) return call.arguments;
    std::vector<std::string> command;
    if (call.action == Action::run) {
        command = {"/.singularity.d/runscript"};
    } else {
        command = {::access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh"};
        if (command[0] == "/bin/bash") command.emplace_back("--norc");
    }
    command.insert(command.end(), call.arguments.begin(), call.arguments.end());
    return command;
}

/// What is asked for: the command line over the environment over the site's defaults.
Result<Request> request_of(const Invocation& call, const config::SiteConfig& site, const std::vector<std::string>& environment) {
    BERTH_TRY(Request request, starting_request(site.option_default));
    BERTH_CHECK(apply_environment(request, environment));
    for (const auto& [option, value] : call.options) BERTH_CHECK(give(request, *option, value));
    request.image = call.image;
    return request;
}

/// Becomes the command. Returns only on failure.
Error execute(const std::vector<std::string>& command, const Variables& variables) {
    static std::vector<std::string> entries;
    static std::vector<char*> environment;
    entries = environment_entries(variables);
    environment = exec_vector(entries);
    environ = environment.data();
    const auto argv = exec_vector(command);
    ::execvp(argv[0], argv.data());
    return errno_error(printable(command[0]) + " in the container", errno, Category::usage);
}

/// What a run rests on, gathered before anything is made.
struct Situation {
    const Invocation& call;
    std::vector<std::string> environment;
    JobContext job;
    config::SitePolicy policy;
    Request request;
};

/// Prepares. `cgroup` takes what limits need, also where something fails later.
Result<Prepared> make_container(const Situation& now, const Considered& considered, UserSide& side, int reports) {
    OwnCgroup cgroup;
    auto prepared = prepare(considered, now.policy.conf, now.job, side, {&cgroup});
    if (!cgroup.folders.empty()) BERTH_CHECK(report_cgroup(reports, cgroup, considered.decision.limits));
    return prepared;
}

/// Becomes the command, or returns why it cannot, or the exit status of --explain. `keeper` and `reports`: of a child of
/// run_limited(); else -1.
Result<int> become_command(const Situation& now, pid_t keeper, int reports) {
    // A caller that ignores it would leave us nothing to wait for; the command has it as the caller did.
    const auto callers_signal = ::signal(SIGCHLD, SIG_DFL);
    BERTH_TRY(auto side, user_side_of(now.job));
    BERTH_TRY(const auto considered, consider(now.request, now.policy, now.job, *side));
    if (now.request.explain != Explain::off) {
        const bool json = now.request.explain == Explain::json;
        std::fputs((json ? explain_json : explain_text)(considered.decision, considered.plan).c_str(), stdout);
        return considered.decision.refusal ? kFailure : 0;
    }
    if (considered.decision.refusal) return *considered.decision.refusal;
    for (const auto& warning : considered.decision.warnings) std::fprintf(stderr, "berth: warning: %s\n", warning.c_str());

    BERTH_TRY(const auto prepared, make_container(now, considered, *side, reports));
    for (const auto& warning : prepared.warnings) std::fprintf(stderr, "berth: warning: %s\n", warning.c_str());
    side.reset();  // with its process, which the command must not find as a child of its own
    EntryRunner entry(-1, considered.filters);
    BERTH_CHECK(run_phase(entry, considered.plan, Phase::enter));
    if (keeper > 0) BERTH_CHECK(die_with_keeper(keeper));
    BERTH_CHECK(run_phase(entry, considered.plan, Phase::user));
    BERTH_TRY(auto variables, command_environment(prepared.scripts, parse_environment(now.environment), now.request,
                                                  container_facts(considered, now.job)));
    const std::unique_ptr<char, void (*)(void*)> current(::getcwd(nullptr, 0), std::free);
    if (current) variables["PWD"] = current.get();
    const auto command = command_of(now.call);
    if (now.call.action == Action::run && ::access(command[0].c_str(), X_OK) != 0)
        return Error{Category::image, 0, now.call.image + ": the image has no runscript: use berth exec IMAGE COMMAND"};
    ::signal(SIGCHLD, callers_signal);
    return execute(command, variables);
}

int exit_status(const Result<int>& status) {
    if (status) return *status;
    std::fprintf(stderr, "berth: %s\n", status.error().message.c_str());
    return kFailure;
}

Result<Situation> situation_of(const Invocation& call) {
    Situation now{call, environment_of_process(), {}, {}, {}};
    BERTH_TRY(now.job, context_of_process());
    const auto read = [&]() -> Status {
        BERTH_TRY(now.policy, site_policy(call.config.empty() ? install_paths().sysconf + "/berth.conf" : call.config, now.job));
        BERTH_TRY(now.request, request_of(call, now.policy.conf, now.environment));
        return {};
    }();
    if (read) return now;
    audit_failure(call.image, read.error(), now.job);
    return read.error();
}

int run_container(const Invocation& call) {
    const auto now = situation_of(call);
    if (!now) return exit_status(now.error());
    if (!wants_limits(now->request, now->policy) || now->request.explain != Explain::off) return exit_status(become_command(*now, -1, -1));
    const pid_t keeper = ::getpid();
    return run_limited([&](int reports) { return exit_status(become_command(*now, keeper, reports)); });
}

int perform(Invocation& call, std::vector<std::string> words) {
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    const bool command_missing = call.action == Action::exec && words.size() < 2;
    if (words.empty() || command_missing) {
        std::fprintf(stderr, "berth: %s: expected IMAGE%s\n", call.action == Action::exec ? "exec" : call.action == Action::run ? "run" : "shell",
                     call.action == Action::exec ? " COMMAND [ARGUMENT…]" : " [ARGUMENT…]");
        return kUsage;
    }
    call.image = words.front();
    call.arguments.assign(words.begin() + 1, words.end());
    if (!call.config.empty() && ::geteuid() != 0) {
        std::fprintf(stderr, "berth: --config: only root may choose another configuration\n");
        return kFailure;
    }
    return run_container(call);
}

/// An option that the user gave. What is wrong with it is said before the site's files are read.
void note(Invocation& call, const Option& option, const std::string& value, std::string& failure) {
    if (auto status = give(call.tried, option, value); !status && failure.empty()) failure = status.error().message;
    call.options.emplace_back(&option, value);
}

/// One option of the table as the command line has it. The first error is kept in `failure`; an option whose value may
/// be left out leaves it in `optional_value` (kNoValue when it was).
void add_option(CLI::App& command, const Option& option, Invocation& call, std::string& failure, std::string& optional_value) {
    const std::string name = "--" + std::string(option.name);
    const auto apply = [&option, &call, &failure](const std::string& value) {
        note(call, option, value, failure);
        return true;
    };
    if (!option.takes_argument()) {
        command.add_flag_callback(name, [apply] { apply(""); }, std::string(option.meaning));
        return;
    }
    if (!option.needs_argument()) {
        // A flag that may have a value, but only behind '=': the next word is the image.
        command.add_flag(name + "{" + kNoValue + "}", optional_value, std::string(option.meaning))->type_name(std::string(option.argument));
        return;
    }
    auto* const added = command.add_option_function<std::vector<std::string>>(
        name,
        [apply](const std::vector<std::string>& values) {
            for (const auto& value : values) apply(value);
        },
        std::string(option.meaning));
    added->type_name(std::string(option.argument));
    added->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
}

void add_action(CLI::App& app, int& status, Action action, const char* name, const char* meaning) {
    auto* const command = app.add_subcommand(name, meaning);
    const auto call = std::make_shared<Invocation>();
    const auto failure = std::make_shared<std::string>();
    const auto optional_values = std::make_shared<std::map<const Option*, std::string>>();
    call->action = action;
    command->prefix_command();  // from the image on, words belong to the command
    if (auto applied = apply_environment(call->tried, environment_of_process()); !applied) *failure = applied.error().message;
    for (const Option& option : options())
        if (option.scope == Scope::everywhere) add_option(*command, option, *call, *failure, (*optional_values)[&option]);
    command->add_option("--config", call->config, "another berth.conf (root only)");
    command->callback([command, call, failure, optional_values, &status] {
        for (const auto& [option, value] : *optional_values)
            if (!value.empty()) note(*call, *option, value == kNoValue ? "" : value, *failure);
        if (!failure->empty()) {
            std::fprintf(stderr, "berth: %s\n", failure->c_str());
            status = kFailure;
            return;
        }
        const std::vector<std::string> words = command->remaining();
        if (!words.empty() && words.front().starts_with('-')) {
            std::fprintf(stderr, "berth: unknown option %s (an image of that name: ./%s); see berth %s --help\n", printable(words.front(), 256).c_str(),
                         printable(words.front(), 256).c_str(), command->get_name().c_str());
            status = kFailure;
            return;
        }
        status = perform(*call, words);
    });
}

}  // namespace

void add_action_commands(CLI::App& app, int& status) {
    add_action(app, status, Action::exec, "exec", "run a command in an image");
    add_action(app, status, Action::run, "run", "run an image's runscript");
    add_action(app, status, Action::shell, "shell", "a shell in an image");
}

}  // namespace berth::tools
