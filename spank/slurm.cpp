#include "spank/slurm.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "runtime/request/options.hpp"

namespace berth::slurm {
namespace {

// In "/", where only root makes files, and the first thing that the error of a failed execve(2) shows.
constexpr std::string_view kGuard =
    "/berth: a container was asked for, and this node's Slurm does not load berth_spank.so (see its plugstack.conf); not run: ";

/// The step's command as srun sends it, or as slurmstepd will run it; null where there is none.
char** command_of(spank_t spank) {
    int argc = 0;
    char** argv = nullptr;
    const bool there = spank_get_item(spank, S_JOB_ARGV, &argc, &argv) == ESPANK_SUCCESS && argc > 0 && argv != nullptr;
    return there && argv[0] != nullptr ? argv : nullptr;
}

/// An option as Slurm knows it. Slurm keeps pointers into it, so it lives as long as the plugin.
struct Registered {
    std::string name;
    std::string argument;
    std::string usage;
    bool inherited = false;  ///< the environment names it, and Slurm will
    spank_option option{};
};

/// Where srun, sbatch and salloc find the value that an outer one of them left. They write it too, later.
std::string inherited_as(std::string_view name) {
    std::string variable = "SLURM_SPANK__SLURM_SPANK_OPTION_berth_" + std::string(name);
    std::replace(variable.begin(), variable.end(), '-', '_');
    return variable;
}

std::deque<Registered>& registered() {
    static std::deque<Registered> options;
    return options;
}

/// How often Slurm has named each option.
std::map<std::string, int, std::less<>>& times_named() {
    static std::map<std::string, int, std::less<>> times;
    return times;
}

OptionValues& values() {
    static OptionValues given;
    return given;
}

int option_given(int index, const char* argument, int) {
    const std::string& name = registered().at(static_cast<std::size_t>(index)).name;
    ++times_named()[name];
    std::erase_if(values(), [&](const auto& value) { return value.first == name; });
    // Slurm hands a flag, and an optional value left out, over as null or as "(null)".
    const bool none = argument == nullptr || std::strcmp(argument, "(null)") == 0;
    values().emplace_back(name, none ? "" : argument);
    return 0;
}

bool register_option(spank_t spank, std::string_view name, const Option& option) {
    Registered& entry = registered().emplace_back();
    entry.name = name;
    entry.inherited = std::getenv(inherited_as(name).c_str()) != nullptr;
    entry.argument = option.takes_argument() ? option.argument : "";
    entry.usage = "[berth] " + std::string(option.meaning);
    entry.option.name = entry.name.data();
    entry.option.arginfo = entry.argument.empty() ? nullptr : entry.argument.data();
    entry.option.usage = entry.usage.data();
    entry.option.has_arg = !option.takes_argument() ? 0 : option.needs_argument() ? 1 : 2;
    entry.option.val = static_cast<int>(registered().size()) - 1;
    entry.option.cb = option_given;
    return spank_option_register(spank, &entry.option) == ESPANK_SUCCESS;
}

}  // namespace

void log_sink(LogLevel level, const std::string& line) {
    switch (level) {
        case LogLevel::error: slurm_error("berth: %s", line.c_str()); break;
        case LogLevel::warning: slurm_info("berth: warning: %s", line.c_str()); break;
        case LogLevel::info: slurm_info("berth: %s", line.c_str()); break;
        case LogLevel::verbose: slurm_verbose("berth: %s", line.c_str()); break;
        case LogLevel::debug: slurm_debug("berth: %s", line.c_str()); break;
    }
}

const OptionValues& option_values() { return values(); }

bool given_on_command_line(const char* name) {
    const auto named = times_named().find(std::string_view(name));
    if (named == times_named().end()) return false;
    for (const auto& entry : registered())
        if (entry.name == name) return named->second > (entry.inherited ? 1 : 0);
    return false;
}

void take_untold_options(const std::vector<std::string>& environment) {
    for (const auto& entry : registered()) {
        const std::string prefix = inherited_as(entry.name) + "=";
        const auto found = std::ranges::find_if(environment, [&](const auto& variable) { return variable.starts_with(prefix); });
        if (found != environment.end() && !times_named().contains(entry.name))
            option_given(entry.option.val, found->c_str() + prefix.size(), 0);
    }
}

void set_job_variable(spank_t spank, const char* name, const char* value) { spank_job_control_setenv(spank, name, value, 1); }

void guard_command(spank_t spank) {
    // Slurm frees the name with its own function, so it must come from its own; not every program with plugins has that.
    const auto duplicate = reinterpret_cast<char* (*)(const char*)>(::dlsym(RTLD_DEFAULT, "slurm_xstrdup"));
    char** const command = command_of(spank);
    if (duplicate != nullptr && command != nullptr) command[0] = duplicate((std::string(kGuard) + command[0]).c_str());
}

void take_guard_away(spank_t spank) {
    char** const command = command_of(spank);
    if (command == nullptr || !std::string_view(command[0]).starts_with(kGuard)) return;
    const char* const name = command[0] + kGuard.size();
    std::memmove(command[0], name, std::strlen(name) + 1);
}

bool register_options(spank_t spank) {
    return std::ranges::all_of(options(), [&](const Option& option) {
        return register_option(spank, option.slurm_name, option) &&
               (option.slurm_alias.empty() || register_option(spank, option.slurm_alias, option)) &&
               (kNativeContainer || option.name != "image" || register_option(spank, "container", option));
    });
}

std::optional<StepFacts> step_facts(spank_t spank) {
    StepFacts facts;
    gid_t* groups = nullptr;
    int group_count = 0;
    if (spank_get_item(spank, S_JOB_UID, &facts.identity.uid) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_GID, &facts.identity.gid) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_SUPPLEMENTARY_GIDS, &groups, &group_count) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_ID, &facts.job) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_STEPID, &facts.step) != ESPANK_SUCCESS)
        return std::nullopt;
    if (groups != nullptr && group_count > 0) facts.identity.groups.assign(groups, groups + group_count);
    if (facts.step == SLURM_BATCH_SCRIPT) {
        facts.kind = StepKind::batch;
        int argc = 0;
        char** argv = nullptr;
        if (spank_get_item(spank, S_JOB_ARGV, &argc, &argv) == ESPANK_SUCCESS && argc > 0) facts.batch_script = argv[0];
    } else if (facts.step == SLURM_INTERACTIVE_STEP) {
        facts.kind = StepKind::interactive;
    } else if (facts.step < SLURM_INTERACTIVE_STEP) {
        facts.kind = StepKind::regular;
    }
    return facts;
}

std::optional<JobPlace> job_place(std::uint32_t job) {
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_step_id_t asked = SLURM_STEP_ID_INITIALIZER;
    asked.job_id = job;
#else
    const std::uint32_t asked = job;
#endif
    // Looked up by name, since only slurmstepd is asked for them, and not every program that loads plugins has them.
    const auto load = reinterpret_cast<decltype(&slurm_load_job)>(::dlsym(RTLD_DEFAULT, "slurm_load_job"));
    const auto release = reinterpret_cast<decltype(&slurm_free_job_info_msg)>(::dlsym(RTLD_DEFAULT, "slurm_free_job_info_msg"));
    job_info_msg_t* answer = nullptr;
    if (load == nullptr || release == nullptr || load(&answer, asked, 0) != 0 || answer == nullptr) return std::nullopt;
    std::optional<JobPlace> place;
    for (std::uint32_t i = 0; i < answer->record_count; ++i) {
        const auto& record = answer->job_array[i];
        if (record.job_id != job || record.partition == nullptr) continue;
        place = JobPlace{record.partition, record.account != nullptr ? record.account : ""};
    }
    release(answer);
    return place;
}

std::optional<std::vector<std::string>> job_environment(spank_t spank) {
    char** environment = nullptr;
    if (spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS || environment == nullptr) return std::nullopt;
    std::vector<std::string> entries;
    for (; *environment != nullptr; ++environment) entries.emplace_back(*environment);
    return entries;
}

bool replace_environment(spank_t spank, const std::vector<std::string>& before,
                         const std::vector<std::pair<std::string, std::string>>& wanted) {
    std::map<std::string, std::string, std::less<>> old;
    for (const auto& entry : before)
        if (const auto equals = entry.find('='); equals != std::string::npos) old.try_emplace(entry.substr(0, equals), entry.substr(equals + 1));
    for (const auto& [name, value] : wanted) {
        const auto found = old.find(name);
        const bool same = found != old.end() && found->second == value;
        if (!same && spank_setenv(spank, name.c_str(), value.c_str(), 1) != ESPANK_SUCCESS) return false;
        if (found != old.end()) old.erase(found);
    }
    for (const auto& [name, value] : old) spank_unsetenv(spank, name.c_str());
    return true;
}

unsigned local_task(spank_t spank) {
    int task = 0;
    return spank_get_item(spank, S_TASK_ID, &task) == ESPANK_SUCCESS && task > 0 ? static_cast<unsigned>(task) : 0;
}

unsigned global_task(spank_t spank) {
    std::uint32_t task = 0;
    return spank_get_item(spank, S_TASK_GLOBAL_ID, &task) == ESPANK_SUCCESS ? task : 0;
}

pid_t task_pid(spank_t spank) {
    pid_t pid = -1;
    return spank_get_item(spank, S_TASK_PID, &pid) == ESPANK_SUCCESS ? pid : -1;
}

unsigned local_task_count(spank_t spank) {
    std::uint32_t count = 0;
    return spank_get_item(spank, S_JOB_LOCAL_TASK_COUNT, &count) == ESPANK_SUCCESS && count > 0 ? count : 1;
}

std::optional<std::string> oci_configuration() {
    const char* configuration = std::getenv("SLURM_CONF");  // slurmd sets it for slurmstepd; a job cannot
    std::string path = configuration != nullptr ? configuration : "/etc/slurm/slurm.conf";
    path.replace(path.rfind('/') + 1, std::string::npos, "oci.conf");
    if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
    return path;
}

}  // namespace berth::slurm
