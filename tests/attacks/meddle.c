// What a user tries with a process that is not his, in every way that Linux has. Prints what worked, a line each.
//   meddle PID
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void tell(const char* what, long result) {
    if (result >= 0) printf("%s\n", what);
}

// Opening for writing is not enough: procfs judges some files only when they are written.
static void write_file(const char* pid, const char* name, const char* text) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    tell(name, write(fd, text, strlen(text)));
    close(fd);
}

static void read_file(const char* pid, const char* name) {
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (read(fd, &byte, 1) > 0 || !strncmp(name, "ns/", 3)) printf("read %s\n", name);
    if (!strncmp(name, "ns/", 3)) tell("setns", setns(fd, 0));
    close(fd);
}

static void look(const char* pid, const char* name) {
    char path[64], target[256];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    tell(name, readlink(path, target, sizeof target));
    tell(name, open(path, O_PATH | O_CLOEXEC));
}

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const char* const pid = argv[1];
    const pid_t target = atoi(pid);
    char buffer[8] = {0};
    struct iovec mine = {buffer, sizeof buffer}, theirs = {(void*)0x400000, sizeof buffer};
    const struct rlimit limit = {0, 0};
    const struct sched_param idle = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    tell("trace", ptrace(PTRACE_SEIZE, target, NULL, NULL));
    tell("attach", ptrace(PTRACE_ATTACH, target, NULL, NULL));
    tell("read memory", process_vm_readv(target, &mine, 1, &theirs, 1, 0));
    tell("write memory", process_vm_writev(target, &mine, 1, &theirs, 1, 0));
    tell("limits", prlimit(target, RLIMIT_CPU, &limit, NULL));
    tell("priority", setpriority(PRIO_PROCESS, (id_t)target, 19));
    tell("scheduler", sched_setscheduler(target, SCHED_IDLE, &idle));
    tell("affinity", sched_setaffinity(target, sizeof one, &one));
    tell("input and output", syscall(SYS_ioprio_set, 1, target, 3 << 13));
    tell("memory pages", syscall(SYS_migrate_pages, target, 1UL, NULL, NULL));
    tell("compare", syscall(SYS_kcmp, getpid(), target, 1, 0, 0));
    const int process = (int)syscall(SYS_pidfd_open, target, 0);
    for (int fd = 0; fd < 8; ++fd) tell("descriptor", syscall(SYS_pidfd_getfd, process, fd, 0));
    tell("advice", syscall(SYS_process_madvise, process, &theirs, 1, 4, 0));
    for (const char** name = (const char*[]){"mem", "oom_score_adj", "oom_adj", "clear_refs", "coredump_filter", "comm", "timerslack_ns", "attr/current",
                                             "attr/exec", "autogroup", "sched", "uid_map", "setgroups", NULL}; *name; ++name)
        write_file(pid, *name, "0");
    for (const char** name = (const char*[]){"mem", "environ", "maps", "smaps", "auxv", "syscall", "stack", "personality", "pagemap", "io", "ns/mnt", "ns/user",
                                             "ns/net", "ns/pid", NULL}; *name; ++name)
        read_file(pid, *name);
    for (const char** name = (const char*[]){"root/etc", "root/.", "cwd", "exe", "fd/3", "fd/4", "fd/5", "map_files/.", "task/../root/etc", NULL}; *name; ++name)
        look(pid, *name);
    // The last, as it may be the target's.
    for (int number = 1; number <= 64; ++number) {
        char name[32];
        snprintf(name, sizeof name, "signal %d", number);
        if (number < 32 || number > 33) tell(name, kill(target, number));
    }
    return 0;
}
