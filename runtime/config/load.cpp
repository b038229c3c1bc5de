#include "runtime/base/io.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth::config {

Result<SiteConfig> load(const std::string& path) {
    BERTH_TRY(const UniqueFd fd, open_trusted(path));
    auto text = read_all(fd.get(), kMaxFileSize, Origin{path}.to_string());
    if (!text) return Error{Category::config, text.error().number, text.error().message};
    return parse(*text, path);
}

}  // namespace berth::config
