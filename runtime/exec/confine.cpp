// Apart from privilege.cpp: what only gives up powers need not bring libseccomp along.
#include <seccomp.h>

#include <memory>

#include "runtime/exec/privilege.hpp"

namespace berth {

Status confine_reader() {
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
    if (!filter) return Error{Category::system, ENOMEM, "seccomp_init failed"};
    // Opening, reading and describing files; memory; messages to the parent; time; the end.
    for (const int call :
         {SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(open), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write),
          SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(lseek), SCMP_SYS(readlink),
          SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(uname),
          SCMP_SYS(ftruncate), SCMP_SYS(fchmod), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(mmap),
          SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
          SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group)})
        if (const int rc = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); rc != 0 && rc != -EDOM)
            return errno_error("seccomp_rule_add", -rc);
    if (const int rc = seccomp_load(filter.get()); rc != 0) return errno_error("seccomp_load", -rc);
    return {};
}

}  // namespace berth
