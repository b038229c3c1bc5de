// OpenPGP clear-signed text, signed and checked by GnuPG through GPGME.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sif/passphrase.hpp"
#include "sif/signature.hpp"

namespace berth::sif {

/// What a check found. Only when `failure` is none may anything else but `message` be relied on.
struct OpenPgpCheck {
    Failure failure = Failure::not_checked;
    std::string message;  ///< why it failed, one line
    SignedBy signer;      ///< also set, as far as known, for a key that is unknown, expired or revoked
    HashKind hash = HashKind::sha256;
    std::string text;  ///< exactly what GnuPG says was signed, without the last newline
};

/// Checks messages against public keys. Each check runs gpg, unprivileged, offline, without an agent. Not for two
/// threads at once.
class OpenPgpVerifier {
public:
    /// `keyrings`: contents of keyrings, as GpgmeContext::on_keyrings() takes them; whoever is in them is authorised.
    /// Errors: Category::config (a keyring that cannot be read), unsupported (no gpg), system.
    static Result<OpenPgpVerifier> open(const std::vector<std::string>& keyrings);
    OpenPgpVerifier(OpenPgpVerifier&&) noexcept;
    OpenPgpVerifier& operator=(OpenPgpVerifier&&) noexcept;
    ~OpenPgpVerifier();

    /// One clear-signed message with one signature. What is wrong with it is in the result; an Error means that it
    /// could not be checked. `what` begins messages.
    [[nodiscard]] Result<OpenPgpCheck> check(std::string_view message, const std::string& what);

private:
    struct State;
    explicit OpenPgpVerifier(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

/// Signs with the secret key of that fingerprint (primary or subkey, hex) in a GnuPG home folder. The passphrase is
/// asked for when the first text is signed. Errors: Category::usage (no such key, or one that cannot sign; wrong
/// passphrase), unsupported (no gpg, or a key that signs with a weak hash), system.
[[nodiscard]] Result<Signer> openpgp_signer(const std::string& home, const std::string& fingerprint,
                                            PassphraseSource passphrase = {});

}  // namespace berth::sif
