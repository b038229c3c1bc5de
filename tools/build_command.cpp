// berth build OUT.sif SOURCE: a SIF image from a root folder, a squashfs file or another SIF. Needs no privilege.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"
#include "sif/lazy_root.hpp"
#include "sif/names.hpp"
#include "sif/temporary_file.hpp"
#include "sif/writer.hpp"
#include "tools/commands.hpp"
#include "tools/image_uuid.hpp"
#include "tools/new_image.hpp"
#include "tools/squashfs_program.hpp"

namespace berth::tools {
namespace {

struct Arguments {
    std::string output;
    std::string source;
    std::string compression;  ///< empty: zstd for a folder, as it is for what is packed already
    std::string architecture;
    unsigned processors = 0;
    bool force = false;
    bool all_root = false;
};

/// The files that Apptainer's images hold as objects too; more than this is no definition file and no labels.
constexpr std::size_t kMetadataLimit = 1U << 20;
constexpr unsigned kMostProcessors = 4096;
constexpr const char* kDefaultCompression = "zstd";

Error usage(std::string message) {
    return {Category::usage, 0, std::move(message)};
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

/// A file to build from.
struct SourceFile {
    UniqueFd fd;
    std::string path;
    std::uint64_t size = 0;
    bool is_sif = false;
};

/// Refuses what is neither squashfs nor SIF.
Result<SourceFile> open_source(const std::string& path) {
    BERTH_TRY(UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return errno_error(path);
    std::array<char, 96> begin{};  // the size of a squashfs superblock
    const bool readable = S_ISREG(status.st_mode) && status.st_size >= std::int64_t{begin.size()} &&
                          pread_exact(fd.get(), std::as_writable_bytes(std::span(begin)), 0, path);
    const std::string_view text(begin.data(), begin.size());
    const bool is_sif = text.substr(sif::kLaunchSize).starts_with({sif::kMagic.data(), sif::kMagic.size()});
    if (!readable || (!is_sif && !text.starts_with("hsqs")))
        return usage(path + ": neither a folder nor a squashfs file nor a SIF image");
    return SourceFile{std::move(fd), path, static_cast<std::uint64_t>(status.st_size), is_sif};
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
    config::SiteConfig site;
    std::string folder;  // where OUT goes, resolved
    sif::ArchitectureCode architecture;
    std::optional<std::uint32_t> epoch;
    std::int64_t time;
};

Result<Job> prepare(const Arguments& arguments) {
    const std::string_view name =
        arguments.architecture.empty() ? sif::host_architecture() : std::string_view(arguments.architecture);
    const auto architecture = sif::architecture_code(name);
    if (!architecture)
        return usage(fmt::format("architecture \"{}\" has no code in SIF; amd64 and arm64 have", printable(name)));
    BERTH_TRY(const auto epoch, source_date_epoch());
    BERTH_TRY(const std::int64_t time, image_time());
    BERTH_TRY(std::string folder, output_folder(arguments));
    // A machine on which images are only built needs no berth.conf.
    auto site = config::load(install_paths().sysconf + "/berth.conf");
    if (!site && site.error().number != ENOENT) return std::move(site).error();
    return Job{arguments, site ? *std::move(site) : config::SiteConfig{}, std::move(folder), *architecture, epoch, time};
}

Status publish(const Job& job, sif::TemporaryFile& image) {
    if (SignalHold::interrupted()) return Error{Category::system, EINTR, "interrupted"};
    return image.publish(job.arguments.output, image_mode(),
                         job.arguments.force ? sif::Existing::replace : sif::Existing::refuse);
}

Status write_image(const Job& job, std::vector<sif::NewObject> metadata, int squashfs, std::uint64_t size) {
    BERTH_TRY(const auto uuid, job.epoch ? derived_uuid(squashfs, size, *job.epoch) : random_uuid());
    sif::WriteRequest request;
    request.uuid = uuid;
    request.time = job.time;
    request.objects = std::move(metadata);
    request.objects.push_back(primary_partition(squashfs, size, job.architecture));
    request.stop = SignalHold::interrupted;
    BERTH_TRY(sif::TemporaryFile image, sif::TemporaryFile::create_in(job.folder));
    BERTH_CHECK(sif::create(image.fd(), request, job.arguments.output));
    return publish(job, image);
}

/// Runs mksquashfs; the size of what it wrote.
Result<std::uint64_t> pack(const Job& job, SquashfsRequest request, const sif::TemporaryFile& target,
                           const SignalHold& signals) {
    request.output = target.fd();
    request.compression = job.arguments.compression.empty() ? kDefaultCompression : job.arguments.compression;
    const auto most = static_cast<unsigned>(std::min<std::uint64_t>(job.site.mksquashfs_procs.value, kMostProcessors));
    request.processors = job.arguments.processors == 0 || most == 0 ? std::max(most, job.arguments.processors) : std::min(most, job.arguments.processors);
    request.memory = job.site.mksquashfs_mem.value;
    request.program = job.site.mksquashfs_path.value;
    BERTH_CHECK(make_squashfs(request, signals));
    struct stat status {};
    if (::fstat(target.fd(), &status) != 0) return errno_error("what mksquashfs wrote");
    return static_cast<std::uint64_t>(status.st_size);
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

    BERTH_TRY(sif::TemporaryFile squashfs, sif::TemporaryFile::create_in(job.folder));
    const bool all_root = arguments.all_root || ::geteuid() != 0;
    SquashfsRequest request;
    request.folder = source;
    request.all_root = all_root;
    BERTH_TRY(const std::uint64_t size, pack(job, request, squashfs, signals));
    return write_image(job, std::move(objects), squashfs.fd(), size);
}

/// The packed form of a squashfs that lies in a file, made anew with another compression.
Result<std::uint64_t> repack(const Job& job, const SourceFile& source, std::uint64_t offset, std::uint64_t size,
                             sif::TemporaryFile& target, const SignalHold& signals) {
    SquashfsRequest request;
    request.image = source.fd.get();
    request.image_offset = offset;
    request.image_size = size;
    request.all_root = job.arguments.all_root;
    return pack(job, request, target, signals);
}

Status build_from_squashfs(const Job& job, const SourceFile& source, const SignalHold& signals) {
    if (job.arguments.compression.empty()) return write_image(job, {}, source.fd.get(), source.size);
    BERTH_TRY(sif::TemporaryFile squashfs, sif::TemporaryFile::create_in(job.folder));
    BERTH_TRY(const std::uint64_t size, repack(job, source, 0, source.size, squashfs, signals));
    return write_image(job, {}, squashfs.fd(), size);
}

/// The signatures that no longer hold when the object is replaced. One of a group may cover only some of its objects,
/// but only its text would tell.
std::vector<std::uint32_t> signatures_over(const sif::Image& image, const sif::Descriptor& object) {
    std::vector<std::uint32_t> ids;
    for (const sif::Descriptor& d : image.descriptors()) {
        if (d.type != sif::ObjectType::signature) continue;
        const bool covers =
            d.linked_object() == object.id || (d.linked_group() && d.linked_group() == object.group_number());
        if (covers) ids.push_back(d.id);
    }
    return ids;
}

Status build_from_sif(const Job& job, const SourceFile& source, const SignalHold& signals) {
    if (!job.arguments.architecture.empty())
        return usage(source.path + ": an image keeps its architecture: leave --arch out");
    BERTH_TRY(const sif::Image image, sif::Image::open(source.fd.get(), source.path));
    sif::CopyRequest request;
    request.time = job.time;
    request.stop = SignalHold::interrupted;
    BERTH_TRY(sif::TemporaryFile copy, sif::TemporaryFile::create_in(job.folder));
    BERTH_TRY(sif::TemporaryFile squashfs, sif::TemporaryFile::create_in(job.folder));
    if (!job.arguments.compression.empty()) {
        BERTH_TRY(const sif::PrimaryPartition primary, image.primary_partition());
        const sif::Descriptor& d = primary.descriptor;
        if (primary.extra.file_system != sif::FileSystem::squashfs)
            return usage(fmt::format("{}: object {} is {}, only squashfs can be packed anew", source.path, d.id,
                                     sif::name_of(primary.extra.file_system)));
        BERTH_TRY(const std::uint64_t size, repack(job, source, d.offset, d.size, squashfs, signals));
        request.replacement = sif::Replacement{d.id, squashfs.fd(), size};
        request.leave_out = signatures_over(image, d);
        for (const std::uint32_t id : request.leave_out)
            fmt::print(stderr, "berth: signature {} is left out: it covers what is packed anew\n", id);
        for (const sif::Descriptor& object : image.descriptors())
            if (sif::is_lazy_root(object) || (sif::is_lazy_tree(object) && object.linked_object() == d.id))
                request.leave_out.push_back(object.id);
    }
    BERTH_CHECK(sif::copy(copy.fd(), image, source.fd.get(), request, job.arguments.output));
    return publish(job, copy);
}

Status build(const Arguments& arguments, const SignalHold& signals) {
    BERTH_TRY(const Job job, prepare(arguments));
    BERTH_TRY(const std::string source, real_path(arguments.source));
    struct stat status {};
    if (::stat(source.c_str(), &status) != 0) return errno_error(source);
    if (S_ISDIR(status.st_mode)) return build_from_folder(job, source, signals);
    BERTH_TRY(const SourceFile file, open_source(source));
    return file.is_sif ? build_from_sif(job, file, signals) : build_from_squashfs(job, file, signals);
}

}  // namespace

void add_build_command(CLI::App& app, int& status) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command =
        app.add_subcommand("build", "Make a SIF image from a root folder, a squashfs file or another SIF image");
    command->add_option("OUT", arguments->output, "the image to write")->required();
    command
        ->add_option("SOURCE", arguments->source,
                     "a folder that holds a root file system, a squashfs file, or a SIF image")
        ->required();
    command->add_flag("-f,--force", arguments->force, "replace OUT where it exists");
    command
        ->add_option(
            "--compression", arguments->compression,
            "zstd, gzip (for kernels without zstd in squashfs), xz or lz4; zstd for a folder, where not given; "
            "a squashfs file and a SIF image's file system are packed anew only where it is given")
        ->check(CLI::IsMember({"zstd", "gzip", "xz", "lz4"}));
    command->add_option("--processors", arguments->processors, "how many processors compress; all, where not given")
        ->check(CLI::Range(1U, kMostProcessors));
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
