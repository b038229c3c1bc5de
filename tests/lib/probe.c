// Runs inside a container under test, as a static program, and tries what must not work. Each command prints "NAME: yes"
// when the attempt succeeded and "NAME: no (ERROR)" when the kernel refused; the tests compare those lines.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static int tell(const char* name, int result) {
    if (result < 0)
        printf("%s: no (%s)\n", name, strerrorname_np(errno));
    else
        printf("%s: yes\n", name);
    return 0;
}

static int show_ids(void) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    if (getresuid(&r, &e, &s) != 0 || getresgid(&gr, &ge, &gs) != 0) return 1;
    printf("uids: %u %u %u\ngids: %u %u %u\n", r, e, s, gr, ge, gs);
    return 0;
}

static int write_file(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    const ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n < 0 ? -1 : 0;
}

// A user namespace in which we are root: what does that give over the mounts that are already here?
static int become_namespace_root(void) {
    char map[64];
    const uid_t uid = getuid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return -1;
    snprintf(map, sizeof map, "0 %u 1", uid);
    return write_file("/proc/self/uid_map", map);
}

static int try_remount(const char* path) {
    if (tell("user namespace", become_namespace_root()) != 0) return 1;
    return tell("remount", mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int try_unmount(const char* path) {
    if (tell("user namespace", become_namespace_root()) != 0) return 1;
    return tell("umount", umount2(path, MNT_DETACH));
}

// Each descriptor that is open, beside the three standard ones.
static int show_descriptors(void) {
    char link[64], target[4096];
    for (int fd = 3; fd < 4096; ++fd) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        const ssize_t n = readlink(link, target, sizeof target - 1);
        if (n < 0) continue;
        target[n] = '\0';
        printf("descriptor %d: %s\n", fd, target);
    }
    return 0;
}

int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "";
    const char* path = argc > 2 ? argv[2] : "";
    if (!strcmp(what, "ids")) return show_ids();
    if (!strcmp(what, "descriptors")) return show_descriptors();
    if (!strcmp(what, "read")) return tell("read", open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!strcmp(what, "write")) return tell("write", open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (!strcmp(what, "create")) return tell("create", open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!strcmp(what, "children")) return tell("children", waitpid(-1, NULL, WNOHANG));
    if (!strcmp(what, "setuid")) return tell("setuid", setuid(0));
    if (!strcmp(what, "chroot")) return tell("chroot", chroot("/"));
    if (!strcmp(what, "mount")) return tell("mount", mount("none", path, "tmpfs", 0, NULL));
    if (!strcmp(what, "mknod")) return tell("mknod", mknod(path, S_IFCHR | 0666, makedev(1, 3)));
    if (!strcmp(what, "trace")) return tell("trace", (int)ptrace(PTRACE_SEIZE, atoi(path), NULL, NULL));
    if (!strcmp(what, "remount")) return try_remount(path);
    if (!strcmp(what, "umount")) return try_unmount(path);
    fprintf(stderr, "probe: unknown command '%s'\n", what);
    return 2;
}
