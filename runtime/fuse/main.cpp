// berth-fuse: serves one squashfs image through a fuse superblock that its parent makes.
// Everything that touches the image runs without privilege, in a system call filter.
//
// It ends with its mount, which takes two things from the parent: to close its own copy of the /dev/fuse descriptor,
// and to attach the mount in another mount namespace than the one it started the server in, which the server would keep
// alive, and the mount in it.

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <span>
#include <string>

#include "runtime/base/io.hpp"
#include "runtime/fuse/complaints.hpp"
#include "runtime/fuse/confine.hpp"
#include "runtime/fuse/filter.hpp"
#include "runtime/fuse/operations.hpp"
#include "runtime/fuse/options.hpp"
#include "runtime/fuse/parent.hpp"
#include "runtime/fuse/privileges.hpp"
#include "runtime/fuse/workers.hpp"

namespace berth::fuse {
namespace {

// One heap whose top is given back, so that the server stays small whichever threads did the work. Blocks come from it,
// too: mapping and unmapping memory for each costs more than unpacking a small one.
void set_up_heap() {
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(4 * kMiB));
    ::mallopt(M_TRIM_THRESHOLD, static_cast<int>(kMiB));
}

// libfuse logs to standard error otherwise, which the filter would punish.
void discard_log(fuse_log_level, const char*, va_list) {}

Result<fuse_session*> make_session(Server& server, int fd) {
    fuse_set_log_func(discard_log);
    char name[] = "berth-fuse";
    char* arguments[] = {name, nullptr};
    fuse_args list{1, arguments, 0};
    auto* session = fuse_session_new(&list, &operations(), sizeof(fuse_lowlevel_ops), &server);
    if (session == nullptr) return Error{Category::system, 0, "fuse_session_new failed"};
    if (fuse_session_mount(session, ("/dev/fd/" + std::to_string(fd)).c_str()) != 0)
        return Error{Category::system, 0, "fuse_session_mount failed"};
    return session;
}

Result<std::optional<sif::HashTree>> open_tree(const Options& options) {
    std::optional<sif::HashTree> none;
    if (!options.tree) return none;
    BERTH_TRY(auto tree, sif::HashTree::open(options.image_fd, {options.offset, options.size},
                                             {options.tree->offset, options.tree->size}, options.tree->root));
    return std::optional(std::move(tree));
}

// Ends by ending the process. Whatever returns from here is why nothing is served.
Error serve(const Options& options) {
    static Server server;  // threads use it to the process' last moment
    server.owner = options.owner;

    if (auto status = detach_from_caller(options); !status) return std::move(status).error();
    if (auto status = give_up_privileges(options.user); !status) return std::move(status).error();
    if (auto status = limit_resources(options.max_memory); !status) return std::move(status).error();
    static Workers workers(options.request_cpu_seconds);
    if (auto status = workers.start(thread_count(options.threads)); !status) return std::move(status).error();
    // Static, as all that holds a descriptor here: the filter has no close for what a failure would clean up.
    static const auto mounted = receive_mounted(options.parent_fd);
    if (!mounted) return mounted.error();
    auto session = make_session(server, mounted->device.get());
    if (!session) return std::move(session).error();
    static auto tree = open_tree(options);
    if (!tree) return std::move(tree).error();
    const int log_fd = *tree ? open_complaints(mounted->image_name) : -1;
    if (auto status = install_filter(options, mounted->device.get(), log_fd); !status) return std::move(status).error();

    auto image = SquashImage::open(options.image_fd, options.offset, options.size, *tree ? &**tree : nullptr, complain);
    if (!image) return std::move(image).error();
    server.image = std::move(image).value();
    answer_parent(options.parent_fd, "ok");
    workers.serve(*session);
}

}  // namespace
}  // namespace berth::fuse

int main(int argc, char** argv) {
    using namespace berth::fuse;
    const std::span<const char* const> arguments(argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0);
    const auto options = parse_options(arguments);
    if (!options) {
        const std::string text = "berth-fuse: " + options.error().message + "\n" + kUsage;
        static_cast<void>(berth::write_all(STDERR_FILENO, text, "standard error"));
        return EXIT_FAILURE;
    }
    set_up_heap();
    answer_parent(options->parent_fd, serve(*options).message);
    ::_exit(EXIT_FAILURE);
}
