// Which keyserver is asked: --url, else BERTH_KEYSERVER, else the first of ~/.berth/keyservers, else the default.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/https.hpp"

namespace berth::tools {

/// The one that Singularity's users know as well; it verifies addresses and shows no name without.
inline constexpr std::string_view kDefaultKeyserver = "https://keys.openpgp.org";

/// The lines "URL [token=TOKEN] [ca=FILE]" of a file of keyservers; '#' begins a comment. A line that is not understood
/// is an error with its number (Category::usage); no token is shown in it.
[[nodiscard]] Result<std::vector<Remote>> parse_keyservers(std::string_view text, const std::string& name);

/// The server to ask. `url` is what the user gave with --url, or empty. Token and certificates are those of the line
/// with the same scheme, host and port. The file must be the caller's, and nobody else may read it (it holds tokens):
/// Category::denied.
[[nodiscard]] Result<Remote> choose_keyserver(const std::string& url);

}  // namespace berth::tools
