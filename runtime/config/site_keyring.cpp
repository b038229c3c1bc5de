#include "runtime/config/site_keyring.hpp"

#include <cerrno>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth::config {

std::string site_keyring_path() {
    return install_paths().sysconf + "/global-pgp-public";
}

Result<std::string> read_site_keyring() {
    const std::string path = site_keyring_path();
    auto file = open_trusted(path);
    if (!file && file.error().number == ENOENT) return std::string();
    if (!file) return std::move(file).error();
    auto bytes = read_all(file->get(), kMaxSiteKeyring, path);
    if (!bytes) return Error{Category::config, bytes.error().number, bytes.error().message};
    return bytes;
}

}  // namespace berth::config
