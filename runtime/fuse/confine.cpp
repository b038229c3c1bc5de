#include "runtime/fuse/confine.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "runtime/base/io.hpp"
#include "runtime/base/resource_limits.hpp"

namespace berth::fuse {
namespace {

constexpr rlim_t kMaxDescriptors = 64;

Status block_signals() {
    sigset_t blocked;
    ::sigfillset(&blocked);
    for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGPROF})
        ::sigdelset(&blocked, crash);
    if (::sigprocmask(SIG_SETMASK, &blocked, nullptr) != 0) return errno_error("sigprocmask");
    return {};
}

Status close_range_(unsigned first, unsigned last) {
    if (first > last) return {};
    if (::syscall(SYS_close_range, first, last, 0U) != 0) return errno_error("close_range");
    return {};
}

Status close_others(const Options& options) {
    const auto [low, high] = std::minmax(options.parent_fd, options.image_fd);
    unsigned next = STDERR_FILENO + 1;
    for (const int fd : {low, high}) {
        const auto number = static_cast<unsigned>(fd);
        if (number > next) BERTH_CHECK(close_range_(next, number - 1));
        next = number + 1;
    }
    return close_range_(next, UINT_MAX);
}

Status silence_standard_streams() {
    BERTH_TRY(const auto null, open_at(AT_FDCWD, "/dev/null", O_RDWR));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::dup2(null.get(), fd) < 0) return errno_error("dup2");
    return {};
}

Status check_image_descriptor(const Options& options) {
    const int flags = ::fcntl(options.image_fd, F_GETFL);
    struct stat status {};
    if (flags < 0 || ::fstat(options.image_fd, &status) != 0) return errno_error("--image-fd", errno, Category::usage);
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_PATH) != 0)
        return Error{Category::usage, EINVAL, "--image-fd must be open for reading only"};
    if (S_ISBLK(status.st_mode)) return {};
    if (!S_ISREG(status.st_mode))
        return Error{Category::usage, EINVAL, "--image-fd is neither a file nor a block device"};
    const std::uint64_t end = options.offset + options.size;
    if (static_cast<std::uint64_t>(status.st_size) < end)
        return Error{Category::image, 0,
                     "the image is truncated: it has " + std::to_string(status.st_size) +
                         " bytes and its file system ends at byte " + std::to_string(end)};
    return {};
}

}  // namespace

Status detach_from_caller(const Options& options) {
    BERTH_CHECK(block_signals());
    BERTH_CHECK(give_up_oom_protection());
    ::setsid();  // fails for the leader of a process group, which then is alone in it, and deaf to its signals as well
    if (::chdir("/") != 0) return errno_error("chdir /");
    BERTH_CHECK(close_others(options));
    BERTH_CHECK(silence_standard_streams());
    return check_image_descriptor(options);
}

Status limit_resources(std::uint64_t max_memory) {
    BERTH_CHECK(lower_limit(RLIMIT_CORE, 0, "RLIMIT_CORE"));
    BERTH_CHECK(lower_limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"));
    BERTH_CHECK(lower_limit(RLIMIT_NOFILE, kMaxDescriptors, "RLIMIT_NOFILE"));
    BERTH_CHECK(lower_limit(RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"));
    return limit_memory(max_memory);
}

}  // namespace berth::fuse
