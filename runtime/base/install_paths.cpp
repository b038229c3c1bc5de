#include "runtime/base/install_paths.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <string_view>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

/// The file that this code was loaded from: the executable, or the plugin.
std::string own_file() {
    std::string path(PATH_MAX, '\0');
    const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size());
    path.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
#ifndef BERTH_STATIC_PROGRAM
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void*>(&install_paths), &info) != 0 && info.dli_fname != nullptr &&
        info.dli_fname[0] == '/')
        path = info.dli_fname;
#endif
    return normal_path(path);
}

/// The installation's prefix: own_file() less the folder that CMake installs such files to.
std::string prefix_of(const std::string& file) {
    const std::string folder = file.substr(0, file.rfind('/'));
    for (const std::string_view known : {BERTH_BINDIR, BERTH_LIBDIR, (BERTH_LIBEXECDIR "/berth"), "bin", "lib", "libexec/berth"}) {
        const std::string suffix = "/" + std::string(known);
        if (folder.ends_with(suffix)) return folder.substr(0, folder.size() - suffix.size());
    }
    return BERTH_PREFIX;
}

std::string beneath(const std::string& prefix, const std::string& path) {
    return path.starts_with('/') ? path : prefix + "/" + path;
}

}  // namespace

const InstallPaths& install_paths() {
    static const InstallPaths paths = [] {
        const std::string prefix = prefix_of(own_file());
        return InstallPaths{beneath(prefix, BERTH_LIBEXECDIR "/berth"), beneath(prefix, BERTH_SYSCONFDIR "/berth")};
    }();
    return paths;
}

}  // namespace berth
