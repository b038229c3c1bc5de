#include "tools/key_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/config/trusted_file.hpp"
#include "sif/keys_folder.hpp"
#include "sif/temporary_file.hpp"

namespace berth::tools {

Result<KeyStore> KeyStore::open(KeyOwner owner, sif::PassphraseSource passphrase) {
    if (owner == KeyOwner::user) {
        BERTH_TRY(const std::string folder, sif::keys_folder());
        BERTH_TRY(auto keyring, sif::Keyring::in_folder(folder, std::move(passphrase)));
        return KeyStore(std::move(keyring), printable(folder));
    }
    BERTH_TRY(const std::string bytes, config::read_site_keyring());
    auto packets = sif::keyring_packets(bytes);  // it may be a copy of root's pubring.kbx
    if (!packets) return std::move(packets).error().within(config::site_keyring_path());
    auto keyring = sif::Keyring::of({*packets});
    if (!keyring) return std::move(keyring).error().within(config::site_keyring_path());
    return KeyStore(std::move(*keyring), config::site_keyring_path());
}

Result<KeyStore> KeyStore::open_to_change(KeyOwner owner, sif::PassphraseSource passphrase) {
    if (owner == KeyOwner::user) return open(owner, std::move(passphrase));
    if (::geteuid() != 0)
        return Error{
            Category::denied, EPERM,
            config::site_keyring_path() + ": only root can change the site's keyring; leave --global out for your own"};
    // Before it is read: two changes must not both begin with the old keys.
    BERTH_TRY(const UniqueFd folder, open_at(AT_FDCWD, install_paths().sysconf, O_PATH | O_DIRECTORY));
    auto lock = config::lock_site_file(folder.get(), install_paths().sysconf + "/", ".keyring.lock");
    if (!lock) return std::move(lock).error().within("cannot lock " + config::site_keyring_path());
    BERTH_TRY(auto store, open(owner));
    store.lock_ = *std::move(lock);
    return store;
}

Status KeyStore::save() {
    if (!lock_) return {};
    BERTH_TRY(const std::string bytes, keyring_.export_key("", sif::KeyPart::public_key, false));
    BERTH_TRY(auto file, sif::TemporaryFile::create_in(install_paths().sysconf));
    BERTH_CHECK(write_all(file.fd(), bytes, name_));
    return file.publish(name_, 0644, sif::Existing::replace);
}

}  // namespace berth::tools
