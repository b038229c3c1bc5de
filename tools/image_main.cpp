// berth-image: reads what is inside of images, for berth. Apart from it since it needs decompressors, which `berth
// exec` would load each time it starts.
//   berth inspect [OPTIONS] IMAGE, which berth hands over;
//   berth-image tar OFFSET SIZE: the squashfs there in descriptor 3, as a tar archive on standard output;
//   berth-image root OFFSET SIZE: "MODE TIME UID GID COUNT" of its root folder, which mksquashfs does not take from an
//   archive, and how many owners its files have.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/image.hpp"
#include "sif/names.hpp"
#include "tools/commands.hpp"
#include "tools/inspect_text.hpp"
#include "tools/squash_tar.hpp"

namespace berth::tools {
namespace {

constexpr int kImageFd = 3;
/// Of address space: what a hostile image can make of its few bytes ends here.
constexpr rlim_t kMaxMemory = 1U << 30;

struct Arguments {
    std::string image;
    std::string app;
    Sections sections;
    bool all = false;
    bool json = false;
    bool list_apps = false;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

struct Range {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};

/// For root: what a hostile image could make of a defect here is nobody's, who may write to what is open and no more.
/// Where a user namespace has no such id, its root is an ordinary user outside and stays it.
Status give_up_rights() {
    constexpr id_t kNobody = 65534;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("no_new_privs");
    if (::geteuid() != 0) return {};
    // First, since it fails before anything has changed.
    if (::setresgid(kNobody, kNobody, kNobody) != 0)
        return errno == EINVAL ? Status{} : Status{errno_error("giving up root's group")};
    if (::setgroups(0, nullptr) != 0) return errno_error("giving up root's other groups");
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return errno_error("giving up root's rights");
    uid_t user[3]{};
    gid_t group[3]{};
    const bool known = ::getresuid(&user[0], &user[1], &user[2]) == 0 &&
                       ::getresgid(&group[0], &group[1], &group[2]) == 0 && ::getgroups(0, nullptr) == 0;
    const auto nobody = [](id_t id) { return id == kNobody; };
    if (known && std::ranges::all_of(user, nobody) && std::ranges::all_of(group, nobody)) return {};
    return Error{Category::internal, EPERM, "root's rights are still there"};
}

/// Where the squashfs lies: all of a bare one, the primary partition of a SIF.
Result<Range> find_squashfs(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return errno_error(path);
    if (S_ISDIR(status.st_mode))
        return Error{Category::usage, 0, path + ": a folder: what it says of itself is in " + path + "/.singularity.d"};
    std::array<char, 4> magic{};
    const bool readable = S_ISREG(status.st_mode) && status.st_size >= 4 &&
                          pread_exact(fd, std::as_writable_bytes(std::span(magic)), 0, path);
    if (readable && std::string_view(magic.data(), 4) == "hsqs")
        return Range{0, static_cast<std::uint64_t>(status.st_size)};
    BERTH_TRY(const sif::Image image, sif::Image::open(fd, path));
    BERTH_TRY(const sif::PrimaryPartition primary, image.primary_partition());
    if (primary.extra.file_system != sif::FileSystem::squashfs)
        return Error{Category::unsupported, 0,
                     path + ": its file system is " + std::string(sif::name_of(primary.extra.file_system)) +
                         "; only squashfs can be inspected"};
    return Range{primary.descriptor.offset, primary.descriptor.size};
}

/// What a terminal would take for commands of its own is made visible.
std::string for_terminal(const std::string& text) {
    std::string shown;
    for (const std::string& line : split(text, '\n')) {
        for (const std::string& cell : split(line, '\t')) shown += printable(cell, kMaxMetadata) + '\t';
        shown.back() = '\n';
    }
    shown.pop_back();
    return shown;
}

Result<std::string> inspect_tree(SquashTree& tree, const Arguments& arguments) {
    if (arguments.list_apps && !arguments.json) {
        BERTH_TRY(const auto names, list_apps(tree));
        std::string lines;
        for (const std::string& name : names) lines += printable(name) + '\n';
        return lines;
    }
    Sections sections = arguments.all ? Sections::all() : arguments.sections;
    if (!sections.any() && !arguments.list_apps) sections.labels = true;
    BERTH_TRY(const Metadata metadata, read_metadata(tree, sections, arguments.app));
    std::map<std::string, Metadata> apps;
    if (arguments.app.empty() && (arguments.all || arguments.list_apps)) {
        BERTH_TRY(const auto names, list_apps(tree));
        for (const std::string& name : names) {
            BERTH_TRY(apps[name], read_metadata(tree, sections, name));
        }
    }
    if (arguments.json || arguments.all) return inspect_json(metadata, sections, apps);
    const std::string text = inspect_text(metadata, sections);
    return ::isatty(STDOUT_FILENO) != 0 ? for_terminal(text) : text;
}

Status inspect(const Arguments& arguments) {
    // O_NONBLOCK: a FIFO must be refused, not waited for.
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, arguments.image, O_RDONLY | O_NONBLOCK));
    BERTH_CHECK(give_up_rights());
    BERTH_TRY(const Range range, find_squashfs(fd.get(), arguments.image));
    auto tree = SquashTree::open(fd.get(), range.offset, range.size);
    if (!tree) return std::move(tree).error().within(arguments.image);
    auto text = inspect_tree(*tree, arguments);
    if (!text) return std::move(text).error().within(arguments.image);
    return write_all(STDOUT_FILENO, *text, "standard output");
}

Status archive(const Arguments& arguments) {
    BERTH_CHECK(give_up_rights());
    BERTH_TRY(SquashTree tree, SquashTree::open(kImageFd, arguments.offset, arguments.size));
    return write_tar(tree, STDOUT_FILENO);
}

Status print_root(const Arguments& arguments) {
    BERTH_CHECK(give_up_rights());
    BERTH_TRY(SquashTree tree, SquashTree::open(kImageFd, arguments.offset, arguments.size));
    BERTH_TRY(const Inode inode, tree.root());
    BERTH_TRY(const SquashTree::Owner owner, tree.owner(inode));
    return write_all(STDOUT_FILENO,
                     fmt::format("{:o} {} {} {} {}", inode.base.mode & 07777,
                                 static_cast<std::uint32_t>(inode.base.mtime), owner.uid, owner.gid, tree.owners()),
                     "standard output");
}

int report(const Status& done) {
    if (done) return 0;
    std::fprintf(stderr, "berth: %s\n", printable(done.error().message, 4096).c_str());
    return kFailure;
}

void add_inspect(CLI::App& app, Arguments& arguments, int& status) {
    auto* command = app.add_subcommand("inspect", "Show what an image says of itself");
    command->add_option("IMAGE", arguments.image, "a SIF or squashfs file")->required();
    command->add_flag("-l,--labels", arguments.sections.labels,
                      "its labels; this is shown where nothing else is asked for");
    command->add_flag("-r,--runscript", arguments.sections.runscript, "what berth run runs");
    command->add_flag("-e,--environment", arguments.sections.environment, "the scripts that make its environment");
    command->add_flag("-d,--deffile", arguments.sections.definition, "the definition it was made from");
    command->add_flag("-H,--helpfile", arguments.sections.help, "its help");
    command->add_flag("-s,--startscript", arguments.sections.startscript, "what an instance starts");
    command->add_flag("-t,--test", arguments.sections.test, "its test script");
    command->add_flag("--list-apps", arguments.list_apps, "the names of its apps");
    command->add_option("--app", arguments.app, "show an app's instead of the image's");
    command->add_flag("--all", arguments.all, "everything, as JSON");
    command->add_flag("-j,--json", arguments.json, "print JSON");
    command->callback([&arguments, &status] { status = report(inspect(arguments)); });
}

void add_reader(CLI::App& app, Arguments& arguments, int& status, const char* name,
                Status (*action)(const Arguments&)) {
    auto* command = app.add_subcommand(name, "for berth build");
    command->add_option("OFFSET", arguments.offset)->required();
    command->add_option("SIZE", arguments.size)->required();
    command->callback([&arguments, &status, action] { status = report(action(arguments)); });
}

int run(int argc, char** argv) {
    CLI::App app{"reads what is inside of images", "berth"};
    app.require_subcommand(1);
    Arguments arguments;
    int status = 0;
    add_inspect(app, arguments, status);
    add_reader(app, arguments, status, "tar", archive);
    add_reader(app, arguments, status, "root", print_root);
    const rlimit memory{kMaxMemory, kMaxMemory};
    ::setrlimit(RLIMIT_AS, &memory);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);  // --help
        std::fprintf(stderr, "berth: %s (berth inspect --help lists the options)\n", error.what());
        return kFailure;
    }
    return status;
}

}  // namespace
}  // namespace berth::tools

int main(int argc, char** argv) {
    try {
        return berth::tools::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "berth: internal error: %s\n", error.what());
        return berth::tools::kFailure;
    }
}
