#include "tools/curl_functions.hpp"

#include <dlfcn.h>

namespace berth::tools {
namespace {

/// The version of its interface since 2006.
constexpr const char* kLibrary = "libcurl.so.4";

CurlFunctions functions{};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

bool find_all(void* library) {
    CurlFunctions& f = functions;
    return find(library, "curl_global_init", f.global_init) && find(library, "curl_easy_init", f.easy_init) &&
           find(library, "curl_easy_setopt", f.easy_setopt) && find(library, "curl_easy_perform", f.easy_perform) &&
           find(library, "curl_easy_getinfo", f.easy_getinfo) && find(library, "curl_easy_strerror", f.easy_strerror) &&
           find(library, "curl_easy_cleanup", f.easy_cleanup) && find(library, "curl_slist_append", f.slist_append) &&
           find(library, "curl_slist_free_all", f.slist_free_all) && find(library, "curl_url", f.url) &&
           find(library, "curl_url_set", f.url_set) && find(library, "curl_url_get", f.url_get) &&
           find(library, "curl_url_cleanup", f.url_cleanup) && find(library, "curl_free", f.free);
}

Status load() {
    // Never unloaded: its TLS library registers functions for the process's end.
    void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr || !find_all(library))
        return Error{Category::unsupported, 0,
                     std::string(kLibrary) + " cannot be loaded; keyservers need the package libcurl4"};
    if (const auto code = functions.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
        return Error{Category::system, 0, std::string("libcurl: ") + functions.easy_strerror(code)};
    return {};
}

}  // namespace

Status load_curl() {
    static const Status loaded = load();
    return loaded;
}

const CurlFunctions& curl() noexcept {
    return functions;
}

}  // namespace berth::tools
