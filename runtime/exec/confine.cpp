// Apart from privilege.cpp: what only gives up powers need not bring libseccomp along.
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <initializer_list>
#include <memory>

#include "runtime/exec/privilege.hpp"

namespace berth {
namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Result<Filter> new_filter(std::uint32_t otherwise) {
    Filter filter(seccomp_init(otherwise), seccomp_release);
    if (!filter) return Error{Category::system, ENOMEM, "seccomp_init failed"};
    return filter;
}

/// -EDOM: this architecture has no such call.
Status allow(const Filter& filter, std::initializer_list<int> calls) {
    for (const int call : calls)
        if (const int rc = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); rc != 0 && rc != -EDOM)
            return errno_error("seccomp_rule_add", -rc);
    return {};
}

Status allow_if(const Filter& filter, int call, const scmp_arg_cmp& condition) {
    if (const int rc = seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &condition); rc != 0)
        return errno_error("seccomp_rule_add", -rc);
    return {};
}

Status load(const Filter& filter) {
    if (const int rc = seccomp_load(filter.get()); rc != 0) return errno_error("seccomp_load", -rc);
    return {};
}

}  // namespace

Status confine_reader() {
    BERTH_TRY(const auto filter, new_filter(SCMP_ACT_KILL_PROCESS));
    // Opening, reading and describing files; memory; messages to the parent; time; the end.
    BERTH_CHECK(allow(filter, {SCMP_SYS(openat),
                               SCMP_SYS(openat2),
                               SCMP_SYS(open),
                               SCMP_SYS(close),
                               SCMP_SYS(read),
                               SCMP_SYS(pread64),
                               SCMP_SYS(write),
                               SCMP_SYS(fstat),
                               SCMP_SYS(newfstatat),
                               SCMP_SYS(statx),
                               SCMP_SYS(fstatfs),
                               SCMP_SYS(lseek),
                               SCMP_SYS(readlink),
                               SCMP_SYS(readlinkat),
                               SCMP_SYS(getdents64),
                               SCMP_SYS(getcwd),
                               SCMP_SYS(faccessat),
                               SCMP_SYS(faccessat2),
                               SCMP_SYS(uname),
                               SCMP_SYS(ftruncate),
                               SCMP_SYS(fchmod),
                               SCMP_SYS(recvmsg),
                               SCMP_SYS(recvfrom),
                               SCMP_SYS(sendmsg),
                               SCMP_SYS(poll),
                               SCMP_SYS(ppoll),
                               SCMP_SYS(mmap),
                               SCMP_SYS(munmap),
                               SCMP_SYS(mremap),
                               SCMP_SYS(brk),
                               SCMP_SYS(madvise),
                               SCMP_SYS(futex),
                               SCMP_SYS(getrandom),
                               SCMP_SYS(clock_gettime),
                               SCMP_SYS(restart_syscall),
                               SCMP_SYS(rt_sigreturn),
                               SCMP_SYS(exit),
                               SCMP_SYS(exit_group)}));
    // Not F_SETOWN and F_SETSIG, by which the kernel sends signals to processes of the same ids.
    for (const scmp_datum_t command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS,
                                       F_GET_SEALS, F_SETLEASE, F_GETLEASE})
        BERTH_CHECK(allow_if(filter, SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, command, 0}));
    return load(filter);
}

Status confine_checker() {
    // What is unknown here "does not exist", so that libraries of another release take the older call.
    BERTH_TRY(const auto filter, new_filter(SCMP_ACT_ERRNO(ENOSYS)));
    BERTH_CHECK(allow(
        filter,
        {// Files.
         SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(read),
         SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
         SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs),
         SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
         SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(chdir), SCMP_SYS(fchdir),
         SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename),
         SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(chmod), SCMP_SYS(fchmod),
         SCMP_SYS(fchmodat), SCMP_SYS(umask), SCMP_SYS(utimensat), SCMP_SYS(truncate), SCMP_SYS(ftruncate),
         SCMP_SYS(fallocate), SCMP_SYS(fadvise64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(flock),
         SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(pipe),
         SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
         SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),
         // Connections to gpg and its helpers. There is no network but the empty one.
         SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
         SCMP_SYS(recvmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
         SCMP_SYS(setsockopt),
         // Memory, threads, programs.
         SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
         SCMP_SYS(munlock), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address),
         SCMP_SYS(rseq), SCMP_SYS(arch_prctl), SCMP_SYS(prctl), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
         SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execve), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(exit),
         SCMP_SYS(exit_group), SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
         SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigsuspend), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
         SCMP_SYS(setsid), SCMP_SYS(setpgid),
         // Who, when and how much.
         SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getpgrp), SCMP_SYS(getpgid), SCMP_SYS(getsid),
         SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getresuid),
         SCMP_SYS(getresgid), SCMP_SYS(getgroups), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrlimit),
         SCMP_SYS(setrlimit), SCMP_SYS(prlimit64), SCMP_SYS(getrusage), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
         SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
         SCMP_SYS(times), SCMP_SYS(alarm), SCMP_SYS(setitimer)}));
    constexpr scmp_datum_t kNewNamespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    BERTH_CHECK(allow_if(filter, SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, kNewNamespaces, 0}));
    BERTH_CHECK(allow_if(filter, SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_UNIX, 0}));
    return load(filter);
}

}  // namespace berth
