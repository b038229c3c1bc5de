// berth_failing_runner IMAGE CONFIG [UID GID]: prepares the image's container again and again, each time failing one
// step later, until it succeeds, and looks after each time for what is left; then again, ending by a signal at each step. With UID and GID as a step's helper does
// it (root, for that user, into a prepared namespace); without as the command does it (the caller, for himself).
// Ends with 0 when nothing was left, and prints the steps. With BERTH_FAILING_RUNNER_LEAKS=1 in its environment each
// try leaves a process and a file behind on purpose, so that a test can see that they are seen.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/namespaces.hpp"

using namespace berth;

namespace {

constexpr std::chrono::seconds kServerMayTake{2};
constexpr std::chrono::seconds kLongest{60};
constexpr int kFailedAsAsked = 0;
constexpr int kPlanIsDone = 10;
constexpr int kWrong = 20;

struct Setting {
    std::string image;
    config::SiteConfig site;
    std::optional<Identity> user;  ///< set: root prepares for this user
};

/// How the process that prepares ends: with its objects' destructors, or by a signal, without.
enum class End { orderly, killed };

// What ends a process that has no handlers, as berth-step is one, and what does not.
constexpr auto kDeadly = std::to_array<int>({SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                             SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT});
constexpr auto kHarmless = std::to_array<int>({SIGCHLD, SIGCONT, SIGURG, SIGWINCH});

void end_by_signal(std::size_t number) {
    for (const int signal : kHarmless) ::raise(signal);
    const int signal = kDeadly[number % kDeadly.size()];
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::signal(signal, SIG_DFL);  // a shell in the background has its jobs ignore some
    ::raise(signal);
}

// --- one try, in a process of its own -------------------------------------------------------------------------------

JobContext context_of(const Setting& setting) {
    const Identity identity = setting.user.value_or(Identity{::geteuid(), ::getegid(), {}});
    JobContext job = job_context(identity);
    job.privileged = setting.user.has_value();
    job.launch = job.privileged ? Launch::slurm : Launch::command_line;
    job.working_directory = std::filesystem::current_path().string();
    return job;
}

/// `before_the_end` is called while all that was prepared is still there.
Result<Status> prepare_until(const Setting& setting, std::size_t fail_at, std::string& step, const std::function<void(const Status&)>& before_the_end) {
    const JobContext job = context_of(setting);
    UniqueFd prepared;
    std::optional<std::pair<uid_t, gid_t>> server;
    std::unique_ptr<UserSide> side;
    if (setting.user) {
        BERTH_TRY(prepared, make_mount_namespace());
        BERTH_TRY(const UniqueFd here, open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY));
        BERTH_TRY(server, image_server_account(setting.site));
        BERTH_TRY(side, agent_user_side(*setting.user, server->first, here.get()));
    } else {
        side = direct_user_side();
    }
    Request request;
    request.image = setting.image;
    request.binds = {{"/usr", "/mnt/usr", true}, {"/etc/hostname", "/mnt/name", false}};
    BERTH_TRY(const auto considered, consider(request, {setting.site, {}}, job, *side));
    if (considered.decision.refusal) return *considered.decision.refusal;
    if (fail_at == 0) std::printf("driver: %s\n", to_string(considered.decision.driver));
    std::fflush(stdout);

    RunnerInputs inputs{*side,  job.privileged, considered.image.fd.get(), considered.image.info, {},
                        server, {}, nullptr, prepared.get()};
    inputs.caller.uid = job.uid;
    std::size_t left = fail_at;
    step.clear();
    for (const auto& planned : considered.plan.steps)
        if (planned.phase == Phase::prepare && left-- == 0) step = name_of(planned.effect);

    RealRunner real(std::move(inputs));
    FailingRunner failing(real, fail_at);
    Status done = run_phase(failing, considered.plan, Phase::prepare);
    before_the_end(done);
    return done;
}

void leave_something_behind(const Setting& setting) {
    const std::string file =
        std::filesystem::path(setting.image).parent_path() / ("berth-failing-runner." + std::to_string(::getpid()));
    static_cast<void>(open_at(AT_FDCWD, file, O_WRONLY | O_CREAT, 0600));
    auto child = Child::fork([] {
        std::this_thread::sleep_for(kServerMayTake * 2);
        return 0;
    });
    if (child) child->release();
}

/// The body of the child: tries, and reports kFailedAsAsked, kPlanIsDone or kWrong (a byte) with a line that tells why.
int one_try(const Setting& setting, std::size_t fail_at, End end, int report) {
    ::setsid();  // whatever it starts can be told by its session
    if (std::getenv("BERTH_FAILING_RUNNER_LEAKS") != nullptr) leave_something_behind(setting);
    std::string step;
    const auto tell = [&](const Status& outcome) {
        int status = kWrong;
        std::string line;
        if (step.empty()) {
            status = outcome ? kPlanIsDone : kWrong;
            line = outcome ? "the whole plan" : "failed by itself after every step: " + outcome.error().message;
        } else if (outcome) {
            line = step + " was to fail, and the plan succeeded";
        } else if (outcome.error().number != ECANCELED || outcome.error().message.find(step) == std::string::npos) {
            line = "failed by itself before " + step + ", or the error does not name it: " + outcome.error().message;
        } else {
            status = kFailedAsAsked;
            line = "failed at " + step;
        }
        static_cast<void>(write_all(report, static_cast<char>(status) + line, "pipe"));
    };
    const auto outcome = prepare_until(setting, fail_at, step, [&](const Status& done) {
        if (end == End::orderly) return;
        tell(done);
        end_by_signal(fail_at);
    });
    if (outcome) tell(*outcome);
    else static_cast<void>(write_all(report, static_cast<char>(kWrong) + ("could not begin: " + outcome.error().message), "pipe"));
    return 0;
}

// --- what is there --------------------------------------------------------------------------------------------------

using Lines = std::vector<std::string>;

void add_mounts(Lines& lines) {
    const auto text = read_file("/proc/self/mountinfo", 16U << 20);
    if (!text) return lines.push_back("mountinfo cannot be read");
    for (const auto& line : split(*text, '\n'))
        if (!line.empty()) lines.push_back("mount " + line);
}

/// Others may use loop devices meanwhile: only those of this image count.
void add_loop_devices(Lines& lines, const std::string& image) {
    for (const auto& device : std::filesystem::directory_iterator("/sys/block")) {
        const auto file = read_file((device.path() / "loop/backing_file").string(), 8192);
        if (file && file->starts_with(image))
            lines.push_back("loop device " + device.path().filename().string() + " of " + image);
    }
}

void add_files(Lines& lines, const std::string& folder) {
    std::error_code unreadable;
    const auto skip = std::filesystem::directory_options::skip_permission_denied;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, skip, unreadable))
        lines.push_back("file " + entry.path().string());
}

/// State and session of /proc/PID/stat; nothing for zombies.
std::optional<pid_t> session_of(const std::string& pid) {
    const auto stat = read_file("/proc/" + pid + "/stat", 4096);
    if (!stat) return std::nullopt;
    const auto fields = split(std::string_view(*stat).substr(stat->rfind(')') + 2), ' ');
    if (fields.size() < 4 || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
    return whole_number<pid_t>(fields[3]);
}

/// The effective user. Not the owner of /proc/PID, which is root where the process may not be traced.
std::optional<uid_t> user_of(const std::string& pid) {
    const auto status = read_file("/proc/" + pid + "/status", 8192);
    const auto at = status ? status->find("\nUid:\t") : std::string::npos;
    if (at == std::string::npos) return std::nullopt;
    return static_cast<uid_t>(std::strtoul(split(status->substr(at + 6), '\t')[1].c_str(), nullptr, 10));
}

/// Image servers of the user that serves here, and every process of the session.
void add_processes(Lines& lines, uid_t server, pid_t session) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string pid = entry.path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto its_session = session_of(pid);
        const auto name = read_file("/proc/" + pid + "/comm", 64);
        if (!its_session || !name) continue;
        const bool is_server = name->starts_with("berth-fuse") && user_of(pid) == server;
        if (is_server || (session > 0 && *its_session == session))
            lines.push_back("process " + pid + ": " + split(*name, '\n')[0]);
    }
}

Lines state(const Setting& setting, pid_t session) {
    Lines lines;
    add_mounts(lines);
    add_loop_devices(lines, setting.image);
    add_files(lines, std::filesystem::path(setting.image).parent_path().string());
    const auto server = image_server_account(setting.site);
    add_processes(lines, setting.user && server ? server->first : ::geteuid(), session);
    std::sort(lines.begin(), lines.end());
    return lines;
}

/// What is there now and was not before; servers and loop devices may take a moment to go.
Lines left_since(const Lines& before, const Setting& setting, pid_t session) {
    const auto deadline = std::chrono::steady_clock::now() + kServerMayTake;
    for (;;) {
        const Lines now = state(setting, session);
        Lines left;
        std::set_difference(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(left));
        if (left.empty() || std::chrono::steady_clock::now() > deadline) return left;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

// --- the tries ------------------------------------------------------------------------------------------------------

/// \return what one_try reported, or kWrong when it left something.
Result<int> try_and_look(const Setting& setting, std::size_t fail_at, End end) {
    int pipe[2] = {-1, -1};
    if (::pipe2(pipe, O_CLOEXEC) != 0) return errno_error("pipe");
    const UniqueFd reading(pipe[0]);
    UniqueFd writing(pipe[1]);
    const Lines before = state(setting, -1);
    std::fflush(stdout);
    BERTH_TRY(auto child, Child::fork([&] { return one_try(setting, fail_at, end, writing.get()); }));
    const pid_t session = child.pid();
    BERTH_TRY(const int status, child.wait(kLongest));
    const bool as_told = end == End::killed ? WIFSIGNALED(status) : status == 0;
    const auto left = left_since(before, setting, session);
    for (const auto& line : left) std::printf("step %zu: left behind: %s\n", fail_at, line.c_str());
    writing.reset();
    std::string said(4096, '\0');
    const ssize_t n = ::read(reading.get(), said.data(), said.size());
    if (n < 1 || !as_told)
        return Error{Category::internal, 0,
                     "the process that prepared ended early, wait status " + std::to_string(status)};
    said.resize(static_cast<std::size_t>(n));
    std::printf("step %zu, %s: %s\n", fail_at, end == End::killed ? "killed" : "orderly", said.c_str() + 1);
    if (!left.empty()) return kWrong;
    return said[0];
}

int all_tries(const Setting& setting) {
    bool good = true;
    for (const End end : {End::orderly, End::killed}) {
        int outcome = kFailedAsAsked;
        for (std::size_t fail_at = 0; outcome != kPlanIsDone; ++fail_at) {
            const auto tried = try_and_look(setting, fail_at, end);
            if (!tried) std::printf("step %zu: %s\n", fail_at, tried.error().message.c_str());
            outcome = tried ? *tried : kWrong;
            good = good && outcome != kWrong;
            if (!good || fail_at > 200) return 1;
        }
    }
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 && argc != 5) {
        std::fputs("usage: berth_failing_runner IMAGE CONFIG [UID GID]\n", stderr);
        return 2;
    }
    auto site = config::load(argv[2]);
    if (!site) {
        std::fprintf(stderr, "%s\n", site.error().message.c_str());
        return 2;
    }
    Setting setting{argv[1], std::move(site).value(), std::nullopt};
    if (argc == 5)
        setting.user = Identity{whole_number<uid_t>(argv[3]).value(), whole_number<gid_t>(argv[4]).value(), {}};
    return all_tries(setting);
}
