#include "sif/keyring.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/gpgme_context.hpp"
#include "sif/gpgme_home.hpp"
#include "sif/keys_folder.hpp"

namespace berth::sif {
namespace {

struct KeyRelease {
    void operator()(_gpgme_key* key) const noexcept { gpgme_key_release(key); }
};
using KeyHandle = std::unique_ptr<_gpgme_key, KeyRelease>;

bool wants_secret(KeyPart part) {
    return part == KeyPart::secret_key;
}

KeyInfo info_of(const _gpgme_key& key, KeyPart part) {
    KeyInfo info;
    if (key.fpr != nullptr) info.fingerprint = key.fpr;
    for (auto uid = key.uids; uid != nullptr; uid = uid->next)
        if (uid->uid != nullptr) info.user_ids.emplace_back(uid->uid);
    info.revoked = key.revoked;
    info.expired = key.expired;
    info.disabled = key.disabled;
    info.can_sign = key.can_sign;
    info.secret = wants_secret(part) && key.secret;
    if (key.subkeys == nullptr) return info;
    for (auto subkey = key.subkeys->next; subkey != nullptr; subkey = subkey->next)  // the first is the primary key
        if (subkey->fpr != nullptr) info.subkeys.emplace_back(subkey->fpr);
    const std::unique_ptr<char, decltype(&gpgme_free)> algorithm(gpgme_pubkey_algo_string(key.subkeys), gpgme_free);
    if (algorithm) info.algorithm = algorithm.get();
    info.bits = key.subkeys->length;
    info.created = key.subkeys->timestamp;
    info.expires = key.subkeys->expires;
    return info;
}

/// The keys of a listing that has been started.
Result<std::vector<KeyHandle>> listed(gpgme_ctx_t context, const std::string& name) {
    std::vector<KeyHandle> keys;
    for (;;) {
        gpgme_key_t key = nullptr;
        const auto error = gpgme_op_keylist_next(context, &key);
        if (gpgme_err_code(error) == GPG_ERR_EOF) break;
        if (error != 0) return gpgme_failure(name, error);
        keys.emplace_back(key);
    }
    const auto* result = gpgme_op_keylist_result(context);
    const bool cut = result != nullptr && result->truncated != 0;
    if (const auto error = gpgme_op_keylist_end(context)) return gpgme_failure(name, error);
    if (cut) return Error{Category::system, 0, name + ": gpg did not list every key"};
    return keys;
}

Result<std::vector<KeyHandle>> all_keys(gpgme_ctx_t context, const std::string& name, KeyPart part) {
    gpgme_set_keylist_mode(context, GPGME_KEYLIST_MODE_LOCAL);
    if (const auto error = gpgme_op_keylist_start(context, nullptr, wants_secret(part)))
        return gpgme_failure(name, error);
    return listed(context, name);
}

Result<KeyHandle> one_key(gpgme_ctx_t context, const std::string& name, const std::string& id, KeyPart part) {
    BERTH_TRY(const std::string digits, key_id_digits(id));
    BERTH_TRY(auto keys, all_keys(context, name, part));
    std::erase_if(keys, [&](const KeyHandle& key) {
        return key->fpr == nullptr || !std::string_view(key->fpr).ends_with(digits);
    });
    if (keys.empty())
        return Error{Category::usage, ENOENT,
                     name + ": no " + (wants_secret(part) ? "secret" : "public") + " key " + digits +
                         "; berth key list shows those that are there"};
    if (keys.size() > 1)
        return Error{Category::usage, 0, name + ": two keys end in " + digits + "; give the fingerprint"};
    return std::move(keys.front());
}

}  // namespace

Result<std::string> key_id_digits(std::string_view text) {
    std::string digits;
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    for (const char c : text) {
        if (c == ' ' || c == ':') continue;
        if (std::isxdigit(static_cast<unsigned char>(c)) == 0) break;
        digits += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    const bool all = std::ranges::count_if(text, [](char c) { return c != ' ' && c != ':'; }) == std::ssize(digits);
    if (all && (digits.size() == 16 || digits.size() == 40 || digits.size() == 64)) return digits;
    return Error{Category::usage, 0,
                 "'" + printable(text) +
                     "' is no fingerprint (40 hexadecimal digits) or long key id (16); "
                     "shorter ids can be forged, and names are not unique"};
}

Result<std::string> keyring_packets(const std::string& keyring) {
    if (!is_keybox(keyring)) return keyring;
    BERTH_TRY(const auto context, GpgmeContext::on_keybox(keyring));
    BERTH_TRY(auto data, empty_data());
    if (const auto error = gpgme_op_export(context.get(), nullptr, 0, data.get()))
        return gpgme_failure("reading a keybox", error);
    return bytes_of(std::move(data), kMaxKeyringSize, "a keybox");
}

Result<std::string> public_keyring(const std::string& folder) {
    if (::access(folder.c_str(), F_OK) != 0 && errno == ENOENT) return std::string();
    BERTH_TRY(const UniqueFd lock, lock_keys(folder, KeyUse::read));
    auto file = open_at(AT_FDCWD, folder + "/pubring.kbx", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file && file.error().number == ENOENT) return std::string();
    if (!file) return std::move(file).error();
    BERTH_TRY(const std::string keyring, read_all(file->get(), kMaxKeyringSize, folder + "/pubring.kbx"));
    auto packets = keyring_packets(keyring);
    if (!packets) return std::move(packets).error().within(printable(folder) + "/pubring.kbx");
    return packets;
}

Result<std::vector<KeyInfo>> keys_in(std::string_view bytes) {
    BERTH_TRY(const auto context, GpgmeContext::on_keyrings({}));
    BERTH_TRY(const auto data, data_of(bytes));
    const auto error = gpgme_op_keylist_from_data_start(context.get(), data.get(), 0);
    if (error != 0) return gpgme_failure("reading keys", error);
    BERTH_TRY(const auto keys, listed(context.get(), "reading keys"));
    std::vector<KeyInfo> infos;
    for (const auto& key : keys) infos.push_back(info_of(*key, KeyPart::public_key));
    if (infos.empty()) return Error{Category::usage, 0, "there is no OpenPGP key in it"};
    return infos;
}

Keyring::Keyring(std::unique_ptr<GpgmeContext> context, std::string folder)
    : context_(std::move(context)),
      folder_(std::move(folder)),
      name_(folder_.empty() ? "the keyring" : printable(folder_)) {}
Keyring::Keyring(Keyring&&) noexcept = default;
Keyring::~Keyring() = default;

Result<Keyring> Keyring::in_folder(const std::string& folder, PassphraseSource passphrase) {
    BERTH_CHECK(prepare_private_folder(folder));
    BERTH_TRY(auto context, GpgmeContext::on_home(folder, std::move(passphrase)));
    return Keyring(std::make_unique<GpgmeContext>(std::move(context)), folder);
}

Result<Keyring> Keyring::of(const std::vector<std::string>& keyrings) {
    BERTH_TRY(auto context, GpgmeContext::on_keyrings(keyrings));
    return Keyring(std::make_unique<GpgmeContext>(std::move(context)), "");
}

/// Public keys in memory are nobody else's.
Result<UniqueFd> Keyring::lock(KeyUse use) const {
    return folder_.empty() ? UniqueFd() : lock_keys(folder_, use);
}

Result<std::vector<KeyInfo>> Keyring::list(KeyPart part) const {
    BERTH_TRY(const UniqueFd held, lock(KeyUse::read));
    BERTH_TRY(const auto keys, all_keys(context_->get(), name_, part));
    std::vector<KeyInfo> infos;
    for (const auto& key : keys) infos.push_back(info_of(*key, part));
    return infos;
}

Result<KeyInfo> Keyring::find(const std::string& id, KeyPart part) const {
    BERTH_TRY(const UniqueFd held, lock(KeyUse::read));
    BERTH_TRY(const auto key, one_key(context_->get(), name_, id, part));
    return info_of(*key, part);
}

Result<ImportCount> Keyring::import_keys(std::string_view bytes) {
    if (bytes.size() > kMaxKeyringSize)
        return Error{Category::usage, EFBIG, "larger than the limit of " + std::to_string(kMaxKeyringSize) + " bytes"};
    BERTH_TRY(const UniqueFd held, lock(KeyUse::change));
    BERTH_TRY(const auto data, data_of(bytes));
    if (const auto error = gpgme_op_import(context_->get(), data.get())) return gpgme_failure(name_, error);
    const auto* result = gpgme_op_import_result(context_->get());
    if (result != nullptr && result->secret_read > 0 && folder_.empty())
        return Error{Category::usage, 0,
                     "there are secret keys in it; only public ones belong into this keyring (berth key export without "
                     "--secret)"};
    if (result == nullptr || result->considered == result->no_user_id)
        return Error{Category::usage, 0, "there is no valid OpenPGP key in it"};
    return ImportCount{result->considered, result->imported, result->unchanged, result->secret_imported};
}

Result<std::string> Keyring::export_key(const std::string& id, KeyPart part, bool armored) const {
    BERTH_TRY(const UniqueFd held, lock(KeyUse::read));
    gpgme_set_armor(context_->get(), armored ? 1 : 0);
    BERTH_TRY(auto data, empty_data());
    std::string fingerprint;
    if (!id.empty()) {
        BERTH_TRY(const auto key, one_key(context_->get(), name_, id, part));
        fingerprint = key->fpr;
    }
    const auto error = gpgme_op_export(context_->get(), fingerprint.empty() ? nullptr : fingerprint.c_str(),
                                       wants_secret(part) ? GPGME_EXPORT_MODE_SECRET : 0, data.get());
    if (error != 0) return gpgme_failure(name_, error);
    BERTH_TRY(auto bytes, bytes_of(std::move(data), kMaxKeyringSize, name_));
    // gpg ends well when the passphrase of the secret key was not given.
    if (!id.empty() && bytes.empty())
        return Error{Category::usage, 0, name_ + ": " + fingerprint + " was not exported: no or a wrong passphrase"};
    return bytes;
}

Status Keyring::remove(const std::string& id, KeyPart part) {
    BERTH_TRY(const UniqueFd held, lock(KeyUse::change));
    BERTH_TRY(const auto key, one_key(context_->get(), name_, id, part));
    const auto flags = GPGME_DELETE_FORCE | (wants_secret(part) ? GPGME_DELETE_ALLOW_SECRET : 0U);
    const auto error = gpgme_op_delete_ext(context_->get(), key.get(), flags);
    if (gpgme_err_code(error) == GPG_ERR_CONFLICT)
        return Error{
            Category::usage, 0,
            name_ + ": the secret key of " + std::string(key->fpr) + " is there too; remove both with --secret"};
    if (error != 0) return gpgme_failure(name_, error);
    return {};
}

}  // namespace berth::sif
