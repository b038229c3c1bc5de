// berth sif header|list|info|dump: what a SIF image holds (sif_edit_command.cpp changes it). Reads the image as the caller; needs no privilege.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/image.hpp"
#include "sif/names.hpp"
#include "tools/commands.hpp"
#include "tools/sif_commands.hpp"
#include "tools/sif_json.hpp"

namespace berth::tools {
namespace {

struct Arguments {
    std::string image;
    std::uint32_t id = 0;
    bool json = false;
};

/// An image and the file it is read from, kept together.
struct OpenImage {
    UniqueFd fd;
    sif::Image image;
};

Result<OpenImage> open_image(const std::string& path) {
    // O_NONBLOCK: a FIFO must be refused, not waited for.
    BERTH_TRY(UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK));
    BERTH_TRY(sif::Image image, sif::Image::open(fd.get(), path));
    return OpenImage{std::move(fd), std::move(image)};
}

std::string time_text(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts{};
    if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", std::int64_t{parts.tm_year} + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// Lists align the marks of groups, as siftool does, by a width for the number before them.
std::string link_text(const sif::Descriptor& d, int width = 0) {
    if (const auto group = d.linked_group()) return fmt::format("{:<{}} (G)", *group, width);
    if (const auto object = d.linked_object()) return fmt::format("{}", *object);
    return "NONE";
}

std::string group_text(const sif::Descriptor& d) {
    const auto group = d.group_number();
    return group ? std::to_string(*group) : "NONE";
}

/// The type with what its extra field says: "FS (Squashfs/*System/amd64)".
std::string type_text(const sif::Descriptor& d) {
    std::string text(sif::name_of(d.type));
    if (text == "Unknown") return fmt::format("Unknown ({:#x})", static_cast<std::uint32_t>(d.type));
    if (const auto p = sif::partition_extra(d))
        text += fmt::format(" ({}/{}/{})", sif::name_of(p->file_system), sif::name_of(p->kind),
                            sif::architecture_name(p->architecture));
    if (const auto s = sif::signature_extra(d)) text += fmt::format(" ({})", sif::name_of(s->hash));
    if (const auto m = sif::message_extra(d))
        text += fmt::format(" ({}/{})", sif::name_of(m->format), sif::name_of(m->kind));
    if (const auto s = sif::sbom_extra(d)) text += fmt::format(" ({})", sif::name_of(s->format));
    return text;
}

std::string header_lines(const sif::Image& image) {
    const sif::Header& h = image.header();
    std::string text;
    const auto line = [&text](std::string_view label, const auto& value) {
        text += fmt::format("{:<22}{}\n", fmt::format("{}:", label), value);
    };
    line("Launch Script", printable(sif::launch_text(h)));
    line("Version", std::string_view(h.version.data(), 2));
    line("Primary Architecture", sif::architecture_name(h.architecture));
    line("ID", sif::uuid_text(h.uuid));
    line("Created At", time_text(h.created));
    line("Modified At", time_text(h.modified));
    line("Descriptors Free", h.descriptors_free);
    line("Descriptors Total", h.descriptors_total);
    line("Descriptors Offset", h.descriptors_offset);
    line("Descriptors Size", h.descriptors_size);
    line("Data Offset", h.data_offset);
    line("Data Size", h.data_size);
    return text;
}

std::string list_lines(const sif::Image& image) {
    const std::string rule(78, '-');
    std::string text = fmt::format("{}\n{:<5}|{:<8}|{:<8}|{:<26}|{}\n{}\n", rule, "ID", "GROUP", "LINK",
                                   "SIF POSITION (start-end)", "TYPE", rule);
    for (const sif::Descriptor& d : image.descriptors())
        text += fmt::format("{:<5}|{:<8}|{:<8}|{:<26}|{}\n", d.id, group_text(d), link_text(d, 3),
                            fmt::format("{}-{}", d.offset, d.offset + d.size), type_text(d));
    return text;
}

std::string info_lines(const sif::Descriptor& d) {
    std::string text;
    const auto line = [&text](std::string_view label, const auto& value) {
        text += fmt::format("{:<15}{}\n", fmt::format("{}:", label), value);
    };
    line("Data Type", type_text(d));
    line("ID", d.id);
    line("Group", group_text(d));
    line("Link", link_text(d));
    line("Offset", d.offset);
    line("Size", d.size);
    line("Padded Size", d.size_with_padding);
    line("Created At", time_text(d.created));
    line("Modified At", time_text(d.modified));
    line("UID", d.uid);
    line("GID", d.gid);
    line("Name", printable(d.name()));
    if (const auto s = sif::signature_extra(d))
        line("Fingerprint", s->has_fingerprint() ? sif::hex_text(s->fingerprint) + " (not verified)" : "NONE");
    if (const auto digest = sif::oci_digest(d)) line("Digest", printable(*digest));
    return text;
}

Status write_out(const std::string& text) {
    return write_all(STDOUT_FILENO, text, "standard output");
}

Status show_header(const Arguments& arguments) {
    BERTH_TRY(const OpenImage open, open_image(arguments.image));
    return write_out(arguments.json ? header_json(open.image) : header_lines(open.image));
}

Status show_list(const Arguments& arguments) {
    BERTH_TRY(const OpenImage open, open_image(arguments.image));
    return write_out(arguments.json ? list_json(open.image) : list_lines(open.image));
}

Status show_info(const Arguments& arguments) {
    BERTH_TRY(const OpenImage open, open_image(arguments.image));
    BERTH_TRY(const sif::Descriptor object, open.image.object(arguments.id));
    return write_out(arguments.json ? object_json(object) : info_lines(object));
}

Status dump(const Arguments& arguments) {
    BERTH_TRY(const OpenImage open, open_image(arguments.image));
    BERTH_TRY(const sif::Descriptor object, open.image.object(arguments.id));
    std::string buffer(1U << 20, '\0');
    for (std::uint64_t done = 0; done < object.size;) {
        const std::size_t part = std::min<std::uint64_t>(buffer.size(), object.size - done);
        BERTH_CHECK(open.image.read(object, done, std::as_writable_bytes(std::span(buffer).first(part))));
        BERTH_CHECK(write_all(STDOUT_FILENO, std::string_view(buffer).substr(0, part), "standard output"));
        done += part;
    }
    return {};
}

/// One subcommand and, besides IMAGE, the arguments it takes.
struct Subcommand {
    const char* name;
    const char* meaning;
    bool takes_id;
    bool takes_json;
    Status (*action)(const Arguments&);
};

void add(CLI::App& parent, int& status, const Subcommand& subcommand) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = parent.add_subcommand(subcommand.name, subcommand.meaning);
    if (subcommand.takes_id)
        command->add_option("ID", arguments->id, "the object's number, as `berth sif list` prints it")->required();
    command->add_option("IMAGE", arguments->image, "a SIF file")->required();
    if (subcommand.takes_json) command->add_flag("--json", arguments->json, "print JSON");
    command->callback([arguments, action = subcommand.action, &status] {
        const Status done = action(*arguments);
        status = done ? 0 : kFailure;
        if (!done) fmt::print(stderr, "berth: {}\n", printable(done.error().message, 4096));
    });
}

}  // namespace

void add_sif_command(CLI::App& app, int& status) {
    CLI::App* sif = app.add_subcommand("sif", "Show and change what a SIF image holds");
    sif->require_subcommand(1);
    add(*sif, status, {"header", "Print the image's header", false, true, show_header});
    add(*sif, status, {"list", "List the image's objects", false, true, show_list});
    add(*sif, status, {"info", "Print one object's descriptor", true, true, show_info});
    add(*sif, status, {"dump", "Write one object's bytes to standard output", true, false, dump});
    add_sif_edit_commands(*sif, status);
}

}  // namespace berth::tools
