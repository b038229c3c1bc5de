// Mounts an image through berth-fuse as a parent of it would, for the scripts beside this file.
//
//   fuse_mount_helper SERVER IMAGE TARGET shared|private|detached|absent|null [SERVER'S ARGUMENTS…]
//
// shared: open to every user (needs root). private: to the caller's user namespace. Both attach the mount at TARGET,
// print the server's process id and end. detached: closes the mount without attaching it. absent: ends without sending
// the server a descriptor; null: sends it /dev/null's.
// When the server complains, prints "error: " and what it says, and ends with status 1.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
    std::perror(what.c_str());
    std::exit(2);
}

int check(long result, const std::string& what) {
    if (result < 0) die(what);
    return static_cast<int>(result);
}

void set(int context, const char* key, const std::string& value) {
    check(::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value.c_str(), 0), std::string("fsconfig ") + key);
}

void set_flag(int context, const char* key) {
    check(::syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, nullptr, 0), std::string("fsconfig ") + key);
}

int make_mount(int device, bool shared) {
    const int context = check(::syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC), "fsopen");
    set(context, "source", "berth-test");
    set(context, "fd", std::to_string(device));
    set(context, "rootmode", "40000");
    set(context, "user_id", std::to_string(::geteuid()));
    set(context, "group_id", std::to_string(::getegid()));
    set_flag(context, "default_permissions");
    if (shared) set_flag(context, "allow_other");
    set_flag(context, "ro");
    check(::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig create");
    const unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return check(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), "fsmount");
}

std::string inheritable(int fd) {
    return std::to_string(check(::fcntl(fd, F_DUPFD, 64), "dup"));
}

void send_descriptor(int socket, int fd) {
    char byte = 'f';
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ::sendmsg(socket, &message, MSG_NOSIGNAL);  // a server that has complained already is gone
}

[[noreturn]] void run_server(const char* server, int parent, int image, char** extra) {
    struct stat status {};
    check(::fstat(image, &status), "fstat");
    std::vector<std::string> words{server,
                                   "--parent-fd",
                                   inheritable(parent),
                                   "--image-fd",
                                   inheritable(image),
                                   "--offset",
                                   "0",
                                   "--size",
                                   std::to_string(status.st_size)};
    for (; *extra != nullptr; ++extra) words.emplace_back(*extra);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execv(server, arguments.data());
    die(server);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    const std::string mode = argv[4];
    const int image = check(::open(argv[2], O_RDONLY | O_CLOEXEC), argv[2]);
    int sockets[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), "socketpair");
    const pid_t server = check(::fork(), "fork");
    if (server == 0) {
        ::close(sockets[0]);
        // Not in the namespace that holds the mount: it would keep both.
        if (mode == "private") check(::unshare(CLONE_NEWNS), "unshare");
        run_server(argv[1], sockets[1], image, argv + 5);
    }
    ::close(sockets[1]);
    int mount = -1;
    if (mode == "absent") {
        std::printf("%d\n", static_cast<int>(server));
        return 0;
    }
    if (mode == "null") {
        send_descriptor(sockets[0], check(::open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null"));
    } else {
        const int device = check(::open("/dev/fuse", O_RDWR | O_CLOEXEC), "/dev/fuse");
        mount = make_mount(device, mode == "shared");
        send_descriptor(sockets[0], device);
        ::close(device);
    }

    char answer[512] = {};
    ssize_t length = ::recv(sockets[0], answer, sizeof(answer) - 1, 0);
    // A server that went without reading what was sent: its answer is behind the error.
    if (length < 0 && errno == ECONNRESET) length = ::recv(sockets[0], answer, sizeof(answer) - 1, 0);
    if (length <= 0 || std::string(answer) != "ok") {
        std::printf("error: %s\n", length > 0 ? answer : "the server said nothing");
        return 1;
    }
    if (mode != "detached")
        check(::syscall(SYS_move_mount, mount, "", AT_FDCWD, argv[3], MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
    std::printf("%d\n", static_cast<int>(server));
    return 0;
}
