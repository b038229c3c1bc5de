#include "spank/step_plugin.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <string_view>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth {
namespace {

constexpr int kFailure = 255;
constexpr std::size_t kSharedBytes = 4096;

std::string node_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this node";
}

/// The descriptor over which PMI-1 and PMI-2 talk to slurmstepd: the one that Slurm hands to a task on purpose.
std::vector<int> task_descriptors(const std::vector<std::string>& environment) {
    const auto value = variable(environment, "PMI_FD");
    const auto fd = value ? whole_number<int>(*value) : std::nullopt;
    return fd && *fd > 2 ? std::vector<int>{*fd} : std::vector<int>{};
}

}  // namespace

SharedText::~SharedText() {
    if (page_ != nullptr) ::munmap(page_, kSharedBytes);
}

Status SharedText::prepare() {
    void* const page = ::mmap(nullptr, kSharedBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return errno_error("mmap");
    page_ = static_cast<char*>(page);
    return {};
}

void SharedText::set(std::string_view text) noexcept {
    if (page_ == nullptr) return;
    const std::size_t length = text.copy(page_, kSharedBytes - 1);
    std::fill(page_ + length, page_ + kSharedBytes, '\0');
}

std::string SharedText::get() const { return page_ == nullptr ? std::string() : std::string(page_); }

Result<PluginArguments> parse_plugin_arguments(const std::vector<std::string>& arguments) {
    PluginArguments parsed{install_paths().sysconf + "/berth.conf", "", true};
    for (const auto& argument : arguments) {
        if (argument.starts_with("config=/"))
            parsed.config = argument.substr(7);
        else if (argument.starts_with("default="))
            parsed.default_image = argument.substr(8);
        else if (argument == "early-check=yes" || argument == "early-check=no")
            parsed.early_check = argument.ends_with("yes");
        else
            return Error{Category::config, 0,
                         "plugstack.conf: argument '" + printable(argument) +
                             "' of berth_spank.so is not known: expected config=/PATH, default=IMAGE or early-check=yes|no"};
    }
    return parsed;
}

Result<std::string> choose_image(const std::optional<std::string>& native, const std::optional<std::string>& image,
                                 const std::optional<std::string>& last, const std::string& fallback) {
    const bool by_image = image && !(last == kLastNative && native);
    const auto& asked = by_image ? image : native;
    if (!asked) return fallback == "none" ? "" : fallback;
    if (asked->empty())
        return Error{Category::usage, 0,
                     std::string(by_image ? "--container-image" : "--container") +
                         " is empty: name an image, or \"none\" to run without a container"};
    return *asked == "none" ? "" : *asked;
}

bool containers_differ(const std::vector<std::string>& command_line) {
    constexpr std::string_view kOption = "--container";
    std::optional<std::string> first;
    for (std::size_t i = 0; i < command_line.size(); ++i) {
        const std::string& word = command_line[i];
        std::string value;
        if (word == kOption && i + 1 < command_line.size())
            value = command_line[i + 1];
        else if (word.starts_with(std::string(kOption) + "="))
            value = word.substr(kOption.size() + 1);
        else
            continue;
        if (!first) first = value;
        if (*first != value) return true;
    }
    return false;
}

std::optional<std::string> variable(const std::vector<std::string>& environment, const std::string& name) {
    const std::string prefix = name + "=";
    const auto found = std::find_if(environment.begin(), environment.end(), [&](const auto& entry) { return entry.starts_with(prefix); });
    if (found == environment.end()) return std::nullopt;
    return found->substr(prefix.size());
}

void StepPlugin::begin(StepRequest request, std::optional<JobPlace> (*ask)(std::uint32_t job)) {
    active_ = true;
    request_ = std::move(request);
    auto container = StepContainer::start(request_);
    if (!container) return fail(std::move(container).error());
    container_ = std::move(container).value();
    if (container_->wants_job_place()) place_ = ask(request_.job);
}

void StepPlugin::fail(Error error) {
    active_ = true;
    log(LogLevel::verbose, "step will not run: " + error.message);
    if (!error_) error_ = std::move(error);
}

void StepPlugin::finish() {
    if (!active_ || error_) return;
    if (auto status = container_->finish(place_); !status) return fail(std::move(status).error());
    if (container_->has_limits())
        if (auto status = late_error_.prepare(); !status) return fail(std::move(status).error());
    finished_ = true;
}

void StepPlugin::enter() {
    if (!active_ || error_ || !finished_ || !container_->outcome().explanation.empty()) return;
    if (auto status = container_->enter(); !status) return fail(std::move(status).error());
    entered_ = true;
}

void StepPlugin::adopt(pid_t task) {
    if (!active_ || error_ || !finished_ || !container_->outcome().explanation.empty()) return;
    try {
        if (auto status = container_->limit_task(task); !status) {
            late_error_.set(status.error().message);
            log(LogLevel::verbose, "task will not run: " + status.error().message);
        }
    } catch (...) {
        // The task is a process of its own by now: it learns of nothing else.
        late_error_.set("its limits could not be set: slurmstepd is out of memory");
    }
    if (server_adopted_) return;
    server_adopted_ = true;
    if (auto status = container_->adopt_server(task); !status)
        log(LogLevel::warning, "the image server stays outside the step's cgroup: " + status.error().message);
}

std::string StepPlugin::task_ended(pid_t task, unsigned tasks) {
    const auto out_of_memory = container_ ? container_->out_of_memory(task) : std::nullopt;
    // Slurm kills what is left in the step's cgroup, and then sleeps for a second: nothing of ours may be left by then.
    if (++tasks_ended_ >= tasks) end();
    return out_of_memory.value_or("");
}

void StepPlugin::end() {
    if (container_) container_->end_helpers();
    container_.reset();
}

void StepPlugin::report(TaskNumbers task) const {
    if (task.local != 0) return;  // one message a node, not one a task
    const std::string line = "berth: error: " + error_->message + " (node " + node_name() + ")\n";
    static_cast<void>(write_all(STDERR_FILENO, line, "stderr"));
}

void StepPlugin::warn(TaskNumbers task) const {
    if (task.global != 0) return;
    for (const auto& warning : container_->outcome().warnings)
        static_cast<void>(write_all(STDERR_FILENO, "berth: warning: " + warning + "\n", "stderr"));
}

std::optional<Variables> StepPlugin::task_environment(const std::vector<std::string>& environment, TaskNumbers task, int& status) {
    status = kFailure;
    if (!error_ && !finished_) error_ = Error{Category::internal, 0, "the container was not prepared"};
    if (!error_ && !container_->outcome().explanation.empty()) {
        if (task.local == 0) static_cast<void>(write_all(STDOUT_FILENO, container_->outcome().explanation, "stdout"));
        status = 0;
        return std::nullopt;
    }
    if (const std::string late = late_error_.get(); !error_ && !late.empty()) error_ = Error{Category::unsupported, 0, late};
    if (!error_ && !entered_) error_ = Error{Category::internal, 0, "the container was not entered"};
    if (!error_) {
        warn(task);
        auto variables = container_->become_user_side(request_, environment, task_descriptors(environment));
        if (variables) return std::move(variables).value();
        error_ = std::move(variables).error();
    }
    report(task);
    return std::nullopt;
}

}  // namespace berth
