// Processes that are owned: none outlives its owner, none runs longer than it may, none gets what was not given to it.
#include "runtime/base/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

using namespace berth;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

struct Pipe {
    UniqueFd reading, writing;
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        reading.reset(ends[0]);
        writing.reset(ends[1]);
    }
    /// What was written, once every writer is gone.
    std::string text() {
        writing.reset();
        const auto all = read_all(reading.get(), 1U << 20, "pipe");
        REQUIRE(all.ok());
        return *all;
    }
};

/// Neither running nor a zombie.
bool is_gone(pid_t pid) {
    return ::kill(pid, 0) != 0 && errno == ESRCH;
}

int sleep_for_ever() {
    for (;;) ::pause();
}

/// Runs a shell program with the pipe as descriptor 3; its output.
std::string shell(const std::string& program, const std::vector<int>& more = {}) {
    Pipe pipe;
    std::vector<int> fds = {pipe.writing.get()};
    fds.insert(fds.end(), more.begin(), more.end());
    auto child = Child::spawn("/bin/sh", {"-c", program}, fds);
    if (!child) FAIL(child.error().message);
    const std::string said = pipe.text();
    const auto status = child->wait(10s);
    REQUIRE(status.ok());
    CHECK(*status == 0);
    return said;
}

class Folder {
public:
    Folder() {
        std::string name = "/tmp/berth-child-test-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string program(mode_t mode) const {
        const std::string path = path_ + "/program";
        const auto fd = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
        REQUIRE(fd.ok());
        REQUIRE(write_all(fd->get(), "#!/bin/sh\nexit 0\n", path).ok());
        REQUIRE(::fchmod(fd->get(), mode) == 0);
        return path;
    }

private:
    std::string path_;
};

}  // namespace

TEST_CASE("child: fork gives the body's value as the exit status") {
    for (const int code : {0, 1, 77, 255}) {
        auto child = Child::fork([code] { return code; });
        REQUIRE(child.ok());
        const pid_t pid = child->pid();
        const auto status = child->wait(10s);
        REQUIRE(status.ok());
        CHECK(WIFEXITED(*status));
        CHECK(WEXITSTATUS(*status) == code);
        CHECK(is_gone(pid));
    }
    auto killed = Child::fork([] { return ::raise(SIGKILL); });
    REQUIRE(killed.ok());
    const auto status = killed->wait(10s);
    REQUIRE(status.ok());
    CHECK(WTERMSIG(*status) == SIGKILL);
}

TEST_CASE("child: one that does not end in time is killed and reaped") {
    auto child = Child::fork(sleep_for_ever);
    REQUIRE(child.ok());
    const pid_t pid = child->pid();
    const auto status = child->wait(50ms);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().number == ETIMEDOUT);
    CHECK(is_gone(pid));
}

TEST_CASE("child: goes with its owner, and only with the last one") {
    pid_t pid = -1;
    {
        auto made = Child::fork(sleep_for_ever);
        REQUIRE(made.ok());
        pid = made->pid();
        Child moved = std::move(made).value();
        CHECK(moved.pid() == pid);
        {
            Child none;
            none = Child{};
        }
        CHECK(::kill(pid, 0) == 0);
        Child again;
        again = std::move(moved);
        CHECK(again.pid() == pid);
        CHECK(::kill(pid, 0) == 0);
    }
    CHECK(is_gone(pid));
}

TEST_CASE("child: released, it is nobody's") {
    auto child = Child::fork([] { return 3; });
    REQUIRE(child.ok());
    const pid_t pid = child->pid();
    child->release();
    CHECK(child->pid() == -1);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("child: reaped by somebody else, its status is an error and nobody else is waited for") {
    auto child = Child::fork([] { return 0; });
    REQUIRE(child.ok());
    REQUIRE(::waitpid(child->pid(), nullptr, 0) == child->pid());
    const auto status = child->wait(10s);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().number == ECHILD);
}

TEST_CASE("child: spawn gives the descriptors in order, and nothing else") {
    Pipe other;
    const UniqueFd null(::open("/dev/null", O_RDONLY));  // not close-on-exec: must not be seen all the same
    CHECK(shell("echo three >&3; echo four >&4", {other.writing.get()}) == "three\n");
    CHECK(other.text() == "four\n");
    // 4 is the one with which ls reads the folder.
    CHECK(shell("/bin/ls /proc/self/fd >&3") == "0\n1\n2\n3\n4\n");
    CHECK(shell("/bin/readlink /proc/self/fd/0 /proc/self/fd/2 >&3") == "/dev/null\n/dev/null\n");
    CHECK(shell("/bin/cat /proc/$$/environ >&3").empty());
}

TEST_CASE("child: spawn orders descriptors that lie on each other's places") {
    // 3 and 4 exchanged, wherever the test program has its own.
    auto child = Child::fork([]() -> int {
        ::close(3);
        ::close(4);
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0 || ends[0] != 3 || ends[1] != 4) return 10;
        auto program =
            Child::spawn("/bin/sh", {"-c", "echo through >&3; exec 3>&-; read line <&4; test $line = through"}, {4, 3});
        if (!program) return 11;
        const auto status = program->wait(10s);
        return status && *status == 0 ? 0 : 12;
    });
    REQUIRE(child.ok());
    const auto status = child->wait(20s);
    REQUIRE(status.ok());
    CHECK(*status == 0);
}

TEST_CASE("child: a spawned program starts with the signals' defaults") {
    sigset_t blocked, before;
    sigfillset(&blocked);
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &blocked, &before) == 0);
    auto* const old = ::signal(SIGUSR1, SIG_IGN);
    Pipe pipe;
    auto child =
        Child::spawn("/bin/sh", {"-c", "/bin/grep -E '^Sig(Blk|Ign)' /proc/self/status >&3"}, {pipe.writing.get()});
    ::signal(SIGUSR1, old);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    REQUIRE(child.ok());
    const auto lines = split(pipe.text(), '\n');
    CHECK(child->wait(10s).ok());
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "SigBlk:\t0000000000000000");
    // glibc ignores its own two, 32 and 33, in what it spawns.
    const unsigned long glibc = 3UL << 31;
    CHECK((std::strtoul(lines[1].c_str() + 8, nullptr, 16) & ~glibc) == 0);
}

TEST_CASE("child: what is no program of the installation is not started") {
    const Folder folder;
    const auto refusal = [](const std::string& program) {
        auto child = Child::spawn(program, {}, {});
        REQUIRE_FALSE(child.ok());
        CHECK_THAT(child.error().message, Contains(program));
        return child.error();
    };
    CHECK(refusal("/nonexistent/berth-fuse").number == ENOENT);
    CHECK(refusal("/dev/null").category == Category::config);
    CHECK(refusal("/usr").category == Category::config);
    CHECK(refusal(folder.program(0600)).number == EACCES);
    CHECK_FALSE(Child::spawn("/bin/sh", {"-c", "exit 0"}, {-1}).ok());
}

TEST_CASE("child: root starts only what root alone can have written") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    const Folder folder;
    for (const mode_t mode : {0775U, 0757U, 0777U}) {
        const std::string path = folder.program(mode);
        const auto child = Child::spawn(path, {}, {});
        REQUIRE_FALSE(child.ok());
        CHECK(child.error().category == Category::config);
        CHECK_THAT(child.error().message, Contains(path) && Contains("owned by root"));
    }
    const std::string path = folder.program(0755);
    CHECK(Child::spawn(path, {}, {}).ok());
    REQUIRE(::chown(path.c_str(), 65533, 0) == 0);
    CHECK_FALSE(Child::spawn(path, {}, {}).ok());
}

TEST_CASE("child: a detached program is nobody's child") {
    Pipe pipe;
    auto process = spawn_detached("/bin/sh", {"-c", "echo $PPID >&3; exec 3>&-; exec /bin/sleep 30"},
                                  {pipe.writing.get()});
    REQUIRE(process.ok());
    const std::string parent = pipe.text();
    CHECK(process->pid > 0);
    CHECK(::kill(process->pid, 0) == 0);
    CHECK(::waitpid(process->pid, nullptr, WNOHANG) == -1);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // the go-between is not left as a zombie either
    CHECK(::kill(process->pid, SIGKILL) == 0);
    CHECK_FALSE(parent.empty());
}

TEST_CASE("child: a detached program that cannot start is an error with its reason") {
    const auto missing = spawn_detached("/nonexistent/berth-fuse", {}, {});
    REQUIRE_FALSE(missing.ok());
    CHECK_THAT(missing.error().message, Contains("/nonexistent/berth-fuse") && Contains("No such file"));
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("child: a detached program whose start is given up does not live") {
    Pipe pipe;
    {
        const auto start = DetachedStart::begin("/bin/sleep", {"30"}, {pipe.writing.get()});
        REQUIRE(start.ok());
    }
    pipe.writing.reset();
    CHECK(pipe.text().empty());  // the end of the pipe: nobody holds it any more
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("child: close_other_fds keeps what it is told and nothing else") {
    const auto left = [](const std::vector<int>& keep) {
        Pipe pipe;
        auto child = Child::fork([&]() -> int {
            // Descriptors 3 to 20 exist, whatever was open before; 20 reports.
            if (::dup2(pipe.writing.get(), 20) != 20) return 1;
            for (int fd = 3; fd < 20; ++fd)
                if (::dup2(20, fd) != fd) return 1;
            std::vector<int> kept = keep;
            kept.push_back(20);
            if (!close_other_fds(kept)) return 1;
            std::string open;
            for (int fd = 0; fd < 1024; ++fd)
                if (::fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + " ";
            return write_all(20, open, "pipe") ? 0 : 1;
        });
        REQUIRE(child.ok());
        const std::string open = pipe.text();
        const auto status = child->wait(10s);
        REQUIRE(status.ok());
        CHECK(*status == 0);
        return open;
    };
    CHECK(left({}) == "0 1 2 20 ");
    CHECK(left({3}) == "0 1 2 3 20 ");
    CHECK(left({19, 5, 5, 4}) == "0 1 2 4 5 19 20 ");
    CHECK(left({0, 1, -1, 7}) == "0 1 2 7 20 ");
}
