// berth build OUT.sif SOURCE: a SIF image from a root folder or from a squashfs file. Needs no privilege.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/names.hpp"
#include "sif/writer.hpp"
#include "tools/commands.hpp"
#include "tools/image_uuid.hpp"
#include "tools/squashfs_program.hpp"
#include "tools/temporary_file.hpp"

namespace berth::tools {
namespace {

struct Arguments {
    std::string output;
    std::string source;
    std::string compression = "zstd";
    std::string architecture;
    unsigned processors = 0;
    bool force = false;
    bool all_root = false;
};

/// The files that Apptainer's images hold as objects too; more than this is no definition file and no labels.
constexpr std::size_t kMetadataLimit = 1U << 20;
constexpr mode_t kImageMode = 0755;  // executable: the launch line runs it

Error usage(std::string message) {
    return {Category::usage, 0, std::move(message)};
}

/// SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), where it is set.
Result<std::optional<std::uint32_t>> source_date_epoch() {
    const char* text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr || *text == '\0') return std::optional<std::uint32_t>{};
    std::uint32_t seconds = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, failure] = std::from_chars(text, end, seconds);
    if (failure != std::errc{} || stop != end)
        return usage(
            fmt::format("SOURCE_DATE_EPOCH is \"{}\", must be seconds since 1970 below 2^32", printable(text)));
    return std::optional(seconds);
}

/// SOURCE/.singularity.d/NAME as an object, where it is a regular file. Follows no link: one could lead out of the
/// tree.
Result<std::optional<sif::NewObject>> metadata(const std::string& source, const char* name, sif::ObjectType type) {
    const UniqueFd folder(::open((source + "/.singularity.d").c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return std::optional<sif::NewObject>{};
    const UniqueFd file(::openat(folder.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const std::string path = fmt::format("{}/.singularity.d/{}", source, name);
    if (!file && (errno == ENOENT || errno == ELOOP)) return std::optional<sif::NewObject>{};
    if (!file) return errno_error(path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return errno_error(path);
    if (!S_ISREG(status.st_mode)) return std::optional<sif::NewObject>{};
    sif::NewObject object;
    object.type = type;
    object.name = name;
    BERTH_TRY(object.bytes, read_all(file.get(), kMetadataLimit, path));
    return std::optional(std::move(object));
}

sif::NewObject primary_partition(int fd, std::uint64_t size, const sif::ArchitectureCode& architecture) {
    sif::NewObject object;
    object.type = sif::ObjectType::partition;
    object.name = "rootfs";
    object.extra =
        sif::encode(sif::PartitionExtra{sif::FileSystem::squashfs, sif::PartitionKind::primary_system, architecture});
    object.fd = fd;
    object.fd_size = size;
    return object;
}

/// Refuses a squashfs file that is none; its size, else.
Result<std::uint64_t> squashfs_size(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return errno_error(path);
    std::array<std::byte, 4> magic{};
    if (!S_ISREG(status.st_mode) || status.st_size < 96 || !pread_exact(fd, magic, 0, path) ||
        std::memcmp(magic.data(), "hsqs", magic.size()) != 0)
        return usage(path + ": neither a folder nor a squashfs file");
    return static_cast<std::uint64_t>(status.st_size);
}

Result<std::string> real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
    if (!resolved) return errno_error(path);
    return std::string(resolved.get());
}

/// The folder that OUT goes to, resolved. OUT itself must be free, or a file that --force allows to replace.
Result<std::string> output_folder(const Arguments& arguments) {
    const std::filesystem::path output(arguments.output);
    if (!output.has_filename()) return usage(arguments.output + ": not a file name");
    struct stat status {};
    if (::lstat(arguments.output.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode)) return usage(arguments.output + ": exists and is not a regular file");
        if (!arguments.force) return usage(arguments.output + ": exists; --force replaces it");
    }
    return real_path(output.has_parent_path() ? output.parent_path().string() : ".");
}

/// What is settled before mksquashfs works for minutes.
struct Job {
    const Arguments& arguments;
    std::string folder;  // where OUT goes, resolved
    sif::ArchitectureCode architecture;
    std::optional<std::uint32_t> epoch;
};

Result<Job> prepare(const Arguments& arguments) {
    const std::string_view name =
        arguments.architecture.empty() ? sif::host_architecture() : std::string_view(arguments.architecture);
    const auto architecture = sif::architecture_code(name);
    if (!architecture)
        return usage(fmt::format("architecture \"{}\" has no code in SIF; amd64 and arm64 have", printable(name)));
    BERTH_TRY(const auto epoch, source_date_epoch());
    BERTH_TRY(std::string folder, output_folder(arguments));
    return Job{arguments, std::move(folder), *architecture, epoch};
}

Status write_image(const Job& job, std::vector<sif::NewObject> metadata, int squashfs, std::uint64_t size) {
    BERTH_TRY(const auto uuid, job.epoch ? derived_uuid(squashfs, size, *job.epoch) : random_uuid());
    sif::WriteRequest request;
    request.uuid = uuid;
    request.time = job.epoch ? std::int64_t{*job.epoch} : std::int64_t{std::time(nullptr)};
    request.objects = std::move(metadata);
    request.objects.push_back(primary_partition(squashfs, size, job.architecture));
    request.stop = SignalHold::interrupted;
    BERTH_TRY(TemporaryFile image, TemporaryFile::create_in(job.folder));
    BERTH_CHECK(sif::create(image.fd(), request, job.arguments.output));
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (SignalHold::interrupted()) return Error{Category::system, EINTR, "interrupted"};
    return image.publish(job.arguments.output, kImageMode & ~mask,
                         job.arguments.force ? Existing::replace : Existing::refuse);
}

Status build_from_folder(const Job& job, const std::string& source, const SignalHold& signals) {
    const Arguments& arguments = job.arguments;
    if (is_beneath(job.folder, source))
        return usage(fmt::format("{} lies inside {}: write the image elsewhere", arguments.output, source));
    std::vector<sif::NewObject> objects;
    BERTH_TRY(auto definition, metadata(source, "Singularity", sif::ObjectType::definition_file));
    if (definition) objects.push_back(*std::move(definition));
    BERTH_TRY(auto labels, metadata(source, "labels.json", sif::ObjectType::labels));
    if (labels) objects.push_back(*std::move(labels));

    BERTH_TRY(TemporaryFile squashfs, TemporaryFile::create_in(job.folder));
    const bool all_root = arguments.all_root || ::geteuid() != 0;
    BERTH_CHECK(make_squashfs({source, squashfs.fd(), arguments.compression, arguments.processors, all_root}, signals));
    BERTH_TRY(const std::uint64_t size, squashfs_size(squashfs.fd(), "what mksquashfs wrote"));
    return write_image(job, std::move(objects), squashfs.fd(), size);
}

Status build(const Arguments& arguments, const SignalHold& signals) {
    BERTH_TRY(const Job job, prepare(arguments));
    BERTH_TRY(const std::string source, real_path(arguments.source));
    struct stat status {};
    if (::stat(source.c_str(), &status) != 0) return errno_error(source);
    if (S_ISDIR(status.st_mode)) return build_from_folder(job, source, signals);
    BERTH_TRY(const UniqueFd file, open_at(AT_FDCWD, source, O_RDONLY | O_NONBLOCK));
    BERTH_TRY(const std::uint64_t size, squashfs_size(file.get(), source));
    return write_image(job, {}, file.get(), size);
}

}  // namespace

void add_build_command(CLI::App& app, int& status) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = app.add_subcommand("build", "Make a SIF image from a root folder or a squashfs file");
    command->add_option("OUT", arguments->output, "the image to write")->required();
    command->add_option("SOURCE", arguments->source, "a folder that holds a root file system, or a squashfs file")
        ->required();
    command->add_flag("-f,--force", arguments->force, "replace OUT where it exists");
    command->add_option("--compression", arguments->compression, "gzip for kernels without zstd in squashfs")
        ->check(CLI::IsMember({"zstd", "gzip", "xz", "lz4"}))
        ->capture_default_str();
    command->add_option("--processors", arguments->processors, "how many processors compress; all, where not given")
        ->check(CLI::Range(1U, 4096U));
    command->add_flag("--all-root", arguments->all_root,
                      "every file belongs to root in the image; always so when root does not build it");
    command->add_option("--arch", arguments->architecture,
                        "the image's architecture (amd64, arm64, …); this machine's, "
                        "where not given");
    command->callback([arguments, &status] {
        const SignalHold signals;
        const Status done = build(*arguments, signals);
        status = done ? 0 : kFailure;
        if (!done) fmt::print(stderr, "berth: {}\n", printable(done.error().message, 4096));
    });
}

}  // namespace berth::tools
