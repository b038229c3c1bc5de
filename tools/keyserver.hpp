// The OpenPGP HTTP keyserver protocol (HKP, draft-shaw-openpgp-hkp): search, get, add.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/https.hpp"

namespace berth::tools {

/// The most keys of an index that are shown: who finds more must search for something narrower.
inline constexpr std::size_t kMaxFound = 100;

/// A key as a server describes it. Nothing of it is verified, and every text is anyone's bytes.
struct FoundKey {
    std::string id;  ///< a fingerprint or key id, hexadecimal
    std::string algorithm;
    std::string created;  ///< seconds since 1970, in digits; may be empty
    std::string flags;    ///< "r" revoked, "e" expired, "d" disabled
    std::vector<std::string> user_ids;
};

/// The keys that the server finds for a name, address or fingerprint; at most kMaxFound, and none is no error.
[[nodiscard]] Result<std::vector<FoundKey>> search_keys(const Remote& server, const std::string& text);

/// A public key that a server sent.
struct FetchedKey {
    std::string fingerprint;  ///< of the primary key
    std::string bytes;        ///< packets
};

/// What a fingerprint may name. Anyone can bind another's key to a key of his own as a subkey: what is kept must be
/// named by its primary key.
enum class NamedKey { primary, primary_or_subkey };

/// The key with that fingerprint or long id (see sif::key_id_digits()). Category::denied when the server sends another
/// key, or more than one; usage with ENOENT when it has none.
[[nodiscard]] Result<FetchedKey> fetch_key(const Remote& server, const std::string& digits, NamedKey named);

/// The public half of the one key that was asked for, from the body of an answer; whatever else was sent with it is
/// left out. Category::denied as for fetch_key().
[[nodiscard]] Result<FetchedKey> key_of_answer(const Remote& server, const std::string& body, const std::string& digits,
                                               NamedKey named);

/// Gives the server an armoured public key.
[[nodiscard]] Status send_key(const Remote& server, const std::string& armored);

/// The index in its machine-readable form (`options=mr`). Lines that are not understood are left out.
[[nodiscard]] std::vector<FoundKey> parse_index(std::string_view text);

}  // namespace berth::tools
