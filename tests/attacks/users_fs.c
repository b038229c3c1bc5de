// A FUSE file system of a user's: mounted as fusermount3 does it for him (by root, for his id, nosuid and nodev), and
// answered as he likes.
//   users_fs KIND MOUNTPOINT UID:GID [IMAGE]     (as root; in the foreground)
// silent: a root folder that can be looked at, and never another answer. picky: holds folders of every name for the user,
// and answers nobody else. nonsense: whatever comes to its mind, types that
// change, links, sizes without end, errors. forging: IMAGE as image.sif, which it says is root's.
// KIND+: others than the user may look, too (user_allow_other in fuse.conf).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kMaxRead = 1 << 16 };
static char in[1 << 18];
static struct {
    struct fuse_out_header header;
    char body[kMaxRead];
} out;
static unsigned user;
static int image = -1;

static void attributes(struct fuse_attr* attr, unsigned mode, unsigned owner, unsigned long long inode, unsigned long long size) {
    attr->ino = inode, attr->mode = mode, attr->nlink = 1 + (mode >> 14 == 1), attr->uid = attr->gid = owner;
    attr->size = size, attr->blksize = 4096;
}

// What every file system here answers alike. 0: not such a request.
static size_t common(const struct fuse_in_header* asked) {
    if (asked->opcode == FUSE_INIT) {
        struct fuse_init_out* const init = (void*)out.body;
        init->major = 7, init->minor = 31, init->max_write = 4096;
        return sizeof *init;
    }
    if (asked->opcode == FUSE_GETATTR && asked->nodeid == 1) {
        attributes(&((struct fuse_attr_out*)out.body)->attr, S_IFDIR | 0755, user, 1, 0);
        return sizeof(struct fuse_attr_out);
    }
    return 0;
}

static size_t nonsense_read(unsigned size) {
    static const char* const starts[] = {"hsqs", "SIF_MAGIC", "../../../../../../etc/shadow", "/proc/self/root/etc/shadow", "#!/bin/sh\n", ""};
    const unsigned length = (unsigned)rand() % (size < kMaxRead ? size + 1 : kMaxRead);
    for (unsigned i = 0; i < length; ++i) out.body[i] = (char)(rand() % 5 ? rand() : 0);
    const char* const start = starts[rand() % 6];
    const size_t at = strcmp(start, "SIF_MAGIC") ? 0 : 32;
    if (at + strlen(start) <= length) memcpy(out.body + at, start, strlen(start));
    return length;
}

static size_t nonsense(const struct fuse_in_header* asked) {
    static const unsigned kinds[] = {S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK, 0};
    const struct fuse_read_in* const wanted = (const void*)(asked + 1);
    const unsigned mode = kinds[rand() % 10] | (unsigned)rand() % 010000;
    const unsigned long long inode = 2 + (unsigned)rand() % 30, size = rand() % 2 ? 1ULL << (rand() % 63) : 4096;
    if (rand() % 6 == 0) {
        out.header.error = -(1 + rand() % 120);
        return 0;
    }
    switch (asked->opcode) {
        case FUSE_LOOKUP: {
            struct fuse_entry_out* const entry = (void*)out.body;
            entry->nodeid = inode, entry->entry_valid = (unsigned)rand() % 2;
            attributes(&entry->attr, mode, rand() % 2 ? 0 : user, inode, size);
            return sizeof *entry;
        }
        case FUSE_GETATTR: attributes(&((struct fuse_attr_out*)out.body)->attr, mode, 0, asked->nodeid, size); return sizeof(struct fuse_attr_out);
        case FUSE_OPEN:
        case FUSE_OPENDIR: ((struct fuse_open_out*)out.body)->open_flags = (unsigned)rand() % 4; return sizeof(struct fuse_open_out);
        case FUSE_READ:
        case FUSE_READDIR: return nonsense_read(wanted->size);
        case FUSE_READLINK: return nonsense_read(300);
        case FUSE_STATFS: return sizeof(struct fuse_statfs_out);
        case FUSE_FLUSH: return 0;
        default: return rand() % 3 ? (size_t)(out.header.error = -ENOSYS, 0) : nonsense_read(64);
    }
}

static size_t picky(const struct fuse_in_header* asked) {
    struct fuse_entry_out* const entry = (void*)out.body;
    switch (asked->opcode) {
        case FUSE_LOOKUP:
            entry->nodeid = 2;
            attributes(&entry->attr, S_IFDIR | 0755, user, 2, 0);
            return sizeof *entry;
        case FUSE_GETATTR: attributes(&((struct fuse_attr_out*)out.body)->attr, S_IFDIR | 0755, user, 2, 0); return sizeof(struct fuse_attr_out);
        default: out.header.error = -ENOSYS; return 0;
    }
}

static size_t forging(const struct fuse_in_header* asked) {
    const struct fuse_read_in* const wanted = (const void*)(asked + 1);
    const char* const name = (const char*)(asked + 1);
    struct stat st;
    fstat(image, &st);
    switch (asked->opcode) {
        case FUSE_LOOKUP: {
            struct fuse_entry_out* const entry = (void*)out.body;
            if (strcmp(name, "image.sif")) break;
            entry->nodeid = 2;
            attributes(&entry->attr, S_IFREG | 0644, 0, 2, (unsigned long long)st.st_size);
            return sizeof *entry;
        }
        case FUSE_GETATTR: attributes(&((struct fuse_attr_out*)out.body)->attr, S_IFREG | 0644, 0, 2, (unsigned long long)st.st_size); return sizeof(struct fuse_attr_out);
        case FUSE_OPEN: return sizeof(struct fuse_open_out);
        case FUSE_READ: {
            const ssize_t n = pread(image, out.body, wanted->size < kMaxRead ? wanted->size : kMaxRead, (off_t)wanted->offset);
            return n > 0 ? (size_t)n : 0;
        }
        case FUSE_FLUSH: return 0;
        default: break;
    }
    out.header.error = asked->opcode == FUSE_LOOKUP ? -ENOENT : -ENOSYS;
    return 0;
}

static void serve(int fd, char kind) {
    for (;;) {
        const ssize_t n = read(fd, in, sizeof in);
        if (n < 0 && errno == ENODEV) return;
        if (n < (ssize_t)sizeof(struct fuse_in_header)) continue;
        const struct fuse_in_header* const asked = (const void*)in;
        memset(&out, 0, sizeof out);
        size_t body = common(asked);
        if (asked->opcode == FUSE_FORGET || asked->opcode == FUSE_BATCH_FORGET || asked->opcode == FUSE_INTERRUPT) continue;
        if ((body == 0 && kind == 's') || (kind == 'p' && asked->opcode != FUSE_INIT && asked->uid != user)) continue;
        if (body == 0) body = kind == 'n' ? nonsense(asked) : kind == 'p' ? picky(asked) : forging(asked);
        out.header.unique = asked->unique;
        out.header.len = (unsigned)(sizeof out.header + body);
        if (write(fd, &out, out.header.len) < 0 && errno == EINVAL) {
            out.header.error = -EIO, out.header.len = sizeof out.header;
            if (write(fd, &out, sizeof out.header) < 0) continue;  // answered already
        }
    }
}

int main(int argc, char** argv) {
    char options[128];
    if (argc < 4) return 2;
    unsigned group = 0;
    if (sscanf(argv[3], "%u:%u", &user, &group) != 2) return 2;
    if (argc > 4 && (image = open(argv[4], O_RDONLY)) < 0) return 1;
    const int fd = open("/dev/fuse", O_RDWR);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u%s", fd, user, group, strchr(argv[1], '+') ? ",allow_other" : "");
    if (mount("users", argv[2], "fuse.users", MS_NOSUID | MS_NODEV, options) != 0) return 1;
    if (setgroups(0, NULL) != 0 || setgid(group) != 0 || setuid(user) != 0) return 1;
    serve(fd, argv[1][0]);
    return 0;
}
