#include "runtime/base/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/wire.hpp"

namespace berth {
namespace {

constexpr std::chrono::seconds kStartTime{30};
constexpr int kDeathTimeMs = 1000;

UniqueFd open_pidfd(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

/// What root executes must be root's, and only root's to change.
Status check_program(const std::string& program) {
    struct stat st {};
    if (::stat(program.c_str(), &st) != 0) return errno_error(program);
    if (!S_ISREG(st.st_mode)) return Error{Category::config, 0, program + ": not a program"};
    if (::geteuid() == 0 && (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
        return Error{Category::config, 0, program + ": must be owned by root and not writable by others"};
    return {};
}

/// Moves the descriptors out of the way of 3, 4, … so that one dup2 cannot overwrite another's source.
Result<std::vector<UniqueFd>> lifted(const std::vector<int>& fds) {
    std::vector<UniqueFd> high;
    const int above = static_cast<int>(fds.size()) + 3;
    for (const int fd : fds) {
        UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, above));
        if (!copy) return errno_error("cannot pass a descriptor on");
        high.push_back(std::move(copy));
    }
    return high;
}

/// The program's name comes first.
std::vector<std::string> words_of(const std::string& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

/// Becomes the program, which gets all descriptors but the last as 3, 4, …, and the last as 0, 1 and 2.
[[noreturn]] void execute(const std::string& program, const std::vector<std::string>& arguments, const std::vector<UniqueFd>& fds) {
    const std::size_t count = fds.size() - 1;
    for (int fd = 0; fd < 3; ++fd) ::dup2(fds[count].get(), fd);
    for (std::size_t i = 0; i < count; ++i) ::dup2(fds[i].get(), static_cast<int>(i) + 3);
    ::close_range(static_cast<unsigned>(count) + 3, ~0U, 0);
    reset_signals();
    const auto words = words_of(program, arguments);
    const auto argv = exec_vector(words);
    char* no_environment[] = {nullptr};
    ::execve(program.c_str(), argv.data(), no_environment);
    ::_exit(Child::kNotExecuted);
}

}  // namespace

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    return *this;
}

Child::~Child() {
    if (pid_ > 0) kill_and_reap();
}

Result<Child> Child::fork(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid < 0) return errno_error("cannot start a process");
    if (pid == 0) ::_exit(body());
    UniqueFd pidfd = open_pidfd(pid);
    Child child(pid, std::move(pidfd));
    if (!child.pidfd_) return errno_error("pidfd_open");
    return child;
}

Result<Child> Child::spawn(const std::string& program, const std::vector<std::string>& arguments,
                           const std::vector<int>& fds) {
    BERTH_CHECK(check_program(program));
    BERTH_TRY(const auto high, lifted(fds));

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; ++fd) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    for (std::size_t i = 0; i < high.size(); ++i)
        posix_spawn_file_actions_adddup2(&actions, high[i].get(), static_cast<int>(i) + 3);
    posix_spawn_file_actions_addclosefrom_np(&actions, static_cast<int>(high.size()) + 3);

    // slurmstepd and shells block or ignore signals; the program starts with the defaults.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));

    const auto words = words_of(program, arguments);
    const auto argv = exec_vector(words);
    char* no_environment[] = {nullptr};

    pid_t pid = -1;
    const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), no_environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return errno_error(program, failed);
    Child child(pid, open_pidfd(pid));
    if (!child.pidfd_) return errno_error("pidfd_open");
    return child;
}

Result<Child> Child::spawn_apart(const std::function<Status()>& outside, const std::function<Status()>& inside,
                                 const std::string& program, const std::vector<std::string>& arguments,
                                 const std::vector<int>& fds) {
    BERTH_CHECK(check_program(program));
    auto given = fds;
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return errno_error("/dev/null");
    given.push_back(null.get());
    BERTH_TRY(const auto high, lifted(given));
    return fork([&] {
        if (!outside()) return kNotPrepared;
        const pid_t inner = ::fork();
        if (inner < 0) return kNotPrepared;
        if (inner == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (!inside()) ::_exit(kNotPrepared);
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // becoming another user cleared it
            execute(program, arguments, high);
        }
        ::close_range(0, ~0U, 0);  // the program's ends of sockets must be its alone
        int status = 0;
        while (::waitpid(inner, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    });
}

Result<int> Child::wait(std::chrono::milliseconds limit) {
    if (pid_ <= 0) return Error{Category::system, ECHILD, "no child to wait for"};
    pollfd waiting{pidfd_.get(), POLLIN, 0};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (ready > 0) break;
        if (ready < 0 && errno == EINTR) continue;
        kill_and_reap();
        return Error{Category::system, ETIMEDOUT, "a helper process did not end in time and was killed"};
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
        if (errno == EINTR) continue;
        pid_ = -1;  // somebody else reaped it (slurmstepd waits for every child): the status is lost
        return errno_error("waitpid");
    }
    pid_ = -1;
    return status;
}

void Child::kill_and_reap() noexcept {
    kill();
    // A process that hangs in a file system call does not even die: then it is init's, once it does.
    pollfd waiting{pidfd_.get(), POLLIN, 0};
    if (!pidfd_ || ::poll(&waiting, 1, kDeathTimeMs) > 0)
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    pid_ = -1;
}

void Child::kill() noexcept {
    if (pid_ <= 0) return;
    if (pidfd_)
        ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    else
        ::kill(pid_, SIGKILL);  // out of descriptors; nobody has reaped it, so the pid is still its own
}

void Child::release() noexcept {
    pid_ = -1;
    pidfd_.reset();
}

void end_process(const UniqueFd& pidfd, std::chrono::milliseconds limit) noexcept {
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    pollfd waiting{pidfd.get(), POLLIN, 0};
    static_cast<void>(::poll(&waiting, 1, static_cast<int>(limit.count())));
}

Result<DetachedStart> DetachedStart::begin(const std::string& program, const std::vector<std::string>& arguments,
                                           const std::vector<int>& fds) {
    // The go-between starts the program and stays its parent, so that the pid cannot be anybody else's, until the
    // caller holds a pidfd; then it ends and init adopts the program.
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(auto between, Child::fork([&] {
                  ::close(sockets.first.get());  // the caller's end: its death must read as an end here
                  auto program_child = Child::spawn(program, arguments, fds);
                  Packer answer;
                  answer.number(program_child ? static_cast<std::uint64_t>(program_child->pid()) : 0);
                  answer.text(program_child ? "" : program_child.error().message);
                  const bool told = send_message(sockets.second.get(), answer.data()).ok();
                  std::array<char, 1> nothing{};
                  if (!told || ::read(sockets.second.get(), nothing.data(), 1) != 1) return 1;  // kills the program
                  if (program_child) program_child->release();
                  return 0;
              }));
    return DetachedStart(std::move(between), std::move(sockets.first), program);
}

DetachedStart::~DetachedStart() {
    if (!socket_) return;
    socket_.reset();
    static_cast<void>(between_.wait(kStartTime));
}

Result<DetachedProcess> DetachedStart::finish() {
    BERTH_TRY(const auto answer, receive_message(socket_.get(), kStartTime));
    Unpacker unpacker(answer.data);
    DetachedProcess process;
    process.pid = static_cast<pid_t>(unpacker.number());
    const std::string failure = unpacker.text();
    if (!unpacker.complete() || process.pid <= 0) return Error{Category::system, 0, "cannot start " + program_ + ": " + failure};
    process.pidfd = open_pidfd(process.pid);
    if (!process.pidfd) return errno_error("pidfd_open");
    const bool told = ::write(socket_.get(), "g", 1) == 1;
    socket_.reset();
    BERTH_TRY(const int status, between_.wait(kStartTime));
    if (!told || status != 0) return Error{Category::system, 0, "cannot start " + program_};
    return process;
}

Result<DetachedProcess> spawn_detached(const std::string& program, const std::vector<std::string>& arguments,
                                       const std::vector<int>& fds) {
    BERTH_TRY(auto start, DetachedStart::begin(program, arguments, fds));
    return start.finish();
}

std::vector<char*> exec_vector(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
    all.push_back(nullptr);
    return all;
}

void reset_signals() noexcept {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
}

Status close_other_fds(std::vector<int> keep) {
    std::sort(keep.begin(), keep.end());
    unsigned next = 3;
    for (const int fd : keep) {
        if (fd < 3) continue;
        const auto kept = static_cast<unsigned>(fd);
        if (kept > next && ::close_range(next, kept - 1, 0) != 0) return errno_error("close_range");
        next = std::max(next, kept + 1);
    }
    if (::close_range(next, ~0U, 0) != 0) return errno_error("close_range");
    return {};
}

}  // namespace berth
