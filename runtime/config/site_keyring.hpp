// The site's keyring: a file of OpenPGP public keys that root keeps for everybody.
#pragma once

#include <string>

#include "runtime/base/result.hpp"

namespace berth::config {

/// A keyring of thousands of keys fits; who could write a larger one is root.
inline constexpr std::size_t kMaxSiteKeyring = 16U << 20;

/// SYSCONFDIR/berth/global-pgp-public.
[[nodiscard]] std::string site_keyring_path();

/// Its contents, as sif::GpgmeContext::on_keyrings() takes them; empty where there is no such file. Needs no privilege.
/// Errors: Category::config where anybody but root could have changed it (see open_trusted()) or it is too large.
[[nodiscard]] Result<std::string> read_site_keyring();

}  // namespace berth::config
