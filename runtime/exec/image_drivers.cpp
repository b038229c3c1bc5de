#include "runtime/exec/image_drivers.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/mounts.hpp"

namespace berth {
namespace {

constexpr int kLoopTries = 64;           // others may take the free device between our question and our claim
constexpr std::chrono::seconds kServerTime{15};

Error loop_error(const std::string& what) {
    const Category category = errno == ENOENT || errno == ENXIO ? Category::unsupported : Category::system;
    return errno_error(what, errno, category);
}

/// A loop device showing just the squashfs, read-only.
Result<std::pair<UniqueFd, std::string>> attach_loop(const ImageBytes& image) {
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control) return loop_error("/dev/loop-control");
    loop_config config{};
    config.fd = static_cast<__u32>(image.fd);
    config.info.lo_offset = image.offset;
    config.info.lo_sizelimit = image.bytes;
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    for (int tries = 0; tries < kLoopTries; ++tries) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return loop_error("no free loop device");
        std::string path = "/dev/loop" + std::to_string(number);
        UniqueFd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!device) return loop_error(path);
        if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return std::pair{std::move(device), std::move(path)};
        if (errno != EBUSY) return loop_error(path);
    }
    return Error{Category::system, EBUSY, "every loop device was taken by others"};
}

std::vector<std::string> server_arguments(const ImageBytes& image, const FuseServer& server) {
    std::vector<std::string> arguments = {"--fuse-fd", "3", "--image-fd", "4", "--ready-fd", "5", "--offset",
                                          std::to_string(image.offset), "--size", std::to_string(image.bytes)};
    const auto pair = [](uid_t uid, gid_t gid) { return std::to_string(uid) + ":" + std::to_string(gid); };
    if (server.run_as)
        arguments.insert(arguments.end(), {"--user", pair(server.run_as->first, server.run_as->second)});
    else
        arguments.insert(arguments.end(), {"--owner", pair(server.owner, server.owner_group)});
    return arguments;
}

}  // namespace

Result<UniqueFd> mount_kernel_squashfs(const ImageBytes& image) {
    BERTH_TRY(const auto loop, attach_loop(image));
    // "ro" besides the mount's own flag: the kernel opens the device for it. The device lives on through the mount.
    return new_filesystem("squashfs", {{"source", loop.second}, {"ro", ""}}, Access::read_only);
}

Result<FuseMount> mount_fuse(const ImageBytes& image, const FuseServer& server) {
    const UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!device) {
        if (errno == EACCES)
            return Error{Category::unsupported, EACCES,
                         "/dev/fuse may not be opened by this user: as root, chmod 0666 /dev/fuse (its usual mode), or use an "
                         "image that is an unpacked folder"};
        return errno_error("/dev/fuse", errno, Category::unsupported);
    }
    std::vector<std::pair<std::string, std::string>> parameters = {
        {"source", "berth"}, {"fd", std::to_string(device.get())}, {"rootmode", "40000"},
        {"user_id", std::to_string(server.run_as ? server.run_as->first : server.owner)},
        {"group_id", std::to_string(server.run_as ? server.run_as->second : server.owner_group)},
        {"default_permissions", ""}};
    if (server.run_as) parameters.emplace_back("allow_other", "");

    FuseMount fuse;
    BERTH_TRY(fuse.mount, new_filesystem("fuse", parameters, Access::read_only));
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return errno_error("pipe");
    fuse.ready = UniqueFd(pipe[0]);
    const UniqueFd tell(pipe[1]);
    BERTH_TRY(fuse.server, spawn_detached(install_paths().libexec + "/berth-fuse", server_arguments(image, server),
                                          {device.get(), image.fd, tell.get()}, [&]() -> Status {
                                              // In the namespace that will hold the mount, the server would keep its own
                                              // mount alive for ever. Root starts it from the host's.
                                              if (server.run_as || ::unshare(CLONE_NEWNS) == 0) return {};
                                              return errno_error("cannot make the image server's mount namespace");
                                          }));
    return fuse;
}

Status wait_until_served(int ready, const std::string& image_path) {
    const auto deadline = std::chrono::steady_clock::now() + kServerTime;
    std::string answer;
    std::array<char, 512> chunk{};
    while (answer.find('\n') == std::string::npos) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waiting{ready, POLLIN, 0};
        const int rc = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (rc < 0 && errno == EINTR) continue;
        if (rc <= 0) return Error{Category::system, ETIMEDOUT, printable(image_path, 512) + ": the image server did not start in time"};
        const ssize_t n = ::read(ready, chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || answer.size() > 4096)
            return Error{Category::image, 0, printable(image_path, 512) + ": the image server died: the image may be crafted or damaged"};
        answer.append(chunk.data(), static_cast<std::size_t>(n));
    }
    answer.resize(answer.find('\n'));
    if (answer == "ok") return {};
    const std::string_view complaint = answer.starts_with("error: ") ? std::string_view(answer).substr(7) : std::string_view(answer);
    return Error{Category::image, 0, printable(image_path, 512) + ": " + printable(complaint, 1024)};
}

}  // namespace berth
