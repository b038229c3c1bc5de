#include "tools/capability_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/base/io.hpp"
#include "runtime/config/trusted_file.hpp"
#include "sif/temporary_file.hpp"

namespace berth::tools {
namespace {

using config::CapabilityGrants;

constexpr const char* kLockName = ".capability.lock";

Error refusal(const std::string& path, const std::string& reason) {
    return Error{Category::config, 0, config::Origin{path}.to_string() + ": " + reason};
}

/// What replaces a link's name would leave the file that it leads to as it is.
Status refuse_link(int folder, const std::string& path) {
    struct stat status {};
    const std::string name = path.substr(path.rfind('/') + 1);
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
        return refusal(path, "is a symbolic link; put the file itself here, or change the one that it leads to");
    return {};
}

Status replace(int folder, const std::string& folder_name, const std::string& path, const CapabilityGrants& grants) {
    const std::string text = config::to_text(grants);
    if (text.size() > config::kMaxCapabilityFileSize)
        return refusal(path, "would become larger than 1 MiB; authorise groups rather than single users");
    BERTH_TRY(auto file, sif::TemporaryFile::create_at(folder, folder_name));
    BERTH_CHECK(write_all(file.fd(), text, config::Origin{path}.to_string()));
    return file.publish(path, 0644, sif::Existing::replace);
}

}  // namespace

Result<CapabilityGrants> change_capabilities(const std::string& berth_conf,
                                             const std::function<Status(CapabilityGrants&)>& change) {
    // The folder must be one in which Berth would read what is written now.
    BERTH_TRY(const UniqueFd conf, config::open_trusted(berth_conf));
    const std::string path = config::capability_path(berth_conf);
    const std::string folder_name = path.substr(0, path.rfind('/') + 1);
    BERTH_TRY(const UniqueFd folder, open_at(AT_FDCWD, folder_name, O_PATH | O_DIRECTORY));
    auto locked = config::lock_site_file(folder.get(), folder_name, kLockName);
    if (!locked) return std::move(locked).error().within("cannot lock " + config::Origin{path}.to_string());
    BERTH_CHECK(refuse_link(folder.get(), path));
    BERTH_TRY(CapabilityGrants grants, config::load_capabilities(path));
    const CapabilityGrants before = grants;
    BERTH_CHECK(change(grants));
    if (grants == before) return grants;
    BERTH_CHECK(replace(folder.get(), folder_name, path, grants));
    return grants;
}

}  // namespace berth::tools
