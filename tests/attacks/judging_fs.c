// A file system that judges for itself, as NFS with ACLs or Kerberos does: what lies in it may be read by one user only,
// and it asks each request who it comes from. Shows "secret" to everybody and lets only root open it.
//   judging_fs MOUNTPOINT (as root; in the foreground)
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char kSecret[] = "the secret of a file system\n";

static int get_attributes(const char* path, struct stat* st, struct fuse_file_info* file) {
    (void)file;
    memset(st, 0, sizeof *st);
    if (!strcmp(path, "/")) {
        st->st_mode = S_IFDIR | 0755;
        st->st_nlink = 2;
        return 0;
    }
    if (strcmp(path, "/secret") != 0) return -ENOENT;
    st->st_mode = S_IFREG | 0644;
    st->st_nlink = 1;
    st->st_size = sizeof kSecret - 1;
    return 0;
}

static int list(const char* path, void* buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info* file,
                enum fuse_readdir_flags flags) {
    (void)path, (void)offset, (void)file, (void)flags;
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    fill(buffer, "secret", NULL, 0, 0);
    return 0;
}

static int open_file(const char* path, struct fuse_file_info* file) {
    (void)file;
    if (strcmp(path, "/secret") != 0) return -ENOENT;
    return fuse_get_context()->uid == 0 ? 0 : -EACCES;
}

static int read_file(const char* path, char* buffer, size_t size, off_t offset, struct fuse_file_info* file) {
    (void)path, (void)file;
    if (offset >= (off_t)(sizeof kSecret - 1)) return 0;
    if (size > sizeof kSecret - 1 - (size_t)offset) size = sizeof kSecret - 1 - (size_t)offset;
    memcpy(buffer, kSecret + offset, size);
    return (int)size;
}

int main(int argc, char** argv) {
    static const struct fuse_operations operations = {
        .getattr = get_attributes, .readdir = list, .open = open_file, .read = read_file};
    if (argc != 2) return 2;
    char* arguments[] = {argv[0], "-f", "-o", "allow_other,attr_timeout=0,entry_timeout=0", argv[1], NULL};
    return fuse_main(5, arguments, &operations, NULL);
}
