// One HTTPS request, bounded in everything that a server decides.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace berth::tools {

/// The largest answer of a keyserver that is read. A key with a thousand signatures has some 300 KiB, an index of a
/// hundred keys 30 KiB.
inline constexpr std::size_t kMaxBody = 4U << 20;
/// The most that an answer's headers may hold: curl bounds each, not their number.
inline constexpr std::size_t kMaxHeaders = 64U << 10;
/// Keyservers send one from http to https or from a pool to a member: more than this is a loop.
inline constexpr int kMaxRedirects = 5;
/// To connect; for a request with all its redirects; and with less than 64 bytes a second, before a user would give up.
inline constexpr std::chrono::seconds kConnectTime{10};
inline constexpr std::chrono::seconds kTotalTime{60};
inline constexpr std::chrono::seconds kStallTime{10};

/// A server that is asked: `url` begins what is requested, and the token is sent to its scheme, host and port alone.
struct Remote {
    std::string url;           ///< https://HOST[:PORT][/PATH], no slash at its end
    std::string token;         ///< sent as "Authorization: Bearer TOKEN"; empty: none
    std::string ca_file;       ///< certificates to trust in place of the system's; empty: the system's
    bool (*stop)() = nullptr;  ///< asked now and then; true ends the exchange
};

struct Answer {
    long status = 0;   ///< HTTP's status
    std::string body;  ///< anyone's bytes
};

/// "https://host[:port][/path]" from a URL that a user wrote; hkps:// means the same. Category::usage for any other
/// scheme, for user names, passwords, queries and fragments in it.
[[nodiscard]] Result<std::string> checked_url(const std::string& text);

/// True when both have the same scheme, host and port.
[[nodiscard]] bool same_origin(const std::string& a, const std::string& b);

/// GET remote.url + path. Redirects are followed, to https alone, and without the token where they leave the server.
/// Errors: Category::system (no connection, too slow, stopped: EINTR), denied (no valid certificate, too large, a
/// redirect too many or away from https).
/// Every HTTP status is an answer.
[[nodiscard]] Result<Answer> https_get(const Remote& remote, const std::string& path);

/// POST of a form (application/x-www-form-urlencoded). A redirect is an error that names where it leads.
[[nodiscard]] Result<Answer> https_post(const Remote& remote, const std::string& path, const std::string& form);

/// As a part of a URL or form: everything but letters, digits, - . _ ~ as %XX.
[[nodiscard]] std::string url_encoded(std::string_view text);

}  // namespace berth::tools
