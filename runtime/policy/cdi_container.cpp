#include "runtime/policy/cdi_container.hpp"

#include <algorithm>
#include <string_view>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::string_view kDev = "/dev/";
constexpr const char* kRule = "CDI";

std::string folder_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

bool is_usable(const std::string& path, const CdiHost& host) {
    const std::string_view name = std::string_view(path).substr(kDev.size());
    return std::ranges::any_of(host.usable_devices, [&](const std::string& usable) { return is_beneath(name, usable); });
}

class Maker {
public:
    Maker(CdiEdits edits, const CdiHost& host) : edits_(std::move(edits)), host_(host) {}

    CdiContainer make() {
        made_.rulings = std::move(edits_.rulings);
        made_.warnings = std::move(edits_.warnings);
        for (const auto& node : edits_.nodes) add(node);
        made_.binds = edits_.mounts;
        for (const CdiBind& library : edits_.mounts) name_library(library);
        add_links();
        made_.variables = std::move(edits_.env);
        made_.library_folders = std::move(edits_.library_folders);
        made_.hooks = std::move(edits_.hooks);
        return std::move(made_);
    }

private:
    void rule(std::string subject, std::string outcome) { made_.rulings.push_back({std::move(subject), std::move(outcome), kRule}); }

    /// A node that lies elsewhere on the host (a driver in a container has a /dev of its own) counts by its name here.
    void add(const config::CdiDeviceNode& node) {
        if (is_usable(node.host_path.starts_with(kDev) ? node.host_path : node.path, host_)) {
            made_.nodes.push_back({node.path.substr(kDev.size()), node.host_path});
            return;
        }
        const std::string shown = printable(node.path, 256);
        rule("device " + shown, "left out: the step may not open it");
        made_.warnings.push_back("the device " + shown + " is not this step's, and left out");
    }

    const CdiBind* at(const std::string& destination) const {
        const auto found = std::ranges::find(made_.binds, destination, &CdiBind::destination);
        return found == made_.binds.end() ? nullptr : &*found;
    }

    void name_library(const CdiBind& library) {
        const std::string folder = folder_of(library.destination);
        const auto name = host_.library_names.find(library.source);
        if (name == host_.library_names.end() || std::ranges::count(edits_.library_folders, folder) == 0) return;
        CdiBind named = library;
        named.destination = folder + "/" + name->second;
        if (at(named.destination) == nullptr) made_.binds.push_back(std::move(named));
    }

    bool add(const CdiLink& link) {
        const CdiBind* const found = at(normal_path(link.target.front() == '/' ? link.target : folder_of(link.path) + "/" + link.target));
        if (found == nullptr || at(link.path) != nullptr) return false;
        CdiBind bind = *found;
        bind.destination = link.path;
        made_.binds.push_back(std::move(bind));
        return true;
    }

    /// A link may lead to another one: what is bound grows until no more of them does.
    void add_links() {
        std::vector<CdiLink> left = edits_.links;
        while (std::erase_if(left, [this](const CdiLink& link) { return add(link); }) > 0) continue;
        for (const CdiLink& link : left)
            rule("link " + printable(link.path, 256), "left out: nothing is mounted where it leads, " + printable(link.target, 256));
    }

    CdiEdits edits_;
    const CdiHost& host_;
    CdiContainer made_;
};

}  // namespace

CdiContainer cdi_container(CdiEdits edits, const CdiHost& host) { return Maker(std::move(edits), host).make(); }

}  // namespace berth
