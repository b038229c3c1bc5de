#include <sys/stat.h>

#include <cerrno>

#include "runtime/base/io.hpp"
#include "runtime/config/site_policy.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth::config {
namespace {

Result<std::string> read_trusted(const std::string& path, std::size_t limit) {
    BERTH_TRY(const UniqueFd fd, open_trusted(path));
    auto text = read_all(fd.get(), limit, Origin{path}.to_string());
    if (!text) return Error{Category::config, text.error().number, text.error().message};
    return text;
}

}  // namespace

Result<SiteConfig> load(const std::string& path) {
    BERTH_TRY(const std::string text, read_trusted(path, kMaxFileSize));
    return parse(text, path);
}

std::string ecl_path(const std::string& berth_conf) {
    return berth_conf.substr(0, berth_conf.rfind('/') + 1) + "ecl.toml";
}

Result<bool> ecl_exists(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT) return false;
    return errno_error(Origin{path}.to_string(), errno, Category::config);
}

Result<Ecl> load_ecl(const std::string& path) {
    BERTH_TRY(const bool exists, ecl_exists(path));
    if (!exists) return Ecl{};
    const auto text = read_trusted(path, kMaxEclSize);
    if (text) return parse_ecl(*text, path);
    if (text.error().number != ENOENT) return text.error();
    return Error{Category::config, ENOENT,
                 Origin{path}.to_string() + ": leads nowhere; mend the link, or remove it where no list is wanted"};
}

Result<SitePolicy> load_policy(const std::string& berth_conf) {
    SitePolicy policy;
    BERTH_TRY(policy.conf, load(berth_conf));
    BERTH_TRY(policy.ecl, load_ecl(ecl_path(berth_conf)));
    return policy;
}

}  // namespace berth::config
