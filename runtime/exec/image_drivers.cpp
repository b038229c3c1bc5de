#include "runtime/exec/image_drivers.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>

#include "runtime/base/child.hpp"
#include "runtime/base/install_paths.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
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
Result<std::pair<UniqueFd, std::string>> attach_loop(const ImageBytes& image, std::uint64_t loop_devices) {
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
        // The kernel names the lowest one.
        if (static_cast<std::uint64_t>(number) >= loop_devices)
            return Error{Category::system, EBUSY,
                         "each of the " + std::to_string(loop_devices) + " loop devices that the site allows is taken: raise `max loop "
                         "devices` in berth.conf, or set it to 0, and FUSE serves the images"};
        std::string path = "/dev/loop" + std::to_string(number);
        UniqueFd device(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!device) return loop_error(path);
        if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return std::pair{std::move(device), std::move(path)};
        if (errno != EBUSY) return loop_error(path);
    }
    return Error{Category::system, EBUSY, "every loop device was taken by others"};
}

std::vector<std::string> server_arguments(const ImageBytes& image, const FuseServer& server) {
    std::vector<std::string> arguments = {"--parent-fd", "3", "--image-fd", "4", "--offset", std::to_string(image.offset),
                                          "--size", std::to_string(image.bytes)};
    if (image.tree)
        arguments.insert(arguments.end(), {"--tree", std::to_string(image.tree->offset) + ":" + std::to_string(image.tree->bytes) + ":" +
                                                         hexadecimal(image.tree->root)});
    const auto pair = [](uid_t uid, gid_t gid) { return std::to_string(uid) + ":" + std::to_string(gid); };
    if (server.run_as)
        arguments.insert(arguments.end(), {"--user", pair(server.run_as->first, server.run_as->second)});
    else
        arguments.insert(arguments.end(), {"--owner", pair(server.owner, server.owner_group)});
    return arguments;
}

}  // namespace

Result<UniqueFd> mount_kernel_squashfs(const ImageBytes& image, std::uint64_t loop_devices) {
    BERTH_TRY(const auto loop, attach_loop(image, loop_devices));
    // "ro" besides the mount's own flag: the kernel opens the device for it. The device lives on through the mount.
    return new_filesystem("squashfs", {{"source", loop.second}, {"ro", ""}}, Access::read_only);
}

Result<ImageServer> ImageServer::start(const ImageBytes& image, const FuseServer& server) {
    BERTH_TRY(auto sockets, socket_pair());
    BERTH_TRY(auto starting, DetachedStart::begin(install_paths().libexec + "/berth-fuse", server_arguments(image, server),
                                                  {sockets.second.get(), image.fd}));
    return ImageServer(std::move(starting), std::move(sockets.first), server);
}

Result<UniqueFd> ImageServer::mount(const std::string& image_path) {
    const UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!device) {
        if (errno == EACCES)
            return Error{Category::unsupported, EACCES,
                         "/dev/fuse may not be opened by this user: as root, chmod 0666 /dev/fuse (its usual mode), or use an "
                         "image that is an unpacked folder"};
        return errno_error("/dev/fuse", errno, Category::unsupported);
    }
    const auto [uid, gid] = server_.run_as.value_or(std::pair{server_.owner, server_.owner_group});
    std::vector<std::pair<std::string, std::string>> parameters = {
        {"source", "berth"}, {"fd", std::to_string(device.get())}, {"rootmode", "40000"}, {"user_id", std::to_string(uid)},
        {"group_id", std::to_string(gid)}, {"default_permissions", ""}};
    if (server_.run_as) parameters.emplace_back("allow_other", "");
    BERTH_TRY(auto mounted, new_filesystem("fuse", parameters, Access::read_only));
    // A server that is gone already has left a message, or shows by its absence: wait_until_served() says so.
    static_cast<void>(send_message(socket_.get(), image_path, {device.get()}));
    return mounted;
}

Status ImageServer::wait_until_served(const std::string& image_path) {
    BERTH_TRY(process_, starting_.finish());
    const auto answer = receive_message(socket_.get(), kServerTime);
    socket_.reset();
    const std::string name = printable(image_path, 512);
    if (!answer && answer.error().number == ETIMEDOUT)
        return Error{Category::system, ETIMEDOUT, name + ": the image server did not start in time"};
    if (!answer) return Error{Category::image, 0, name + ": the image server died: the image may be crafted or damaged"};
    if (answer->data != "ok") return Error{Category::image, 0, name + ": " + printable(answer->data, 1024)};
    return {};
}

}  // namespace berth
