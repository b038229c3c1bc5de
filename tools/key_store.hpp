// The keyring that a `berth key` command works on: the user's folder, or the site's file.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "sif/keyring.hpp"

namespace berth::tools {

enum class KeyOwner { user, site };

class [[nodiscard]] KeyStore {
public:
    /// The user's: keys_folder(), made where it is missing. The site's, for reading: whoever can run this.
    static Result<KeyStore> open(KeyOwner owner, sif::PassphraseSource passphrase = {});
    /// The site's, for changing it: root alone (Category::denied), one at a time. The same as open() for the user's.
    static Result<KeyStore> open_to_change(KeyOwner owner, sif::PassphraseSource passphrase = {});

    [[nodiscard]] sif::Keyring& keyring() noexcept { return keyring_; }
    /// The folder or file, for messages.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Makes changes to the site's file last: it is replaced in one step, mode 0644. Nothing to do for the user's.
    [[nodiscard]] Status save();

private:
    KeyStore(sif::Keyring keyring, std::string name) : keyring_(std::move(keyring)), name_(std::move(name)) {}

    sif::Keyring keyring_;
    std::string name_;
    UniqueFd lock_;  ///< held while the site's file is changed
};

}  // namespace berth::tools
