#include "tools/https.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "runtime/base/text.hpp"
#include "tools/curl_functions.hpp"

namespace berth::tools {
namespace {

struct EasyEnd {
    void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
};
struct ListEnd {
    void operator()(curl_slist* list) const noexcept { curl().slist_free_all(list); }
};
struct UrlEnd {
    void operator()(CURLU* url) const noexcept { curl().url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, EasyEnd>;
using Headers = std::unique_ptr<curl_slist, ListEnd>;
using Url = std::unique_ptr<CURLU, UrlEnd>;

using Deadline = std::chrono::steady_clock::time_point;

/// What one exchange has read so far.
struct Exchange {
    std::string body;
    std::size_t header_bytes = 0;
    bool too_large = false;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    exchange.too_large = exchange.too_large || count > kMaxBody - exchange.body.size();
    if (exchange.too_large) return 0;  // ends the transfer
    exchange.body.append(bytes, count);
    return count;
}

std::size_t count_headers(char*, std::size_t, std::size_t count, void* user) {
    auto& exchange = *static_cast<Exchange*>(user);
    exchange.header_bytes += count;
    exchange.too_large = exchange.too_large || exchange.header_bytes > kMaxHeaders;
    return exchange.too_large ? 0 : count;
}

int ask_to_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto stop = static_cast<const Remote*>(user)->stop;
    return stop != nullptr && stop() ? 1 : 0;
}

Url parsed(const std::string& text) {
    Url url(curl().url());
    if (url && curl().url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) url.reset();
    return url;
}

/// A part of the URL; empty where it has none.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl().url_get(url, part, &text, flags) != CURLUE_OK) return {};
    std::string copy(text);
    curl().free(text);
    return copy;
}

Status set_options(CURL* easy, const Remote& remote, const std::string& url, curl_slist* headers, Exchange& exchange) {
    CURLcode code = CURLE_OK;
    const auto set = [&](CURLoption option, auto value) {
        if (code == CURLE_OK) code = curl().easy_setopt(easy, option, value);
    };
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(kConnectTime.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, 64L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(kStallTime.count()));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "berth");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_HEADERFUNCTION, count_headers);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, ask_to_stop);
    set(CURLOPT_XFERINFODATA, &remote);
    if (!remote.ca_file.empty()) {
        set(CURLOPT_CAINFO, remote.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (code != CURLE_OK) return Error{Category::internal, 0, std::string("libcurl: ") + curl().easy_strerror(code)};
    return {};
}

Error failure(CURLcode code, const Exchange& exchange, const std::string& url, const char* details) {
    const std::string where = printable(url);
    if (exchange.too_large)
        return {Category::denied, EFBIG,
                fmt::format("{}: the answer is larger than the limit of {} bytes", where, kMaxBody)};
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return {Category::denied, 0,
                fmt::format("{}: the server's certificate is not valid: {}", where, printable(details))};
    if (code == CURLE_OPERATION_TIMEDOUT) return {Category::system, ETIMEDOUT, where + ": the server is too slow"};
    if (code == CURLE_ABORTED_BY_CALLBACK) return {Category::system, EINTR, where + ": interrupted"};
    return {Category::system, 0,
            fmt::format("{}: {}", where, details[0] != '\0' ? printable(details) : curl().easy_strerror(code))};
}

struct Hop {
    Answer answer;
    std::string redirect;  ///< absolute; empty where the answer is none
};

/// One request, to exactly this URL. `form`: what to post, or nullptr to get.
Result<Hop> exchange_once(const Remote& remote, const std::string& url, const std::string* form, Deadline deadline) {
    const Easy easy(curl().easy_init());
    if (!easy) return Error{Category::system, ENOMEM, "libcurl cannot start"};
    Headers headers;
    if (!remote.token.empty() && same_origin(url, remote.url)) {
        headers.reset(curl().slist_append(nullptr, ("Authorization: Bearer " + remote.token).c_str()));
        if (!headers) return Error{Category::system, ENOMEM, "libcurl: out of memory"};
    }
    Exchange exchange;
    BERTH_CHECK(set_options(easy.get(), remote, url, headers.get(), exchange));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    curl().easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left.count())));
    char details[CURL_ERROR_SIZE] = "";
    curl().easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, details);
    if (form != nullptr) {
        curl().easy_setopt(easy.get(), CURLOPT_POSTFIELDS, form->c_str());
        curl().easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(form->size()));
    }
    const CURLcode code = curl().easy_perform(easy.get());
    if (code != CURLE_OK) return failure(code, exchange, url, details);
    Hop hop;
    char* redirect = nullptr;
    curl().easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &hop.answer.status);
    curl().easy_getinfo(easy.get(), CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != nullptr) hop.redirect = redirect;
    hop.answer.body = std::move(exchange.body);
    return hop;
}

}  // namespace

Result<std::string> checked_url(const std::string& text) {
    const auto bad = [&](const std::string& why) {
        return Error{Category::usage, 0, "'" + printable(text) + "' is no keyserver: " + why + "; write https://HOST"};
    };
    std::string address = text.starts_with("hkps://") ? "https://" + text.substr(7) : text;
    BERTH_CHECK(load_curl());
    while (address.ends_with('/')) address.pop_back();
    if (!address.starts_with("https://")) return bad("only https is used");
    const Url url = parsed(address);
    if (!url || printable(address, 2048) != address || address.find(' ') != std::string::npos)
        return bad("it is no URL");
    for (const auto part : {CURLUPART_USER, CURLUPART_PASSWORD})
        if (!part_of(url.get(), part).empty()) return bad("names and passwords have no place in it");
    for (const auto part : {CURLUPART_QUERY, CURLUPART_FRAGMENT})
        if (!part_of(url.get(), part).empty()) return bad("it holds a ? or #");
    return address;
}

bool same_origin(const std::string& a, const std::string& b) {
    const Url one = parsed(a);
    const Url other = parsed(b);
    if (!one || !other) return false;
    for (const auto part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
        const std::string text = part_of(one.get(), part, CURLU_DEFAULT_PORT);
        if (text.empty() || text != part_of(other.get(), part, CURLU_DEFAULT_PORT)) return false;
    }
    return true;
}

Result<Answer> https_get(const Remote& remote, const std::string& path) {
    BERTH_CHECK(load_curl());
    const Deadline deadline = std::chrono::steady_clock::now() + kTotalTime;
    std::string url = remote.url + path;
    for (int hops = 0; hops <= kMaxRedirects; ++hops) {
        BERTH_TRY(Hop hop, exchange_once(remote, url, nullptr, deadline));
        if (hop.redirect.empty()) return std::move(hop.answer);
        if (!hop.redirect.starts_with("https://"))
            return Error{Category::denied, 0,
                         printable(url) + ": redirects to " + printable(hop.redirect) + ", which is not https"};
        url = std::move(hop.redirect);
    }
    return Error{Category::denied, ELOOP,
                 fmt::format("{}: more than {} redirects", printable(remote.url), kMaxRedirects)};
}

Result<Answer> https_post(const Remote& remote, const std::string& path, const std::string& form) {
    BERTH_CHECK(load_curl());
    BERTH_TRY(Hop hop, exchange_once(remote, remote.url + path, &form, std::chrono::steady_clock::now() + kTotalTime));
    if (!hop.redirect.empty())
        return Error{Category::denied, 0,
                     printable(remote.url) + ": wants the key sent to " + printable(hop.redirect) +
                         "; name that server with --url"};
    return std::move(hop.answer);
}

std::string url_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
                           std::string_view("-._~").find(c) != std::string_view::npos;
        encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return encoded;
}

}  // namespace berth::tools
