// libcurl, loaded when a server is first asked: with its thirty libraries it would make every other use of berth-trust,
// such as verifying an image, start several milliseconds later.
#pragma once

#include <curl/curl.h>

#include "runtime/base/result.hpp"

namespace berth::tools {

/// The functions of libcurl that are used, under their names without "curl_".
struct CurlFunctions {
    decltype(&::curl_global_init) global_init;
    decltype(&::curl_easy_init) easy_init;
    decltype(&::curl_easy_setopt) easy_setopt;
    decltype(&::curl_easy_perform) easy_perform;
    decltype(&::curl_easy_getinfo) easy_getinfo;
    decltype(&::curl_easy_strerror) easy_strerror;
    decltype(&::curl_easy_cleanup) easy_cleanup;
    decltype(&::curl_slist_append) slist_append;
    decltype(&::curl_slist_free_all) slist_free_all;
    decltype(&::curl_url) url;
    decltype(&::curl_url_set) url_set;
    decltype(&::curl_url_get) url_get;
    decltype(&::curl_url_cleanup) url_cleanup;
    decltype(&::curl_free) free;
};

/// Loads and starts libcurl, once a process. Category::unsupported where it is not installed; names the package.
[[nodiscard]] Status load_curl();

/// The functions, after load_curl().
[[nodiscard]] const CurlFunctions& curl() noexcept;

}  // namespace berth::tools
