// Keyrings of OpenPGP keys: the user's, a folder that GnuPG works in, and plain files of public keys such as the
// site's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "sif/passphrase.hpp"

namespace berth::sif {

/// The most that one import, export or keyring may hold. A key with hundreds of other people's signatures has some
/// 100 KiB; what is larger was made to waste memory.
inline constexpr std::size_t kMaxKeyringSize = 16U << 20;

/// One key as GnuPG describes it. User ids are anyone's bytes: show them through printable().
struct KeyInfo {
    std::string fingerprint;           ///< of the primary key, upper-case hex
    std::vector<std::string> subkeys;  ///< their fingerprints; anyone can claim another's key as a subkey
    std::vector<std::string> user_ids;
    std::string algorithm;  ///< "rsa4096", "ed25519", …
    unsigned bits = 0;
    std::int64_t created = 0;  ///< seconds since 1970
    std::int64_t expires = 0;  ///< 0: never
    bool revoked = false;
    bool expired = false;
    bool disabled = false;
    bool can_sign = false;
    bool secret = false;  ///< its secret key is there too; known only where secret keys were asked for
};

enum class KeyPart { public_key, secret_key };
enum class KeyAlgorithm { rsa4096, ed25519 };

struct NewKey {
    std::string name;        ///< no control characters, none of ( ) < >; not empty
    std::string comment;     ///< the same; may be empty
    std::string email;       ///< one @, no blanks; may be empty
    std::string passphrase;  ///< empty: the secret key is not protected
    KeyAlgorithm algorithm = KeyAlgorithm::rsa4096;
};

struct ImportCount {
    int keys = 0;       ///< in what was imported
    int imported = 0;   ///< public keys that are new
    int unchanged = 0;  ///< and those that brought nothing new
    int secret = 0;     ///< secret keys that are new
};

/// A keyring of the user's or the site's own, as GpgmeContext::on_keyrings() and Keyring::of() take it: GnuPG's keybox
/// becomes packets, anything else stays as it is. Not for bytes of others: see GpgmeContext::on_keybox().
[[nodiscard]] Result<std::string> keyring_packets(const std::string& keyring);

/// The public keys of a prepared folder, as packets; empty where there are none.
[[nodiscard]] Result<std::string> public_keyring(const std::string& folder);

class GpgmeContext;
enum class KeyUse;

/// Public and secret keys in a folder, or public keys in memory. A key is named by its fingerprint, by the last 16
/// digits of it ("long id"), either with or without 0x and blanks. Shorter ids are refused: anyone can make a key that
/// has them.
class [[nodiscard]] Keyring {
public:
    /// The keys of a folder, which is prepared first. See GpgmeContext::on_home() for the agent.
    static Result<Keyring> in_folder(const std::string& folder, PassphraseSource passphrase = {});
    /// Public keys alone: the merged contents of keyrings, in a temporary folder. Changes are lost unless exported.
    /// A keybox is refused: see keyring_packets().
    static Result<Keyring> of(const std::vector<std::string>& keyrings);

    Keyring(Keyring&&) noexcept;
    Keyring& operator=(Keyring&&) = delete;
    ~Keyring();

    /// In GnuPG's order, which does not change while no key is added or removed.
    [[nodiscard]] Result<std::vector<KeyInfo>> list(KeyPart part) const;
    /// Category::usage when there is no such key.
    [[nodiscard]] Result<KeyInfo> find(const std::string& id, KeyPart part) const;
    /// Signs and certifies, never expires. Category::usage for what cannot be part of a user id. \return the new key.
    /// Only for a keyring in a folder.
    [[nodiscard]] Result<KeyInfo> generate(const NewKey& key);
    /// Armoured or binary, public or secret. Category::usage where there is no key in it.
    [[nodiscard]] Result<ImportCount> import_keys(std::string_view bytes);
    /// One key, or every public key (empty id). A secret key stays encrypted as it is; its passphrase is asked for.
    [[nodiscard]] Result<std::string> export_key(const std::string& id, KeyPart part, bool armored) const;
    /// Removes a public key, or with KeyPart::secret_key both halves. A public key whose secret half is there stays:
    /// Category::usage.
    [[nodiscard]] Status remove(const std::string& id, KeyPart part);

private:
    Keyring(std::unique_ptr<GpgmeContext> context, std::string folder);
    [[nodiscard]] Result<UniqueFd> lock(KeyUse use) const;
    std::unique_ptr<GpgmeContext> context_;
    std::string folder_;  ///< empty for public keys in memory
    std::string name_;    ///< for messages
};

/// The keys in some bytes, armoured or binary, without importing them. Category::usage where there is none.
[[nodiscard]] Result<std::vector<KeyInfo>> keys_in(std::string_view bytes);

/// The digits of a fingerprint (40 or 64) or long id (16), upper-case, without 0x, blanks and colons.
/// Category::usage for anything else.
[[nodiscard]] Result<std::string> key_id_digits(std::string_view text);

}  // namespace berth::sif
