// berth sif new|add|del|setprim: changes a SIF image, with siftool's arguments. As the caller; needs no privilege.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/editor.hpp"
#include "sif/names.hpp"
#include "sif/sha256.hpp"
#include "sif/temporary_file.hpp"
#include "tools/commands.hpp"
#include "tools/image_uuid.hpp"
#include "tools/new_image.hpp"
#include "tools/sif_commands.hpp"
#include "tools/squashfs_program.hpp"

namespace berth::tools {
namespace {

/// The numbers of siftool's options. 0: not given.
struct AddArguments {
    std::string image;
    std::string file;
    int datatype = 0;
    int parttype = 0;
    int partfs = 0;
    int partarch = 0;
    int signhash = 0;
    std::string signentity;
    std::string sbomformat;
    std::uint32_t group = 0;
    std::uint32_t link = 0;
    std::uint64_t alignment = 0;
    std::string name;
};

struct DeleteArguments {
    std::uint32_t id = 0;
    std::string image;
    bool zero = false;
    bool compact = false;
};

Error usage(std::string message) {
    return {Category::usage, 0, std::move(message)};
}

int report(const Status& done) {
    if (done) return 0;
    fmt::print(stderr, "berth: {}\n", printable(done.error().message, 4096));
    return kFailure;
}

Status make_new(const std::string& path) {
    BERTH_TRY(const auto epoch, source_date_epoch());
    sif::WriteRequest request;
    BERTH_TRY(request.uuid, epoch ? derived_uuid(-1, 0, *epoch) : random_uuid());
    BERTH_TRY(request.time, image_time());
    const std::filesystem::path output(path);
    const std::string folder = output.has_parent_path() ? output.parent_path().string() : ".";
    BERTH_TRY(sif::TemporaryFile file, sif::TemporaryFile::create_in(folder));
    BERTH_CHECK(sif::create(file.fd(), request, path));
    return file.publish(path, image_mode(), sif::Existing::refuse);
}

/// The fields of a partition's descriptor.
Status describe_partition(const AddArguments& arguments, sif::NewObject& object) {
    if (arguments.parttype == 0) return usage("add: a partition needs --parttype");
    if (arguments.partfs == 0) return usage("add: a partition needs --partfs");
    if (arguments.partarch == 0) return usage("add: a partition needs --partarch");
    const std::string code = fmt::format("{:02}", arguments.partarch);
    object.extra = sif::encode(sif::PartitionExtra{static_cast<sif::FileSystem>(arguments.partfs),
                                                   static_cast<sif::PartitionKind>(arguments.parttype),
                                                   {code[0], code[1], '\0'}});
    return {};
}

Status describe_signature(const AddArguments& arguments, sif::NewObject& object) {
    if (arguments.signhash == 0) return usage("add: a signature needs --signhash");
    const std::string& text = arguments.signentity;
    const bool hex = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (text.size() != 2 * sif::kFingerprintSize || !hex)
        return usage("add: a signature needs --signentity, a fingerprint of 40 hexadecimal digits");
    object.extra[0] = static_cast<std::byte>(arguments.signhash);
    for (std::size_t i = 0; i < sif::kFingerprintSize; ++i)
        object.extra[4 + i] = static_cast<std::byte>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    return {};
}

Status describe_sbom(const AddArguments& arguments, sif::NewObject& object) {
    for (int code = 1; code <= static_cast<int>(sif::SbomFormat::syft_json); ++code) {
        if (sif::name_of(static_cast<sif::SbomFormat>(code)) != arguments.sbomformat) continue;
        object.extra[0] = static_cast<std::byte>(code);
        return {};
    }
    return usage(
        "add: an SBOM needs --sbomformat: cyclonedx-json, cyclonedx-xml, github-json, spdx-json, spdx-rdf, "
        "spdx-tag-value, spdx-yaml or syft-json");
}

/// OCI objects are found by their digest, which siftool keeps as text.
Status describe_oci(const AddArguments& arguments, sif::NewObject& object) {
    sif::Sha256Stream hash;
    std::vector<std::byte> buffer(256U << 10);
    for (std::uint64_t done = 0; done < object.fd_size;) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), object.fd_size - done));
        BERTH_CHECK(pread_exact(object.fd, part, done, arguments.file));
        hash.add(part);
        done += part.size();
    }
    const std::string digest = "sha256:" + hexadecimal(hash.digest());
    std::ranges::copy(std::as_bytes(std::span(digest)), object.extra.begin());
    return {};
}

Result<sif::NewObject> new_object(const AddArguments& arguments) {
    sif::NewObject object;
    object.type =
        static_cast<sif::ObjectType>(static_cast<int>(sif::ObjectType::definition_file) + arguments.datatype - 1);
    object.name = arguments.name.empty() ? std::filesystem::path(arguments.file).filename().string() : arguments.name;
    if (arguments.group >= sif::kGroupMask)
        return usage(fmt::format("add: --groupid {} is too large", arguments.group));
    object.group = sif::kGroupMask | arguments.group;
    object.link = arguments.link;
    object.alignment = arguments.alignment;
    if (object.type == sif::ObjectType::partition) BERTH_CHECK(describe_partition(arguments, object));
    if (object.type == sif::ObjectType::signature) BERTH_CHECK(describe_signature(arguments, object));
    if (object.type == sif::ObjectType::sbom) BERTH_CHECK(describe_sbom(arguments, object));
    return object;
}

Status add_object(const AddArguments& arguments) {
    const SignalHold signals;
    BERTH_TRY(sif::NewObject object, new_object(arguments));
    BERTH_TRY(const std::int64_t time, image_time());
    BERTH_TRY(const UniqueFd file, open_at(AT_FDCWD, arguments.file, O_RDONLY | O_NONBLOCK));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return errno_error(arguments.file);
    if (!S_ISREG(status.st_mode)) return usage(arguments.file + ": not a regular file");
    object.fd = file.get();
    object.fd_size = static_cast<std::uint64_t>(status.st_size);
    if (object.type == sif::ObjectType::oci_root_index || object.type == sif::ObjectType::oci_blob)
        BERTH_CHECK(describe_oci(arguments, object));
    sif::Changes changes;
    changes.append.push_back(std::move(object));
    changes.stop = SignalHold::interrupted;
    BERTH_TRY(sif::Editor editor, sif::Editor::open(arguments.image));
    if (auto ids = editor.apply(changes, time); !ids) return std::move(ids).error();
    return {};
}

Status edit(const std::string& image, const sif::Changes& changes) {
    const SignalHold signals;
    BERTH_TRY(const std::int64_t time, image_time());
    BERTH_TRY(sif::Editor editor, sif::Editor::open(image));
    if (auto ids = editor.apply(changes, time); !ids) return std::move(ids).error();
    return {};
}

void add_new(CLI::App& parent, int& status) {
    auto image = std::make_shared<std::string>();
    CLI::App* command = parent.add_subcommand("new", "Make an image without objects");
    command->add_option("IMAGE", *image, "the file to write; must not exist")->required();
    command->callback([image, &status] { status = report(make_new(*image)); });
}

void add_add(CLI::App& parent, int& status) {
    auto arguments = std::make_shared<AddArguments>();
    CLI::App* command = parent.add_subcommand("add", "Add a file to an image as an object");
    command->add_option("IMAGE", arguments->image, "a SIF file")->required();
    command->add_option("FILE", arguments->file, "the object's bytes")->required();
    command
        ->add_option("--datatype", arguments->datatype,
                     "1 definition file, 2 environment, 3 labels, 4 partition, 5 signature, 6 generic JSON, 7 generic, "
                     "8 cryptographic message, 9 SBOM, 10 OCI root index, 11 OCI blob")
        ->required()
        ->check(CLI::Range(1, 11));
    command->add_option("--parttype", arguments->parttype, "partition: 1 system, 2 primary system, 3 data, 4 overlay")
        ->check(CLI::Range(1, 4));
    command
        ->add_option("--partfs", arguments->partfs,
                     "partition: 1 squashfs, 2 ext3, 3 archive, 4 raw, 5 LUKS squashfs, 6 gocryptfs squashfs")
        ->check(CLI::Range(1, 6));
    command
        ->add_option("--partarch", arguments->partarch,
                     "partition: 1 386, 2 amd64, 3 arm, 4 arm64, 5 ppc64, 6 ppc64le, 7 mips, 8 mipsle, 9 mips64, "
                     "10 mips64le, 11 s390x, 12 riscv64, 13 loong64")
        ->check(CLI::Range(1, 13));
    command
        ->add_option("--signhash", arguments->signhash,
                     "signature: 1 SHA-256, 2 SHA-384, 3 SHA-512, 4 BLAKE2s, 5 BLAKE2b")
        ->check(CLI::Range(1, 5));
    command->add_option("--signentity", arguments->signentity, "signature: the fingerprint of the key");
    command->add_option("--sbomformat", arguments->sbomformat, "SBOM: its format (spdx-json, …)");
    command->add_option("--groupid", arguments->group, "the object's group; 0: none");
    command->add_option("--link", arguments->link, "the id of the object that this one belongs to");
    command->add_option("--alignment", arguments->alignment, "of the object's offset, in bytes; a page for partitions");
    command->add_option("--filename", arguments->name, "the object's name; that of FILE, where not given");
    command->callback([arguments, &status] { status = report(add_object(*arguments)); });
}

void add_del(CLI::App& parent, int& status) {
    auto arguments = std::make_shared<DeleteArguments>();
    CLI::App* command = parent.add_subcommand("del", "Delete an object");
    command->add_option("ID", arguments->id, "the object's number, as `berth sif list` prints it")->required();
    command->add_option("IMAGE", arguments->image, "a SIF file")->required();
    command->add_flag("--zero", arguments->zero, "overwrite the object's bytes with zeros");
    command->add_flag("--compact", arguments->compact, "end the file with its last object: frees room there");
    command->callback([arguments, &status] {
        sif::Changes changes;
        changes.remove = {arguments->id};
        changes.zero = arguments->zero;
        changes.compact = arguments->compact;
        status = report(edit(arguments->image, changes));
    });
}

void add_setprim(CLI::App& parent, int& status) {
    auto arguments = std::make_shared<DeleteArguments>();
    CLI::App* command = parent.add_subcommand("setprim", "Make a system partition the primary one");
    command->add_option("ID", arguments->id, "the partition's number, as `berth sif list` prints it")->required();
    command->add_option("IMAGE", arguments->image, "a SIF file")->required();
    command->callback([arguments, &status] {
        sif::Changes changes;
        changes.primary = arguments->id;
        status = report(edit(arguments->image, changes));
    });
}

}  // namespace

void add_sif_edit_commands(CLI::App& sif, int& status) {
    add_new(sif, status);
    add_add(sif, status);
    add_del(sif, status);
    add_setprim(sif, status);
}

}  // namespace berth::tools
