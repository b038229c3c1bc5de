// A GPGME context for OpenPGP: GnuPG on a home folder that we name, offline, asking nobody but us for passphrases.
// For the sources of berth_sif_sign alone: the public headers of sif/ do not show GPGME.
#pragma once

#include <gpgme.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "sif/passphrase.hpp"

namespace berth::sif {

/// What GPGME says, as an Error: "WHAT: Bad passphrase". Category::unsupported where gpg is not installed, usage for a
/// passphrase that is wrong or was not given, system otherwise.
[[nodiscard]] Error gpgme_failure(const std::string& what, gpgme_error_t error);

struct GpgmeDataRelease {
    void operator()(gpgme_data* data) const noexcept { gpgme_data_release(data); }
};
using GpgmeData = std::unique_ptr<gpgme_data, GpgmeDataRelease>;

/// Bytes for GPGME to read. They are not copied and must outlive the data.
[[nodiscard]] Result<GpgmeData> data_of(std::string_view bytes);
/// Somewhere for GPGME to write to.
[[nodiscard]] Result<GpgmeData> empty_data();
/// What was written there; more than `limit` bytes is Category::usage with EFBIG. `what` begins the message.
[[nodiscard]] Result<std::string> bytes_of(GpgmeData data, std::size_t limit, const std::string& what);

/// "KBXf" at offset 8 is a keybox's magic (GnuPG, kbx/keybox-blob.c).
[[nodiscard]] bool is_keybox(std::string_view bytes) noexcept;

class TemporaryHome;
class AgentOfHome;

/// One context on one GnuPG home folder. gpg never reaches for the network (--disable-dirmngr), never shows a prompt of
/// its own (loopback), trusts every key that it has (which key may sign what is decided by its fingerprint), and
/// ~/.gnupg is never looked at. /usr/bin/gpg is run, whatever PATH says. Needs no privilege. Not for threads that share
/// it.
class [[nodiscard]] GpgmeContext {
public:
    /// On a folder that exists, for everything with secret keys. Starts a gpg-agent there when one is needed; it is
    /// ended, and its end waited for (at most 2 s), with the last context on that folder in any process, unless that
    /// process is killed.
    static Result<GpgmeContext> on_home(const std::string& home, PassphraseSource passphrase = {});

    /// For public keys alone, in a temporary folder that only this user can enter and that goes with the context.
    /// `keyrings` are contents: OpenPGP packets, binary or armoured, or nothing; anyone's bytes. Copies of one key are
    /// merged, so that a revocation or expiry that any of them knows counts. No agent is started, ever; secret keys are
    /// refused. Errors: Category::config for a keyring that GnuPG cannot read, that is a keybox, or that holds no key.
    static Result<GpgmeContext> on_keyrings(const std::vector<std::string>& keyrings);

    /// The same on one keybox (pubring.kbx), which GnuPG believes without a check of its own: only for bytes of the
    /// caller's or the site's own keyring, never for those of a server.
    static Result<GpgmeContext> on_keybox(const std::string& keybox);

    GpgmeContext(GpgmeContext&&) noexcept;
    GpgmeContext& operator=(GpgmeContext&&) = delete;
    ~GpgmeContext();

    [[nodiscard]] gpgme_ctx_t get() const noexcept { return context_.get(); }

private:
    struct Release {
        void operator()(gpgme_context* context) const noexcept { gpgme_release(context); }
    };
    GpgmeContext();
    static Result<GpgmeContext> in_temporary_home(const std::string& keybox);
    Status open(const std::string& home);

    // The context goes first: gpg must have ended before its agent and its folder do.
    std::unique_ptr<TemporaryHome> temporary_;
    std::unique_ptr<AgentOfHome> agent_;
    std::unique_ptr<PassphraseSource> passphrase_;  // GPGME holds its address
    std::unique_ptr<gpgme_context, Release> context_;
};

}  // namespace berth::sif
