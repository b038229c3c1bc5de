// CDI specifications from hostile bytes, read as JSON and as YAML: every reading ends in a specification that keeps its
// promises, and whose devices come to edits that do, or in an error that can be printed.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/policy/cdi_edits.hpp"

namespace {

using namespace berth;
using namespace berth::config;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_error(const Error& error) {
    require(!error.message.empty() && error.message.size() < 8192 && printable(error.message, 16384) == error.message);
}

void check_path(const std::string& path) {
    require(path.starts_with('/') && normal_path(path) == path && path.size() < 4096);
    require(path.find('\0') == std::string::npos && path.find('\n') == std::string::npos);
}

void check_edits(const CdiContainerEdits& edits) {
    for (const auto& [name, value] : edits.env)
        require(!name.empty() && name.find('=') == std::string::npos && (name + value).find('\0') == std::string::npos);
    for (const auto& node : edits.device_nodes) {
        check_path(node.path);
        check_path(node.host_path);
    }
    for (const auto& mount : edits.mounts) {
        check_path(mount.host_path);
        check_path(mount.container_path);
        require(mount.container_path != "/");
    }
    for (const auto& hook : edits.hooks) check_path(hook.path);
    for (const gid_t gid : edits.additional_gids) require(gid != 0 && gid != static_cast<gid_t>(-1));
}

void check_resolved(const CdiEdits& edits) {
    std::set<std::string> seen;
    for (const auto& [name, value] : edits.env) require(seen.insert(name).second);
    for (const auto& node : edits.nodes) require(seen.insert("n" + node.path).second && is_beneath(node.path, "/dev") && node.path != "/dev");
    for (const auto& mount : edits.mounts) require(seen.insert("m" + mount.destination).second);
    for (const auto& link : edits.links) {
        require(seen.insert("l" + link.path).second && !link.target.empty());
        check_path(link.path);
    }
    for (const auto& folder : edits.library_folders) {
        check_path(folder);
        require(folder.find(':') == std::string::npos);
    }
    require(edits.hooks.empty());  // none is allowed
    for (const Ruling& ruling : edits.rulings) require(printable(ruling.subject + ruling.outcome, 16384) == ruling.subject + ruling.outcome);
}

void try_format(std::string_view text, CdiFormat format) {
    auto spec = parse_cdi_spec(text, "fuzz", format);
    if (!spec) {
        require(spec.error().category == Category::config);
        return check_error(spec.error());
    }
    require(is_cdi_kind(spec->kind) && !spec->devices.empty());
    check_edits(spec->edits);
    for (const CdiDevice& device : spec->devices) {
        require(is_cdi_device(device.name));
        check_edits(device.edits);
    }
    CdiSpecs all;
    all.specs.push_back(std::move(*spec));
    for (const CdiDevice& device : all.specs[0].devices) {
        const CdiName name{all.specs[0].kind, device.name};
        const auto edits = resolve_cdi({&name, 1}, all, {});
        if (edits)
            check_resolved(*edits);
        else
            check_error(edits.error());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try_format(text, CdiFormat::json);
    try_format(text, CdiFormat::yaml);
    if (const auto kind = guess_cdi_kind(text)) require(is_cdi_kind(*kind));
    return 0;
}
