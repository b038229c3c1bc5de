// The SPANK plugin: one small function a callback, each of which hands on to StepPlugin and never throws.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/user_side.hpp"
#include "runtime/request/options.hpp"
#include "spank/slurm.hpp"
#include "spank/step_plugin.hpp"

namespace {

using berth::Error;
using berth::StepPlugin;

constexpr int kFailure = 255;
constexpr std::size_t kMaxCommandLine = 8U << 20;
constexpr const char* kImageOption = "container-image";
constexpr const char* kNative = "SLURM_CONTAINER";
constexpr const char* kControl = "BERTH_NATIVE";
constexpr const char* kKept = "SLURM_SPANK_BERTH_NATIVE";  // what a job finds of it; sbatch --export-file loses SLURM_CONTAINER
constexpr const char* kLast = "SLURM_BERTH_LAST_CONTAINER";  // choose_image()'s `last`; SLURM_* survives --export=NONE

StepPlugin& plugin() {
    static StepPlugin state;
    return state;
}

std::vector<std::string> words(int argc, char** argv) { return {argv, argv + argc}; }

/// The last value of an option, and of none of its spellings twice.
std::optional<std::string> given(const char* name) {
    for (const auto& [option, value] : berth::slurm::option_values())
        if (option == name) return value;
    return std::nullopt;
}

std::optional<std::string> given_image() {
    auto image = given(kImageOption);
    return image ? image : given("container");
}

/// srun: whether the step that it launches is to run in a container.
bool& wants_container() {
    static bool value = false;
    return value;
}

/// Nothing that a callback does may reach Slurm as an exception.
template <typename Body>
int guarded(const char* callback, Body body) noexcept {
    try {
        return body();
    } catch (const std::exception& error) {
        plugin().fail(Error{berth::Category::internal, 0, std::string(callback) + ": " + error.what()});
        slurm_error("berth: %s: %s", callback, error.what());
        return 0;
    }
}

berth::StepRequest step_request(const berth::slurm::StepFacts& facts, const berth::PluginArguments& arguments,
                                const std::vector<std::string>& environment, std::string image) {
    berth::StepRequest request;
    request.config = arguments.config;
    request.identity = facts.identity;
    request.job = facts.job;
    request.step = facts.step;
    request.daemon = ::getpid();
    request.batch_script = facts.batch_script;
    request.image = std::move(image);
    for (const auto& value : berth::slurm::option_values())
        if (value.first != kImageOption && value.first != "container") request.options.push_back(value);
    for (const auto& entry : environment)
        if (entry.starts_with("BERTH_")) request.environment.push_back(entry);
    return request;
}

/// The --container of a step, by Slurm's variable.
std::optional<std::string> native_of(const std::vector<std::string>& environment, berth::slurm::StepKind kind) {
    if (!berth::slurm::kNativeContainer) return std::nullopt;
    auto native = berth::variable(environment, kNative);
    return native || kind != berth::slurm::StepKind::batch ? native : berth::variable(environment, kKept);
}

/// slurmstepd, as root: finds out whether the step wants a container and starts making it.
void begin_step(spank_t spank, int argc, char** argv) {
    using berth::slurm::StepKind;
    const auto facts = berth::slurm::step_facts(spank);
    if (facts && facts->kind == StepKind::other) return;
    const auto environment = berth::slurm::job_environment(spank);
    if (!facts || !environment)
        return plugin().fail(Error{berth::Category::internal, 0, "Slurm does not say whose step this is, or what it asked for"});
    if (facts->kind == StepKind::batch) berth::slurm::take_untold_options(*environment);
    const auto native = native_of(*environment, facts->kind);
    const auto arguments = berth::parse_plugin_arguments(words(argc, argv));
    if (!arguments) return plugin().fail(arguments.error());
    // sbatch's script and salloc's shell call srun, which a default image need not have: the default is for the steps.
    const std::string fallback = facts->kind == StepKind::regular ? arguments->default_image : "";
    const auto image = berth::choose_image(native, given_image(), berth::variable(*environment, kLast), fallback);
    if (!image) return plugin().fail(image.error());
    if (image->empty()) return;
    if (const auto oci = berth::slurm::oci_configuration(); oci && native)
        return plugin().fail(Error{berth::Category::config, 0,
                                   *oci + " makes Slurm itself run --container through an OCI runtime on this node: remove it, or "
                                          "use --container-image"});
    plugin().begin(step_request(*facts, *arguments, *environment, *image), berth::slurm::job_place);
}

/// srun, sbatch, salloc: Slurm does not let a --container replace a SLURM_CONTAINER that it finds, and does not tell
/// plugins its own options. So what was inherited is taken away before options are read, and given back if they say
/// nothing: what stands in SLURM_CONTAINER in between is this command line's own.
std::optional<std::string>& inherited_native() {
    static std::optional<std::string> value;
    return value;
}

void take_inherited_native() {
    if (const char* const value = std::getenv(kNative); value != nullptr) inherited_native() = value;
    ::unsetenv(kNative);
    ::unsetenv(kKept);  // an outer job's
}

/// \return the --container of this command line itself.
std::optional<std::string> settle_native() {
    std::optional<std::string> own;
    if (const char* const value = std::getenv(kNative); value != nullptr) own = value;
    if (own)
        ::setenv(kLast, berth::kLastNative, 1);
    else if (inherited_native())
        ::setenv(kNative, inherited_native()->c_str(), 1);
    if (berth::slurm::given_on_command_line(kImageOption)) ::setenv(kLast, berth::kLastImage, 1);
    return own;
}

/// What is wrong is better said before anything waits in a queue. \return an error message, or "".
std::string check_early(int argc, char** argv, const std::optional<std::string>& native) {
    const auto arguments = berth::parse_plugin_arguments(words(argc, argv));
    if (!arguments) return arguments.error().message;
    berth::Request request;
    const auto& table = berth::options();
    for (const auto& [name, value] : berth::slurm::option_values()) {
        for (const auto& option : table) {
            if (option.slurm_name != name && option.slurm_alias != name) continue;
            if (auto status = give(request, option, value); !status) return "--" + name + ": " + status.error().message;
        }
    }
    if (native && native->empty()) return "--container is empty: name an image, or \"none\" to run without a container";
    if (native && !berth::slurm::given_on_command_line(kImageOption)) request.image = *native;
    if (!arguments->early_check || !request.wants_container()) return "";
    const auto image = berth::direct_user_side()->open_image(request.image);
    return image ? "" : image.error().message;
}

/// srun is called back once for each component of a heterogeneous step, and Slurm hands all of them the last one's options of
/// plugins and the first one's --container. \return an error message where that is not what was asked for, or "".
std::string check_components() {
    static std::optional<berth::slurm::OptionValues> before;
    auto now = berth::slurm::option_values();
    std::ranges::sort(now);
    const auto last = std::exchange(before, now);
    if (!last) return "";
    const auto line = berth::read_file("/proc/self/cmdline", kMaxCommandLine);
    if (!line) return line.error().message;
    if (*last == now && !berth::containers_differ(berth::split(*line, '\0'))) return "";
    return "Slurm gives the components of one srun one container with the same options: give each component the same, or run "
           "them as sruns of their own (--het-group)";
}

/// srun: by the same rule as the node that will run the step.
bool asks_for_container(int argc, char** argv) {
    const auto word = [](const char* name) {
        const char* const value = std::getenv(name);
        return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
    };
    const auto arguments = berth::parse_plugin_arguments(words(argc, argv));
    const auto native = berth::slurm::kNativeContainer ? word(kNative) : std::nullopt;
    const auto image = berth::choose_image(native, given_image(), word(kLast), arguments ? arguments->default_image : "");
    return !image || !image->empty();
}

/// What `berth doctor` looks for in the file: Slurm compares plugin_version at its start, and says little when it differs.
struct BuiltFor {
    char mark[20];
    unsigned version;
};
[[gnu::used, gnu::retain]] const BuiltFor kBuiltFor = {"berth-slurm-version", SLURM_VERSION_NUMBER};

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// SPANK_PLUGIN() spelled out: const objects need extern to be seen outside in C++.
extern const char plugin_name[];
extern const char plugin_type[];
extern const unsigned int plugin_version;
extern const unsigned int spank_plugin_version;
const char plugin_name[] = "berth";
const char plugin_type[] = "spank";
const unsigned int plugin_version = SLURM_VERSION_NUMBER;
const unsigned int spank_plugin_version = 1;

int slurm_spank_init(spank_t spank, int, char**) {
    return guarded("init", [&] {
        berth::set_log_sink(berth::slurm::log_sink);
        const auto context = spank_context();
        if (berth::slurm::kNativeContainer && (context == S_CTX_LOCAL || context == S_CTX_ALLOCATOR)) take_inherited_native();
        return berth::slurm::register_options(spank) ? 0 : -1;
    });
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char** argv) {
    return guarded("init_post_opt", [&] {
        if (spank_context() == S_CTX_REMOTE) {
            berth::slurm::take_guard_away(spank);
            begin_step(spank, argc, argv);
            return 0;  // an error here could drain the node: task_init shows it
        }
        const auto native = settle_native();
        if (const char* const value = std::getenv(kNative); berth::slurm::kNativeContainer && value != nullptr)
            berth::slurm::set_job_variable(spank, kControl, value);
        if (const std::string problem = check_early(argc, argv, native); !problem.empty()) {
            slurm_spank_log("berth: error: %s", problem.c_str());
            std::exit(kFailure);  // srun, sbatch or salloc, as the user, before anything was asked of the controller
        }
        if (spank_context() != S_CTX_LOCAL) return 0;
        if (const std::string problem = check_components(); !problem.empty()) {
            slurm_spank_log("berth: error: %s", problem.c_str());
            std::exit(kFailure);
        }
        wants_container() = asks_for_container(argc, argv);
        return 0;
    });
}

int slurm_spank_local_user_init(spank_t spank, int, char**) {
    return guarded("local_user_init", [&] {
        if (wants_container()) berth::slurm::guard_command(spank);
        return 0;
    });
}

int slurm_spank_user_init(spank_t, int, char**) {
    return guarded("user_init", [] {
        plugin().finish();
        return 0;
    });
}

int slurm_spank_task_init_privileged(spank_t, int, char**) {
    return guarded("task_init_privileged", [] {
        plugin().enter();
        return 0;
    });
}

int slurm_spank_task_post_fork(spank_t spank, int, char**) {
    return guarded("task_post_fork", [&] {
        plugin().adopt(berth::slurm::task_pid(spank));
        return 0;
    });
}

int slurm_spank_task_init(spank_t spank, int, char**) {
    int status = kFailure;
    bool runs = false;
    guarded("task_init", [&] {
        if (!plugin().active()) {
            runs = true;
            return 0;
        }
        const auto before = berth::slurm::job_environment(spank).value_or(std::vector<std::string>());
        const auto variables = plugin().task_environment(before, {berth::slurm::local_task(spank), berth::slurm::global_task(spank)}, status);
        if (!variables) return 0;
        auto wanted = *variables;
        const std::unique_ptr<char, void (*)(void*)> current(::getcwd(nullptr, 0), std::free);
        if (current) wanted["PWD"] = current.get();
        // For the sruns of a batch script.
        if (const auto kept = berth::variable(before, kKept); kept && !berth::variable(before, kNative)) wanted[kNative] = *kept;
        runs = berth::slurm::replace_environment(spank, before, {wanted.begin(), wanted.end()});
        return 0;
    });
    // Under an `optional` plugin Slurm would run the task whatever is returned here. This is the task's own process.
    if (!runs) ::_exit(status);
    return 0;
}

int slurm_spank_task_exit(spank_t spank, int, char**) {
    return guarded("task_exit", [&] {
        const auto line = plugin().task_ended(berth::slurm::task_pid(spank), berth::slurm::local_task_count(spank));
        // Slurm's log is the one way from here to the user's terminal.
        if (!line.empty()) slurm_error("berth: task %u: %s", berth::slurm::global_task(spank), line.c_str());
        return 0;
    });
}

int slurm_spank_exit(spank_t, int, char**) {
    return guarded("exit", [] {
        if (spank_context() == S_CTX_REMOTE) plugin().end();
        return 0;
    });
}

}  // extern "C"
#pragma GCC visibility pop
