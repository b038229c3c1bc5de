// Child processes: the only place that forks. A child is owned, bounded in time and never forgotten.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

/// Owner of one child process. Destroying it kills the child (SIGKILL) and reaps it (a child that hangs in the kernel
/// for more than a second is left to init), unless it was waited for or released. Signals go through a pidfd: never to
/// a stranger that was given the same pid.
class [[nodiscard]] Child {
public:
    Child() = default;
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    /// fork(2); the child runs `body` and leaves with _exit(body()). The child keeps every descriptor and all
    /// memory of the caller: bodies begin by dropping what they do not need.
    static Result<Child> fork(const std::function<int()>& body);

    /// vfork-like start of a program (posix_spawn): `fds` are given to it as descriptors 3, 4, … in order;
    /// 0–2 are /dev/null. Every other descriptor is closed. The environment is empty.
    /// The program is a path of this installation, checked to be root's where root starts it.
    static Result<Child> spawn(const std::string& program, const std::vector<std::string>& arguments,
                               const std::vector<int>& fds);

    static constexpr int kNotPrepared = 126;
    static constexpr int kNotExecuted = 127;

    /// spawn() with steps before the program, for callers of one thread that hold no lock: forks a child, which runs
    /// `outside` and forks the program's process; that one runs `inside` and dies with the child. Both begin with all
    /// memory and descriptors of the caller. The Child is the one in between: it ends as the program does (128 + signal),
    /// with kNotPrepared when a step fails and with kNotExecuted when the program cannot be executed.
    static Result<Child> spawn_apart(const std::function<Status()>& outside, const std::function<Status()>& inside,
                                     const std::string& program, const std::vector<std::string>& arguments,
                                     const std::vector<int>& fds);

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

    /// Waits for the end; a child still running after `limit` is killed and reported as an error (ETIMEDOUT).
    /// \return the wait status of waitpid(2).
    Result<int> wait(std::chrono::milliseconds limit);

    void kill() noexcept;

    /// Gives the process up: it is not killed or reaped by this object any more.
    void release() noexcept;

private:
    void kill_and_reap() noexcept;
    Child(pid_t pid, UniqueFd pidfd) noexcept : pid_(pid), pidfd_(std::move(pidfd)) {}
    pid_t pid_ = -1;
    UniqueFd pidfd_;
};

/// A process that is nobody's child (init adopts it), held by its pidfd.
struct DetachedProcess {
    pid_t pid = -1;
    UniqueFd pidfd;
};

/// Kills the process and waits, at most `limit`, until it is gone (not until init has reaped it).
void end_process(const UniqueFd& pidfd, std::chrono::milliseconds limit) noexcept;

/// Child::spawn() for a program that is to outlive the caller's exec: the caller's later self must not find a child that
/// it never started. The program starts while the caller goes on.
class [[nodiscard]] DetachedStart {
public:
    static Result<DetachedStart> begin(const std::string& program, const std::vector<std::string>& arguments,
                                       const std::vector<int>& fds);
    DetachedStart(DetachedStart&&) noexcept = default;
    DetachedStart& operator=(DetachedStart&&) = delete;
    /// Without finish(): the program is killed, by the go-between.
    ~DetachedStart();

    /// Waits until the program has been started; why it could not be is the error. Once.
    Result<DetachedProcess> finish();

private:
    DetachedStart(Child between, UniqueFd socket, std::string program)
        : between_(std::move(between)), socket_(std::move(socket)), program_(std::move(program)) {}

    Child between_;
    UniqueFd socket_;  ///< to the go-between, whose end of it says that the caller is gone
    std::string program_;
};

/// DetachedStart, begun and finished.
[[nodiscard]] Result<DetachedProcess> spawn_detached(const std::string& program, const std::vector<std::string>& arguments,
                                                     const std::vector<int>& fds);

/// What exec(2) takes for arguments and environment: points into `texts`, which must stay until then.
[[nodiscard]] std::vector<char*> exec_vector(const std::vector<std::string>& texts);

/// As a program expects it at its start: no signal is blocked or ignored.
void reset_signals() noexcept;

/// Closes every descriptor of this process but 0, 1, 2 and those of `keep`. close_range(2).
Status close_other_fds(std::vector<int> keep);

}  // namespace berth
