// Keyring::generate(): new key pairs, and what a user id may hold.
#include <algorithm>

#include "runtime/base/text.hpp"
#include "sif/gpgme_context.hpp"
#include "sif/gpgme_home.hpp"
#include "sif/keyring.hpp"

namespace berth::sif {
namespace {

/// The most that a user id may hold: gpg itself takes 2048 bytes, which no line shows.
constexpr std::size_t kMaxUserId = 512;

Error bad_part(const std::string& what, const std::string& value, const std::string& why) {
    return Error{Category::usage, 0, "the key's " + what + " '" + printable(value) + "' " + why};
}

/// A user id is "NAME (COMMENT) <EMAIL>": a part that holds these characters would be read as something else.
Status check_part(const std::string& what, const std::string& value) {
    if (printable(value, kMaxUserId) != value)
        return bad_part(what, value, "holds control characters, is not UTF-8 or is too long");
    if (value.find_first_of("()<>") != std::string::npos) return bad_part(what, value, "must not hold ( ) < or >");
    if (trim(value) != value) return bad_part(what, value, "begins or ends with a blank");
    return {};
}

Status check_email(const std::string& email) {
    BERTH_CHECK(check_part("email", email));
    const bool one_at = std::ranges::count(email, '@') == 1 && !email.starts_with('@') && !email.ends_with('@');
    if (!email.empty() && (!one_at || email.find_first_of(" ,;") != std::string::npos))
        return bad_part("email", email, "is no address: NAME@HOST");
    return {};
}

Result<std::string> user_id(const NewKey& key) {
    BERTH_CHECK(check_part("name", key.name));
    BERTH_CHECK(check_part("comment", key.comment));
    BERTH_CHECK(check_email(key.email));
    if (key.name.empty()) return Error{Category::usage, 0, "a key needs a name: --name NAME"};
    std::string id = key.name;
    if (!key.comment.empty()) id += " (" + key.comment + ")";
    if (!key.email.empty()) id += " <" + key.email + ">";
    if (id.size() > kMaxUserId) return bad_part("user id", id, "is longer than 512 bytes");
    return id;
}

}  // namespace

Result<KeyInfo> Keyring::generate(const NewKey& key) {
    BERTH_TRY(const std::string id, user_id(key));
    if (key.passphrase.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
        return Error{Category::usage, 0, "a passphrase is one line"};
    PassphraseSource given = [&key](const PassphraseRequest&) { return std::optional(key.passphrase); };
    BERTH_TRY(const auto context, GpgmeContext::on_home(folder_, std::move(given)));
    BERTH_TRY(UniqueFd held, lock(KeyUse::change));
    const unsigned flags = GPGME_CREATE_SIGN | GPGME_CREATE_CERT | GPGME_CREATE_NOEXPIRE | GPGME_CREATE_FORCE |
                           (key.passphrase.empty() ? GPGME_CREATE_NOPASSWD : 0U);
    const char* algorithm = key.algorithm == KeyAlgorithm::rsa4096 ? "rsa4096" : "ed25519";
    if (const auto error = gpgme_op_createkey(context.get(), id.c_str(), algorithm, 0, 0, nullptr, flags))
        return gpgme_failure(folder_, error);
    const auto* result = gpgme_op_genkey_result(context.get());
    if (result == nullptr || result->fpr == nullptr) return Error{Category::system, 0, folder_ + ": gpg made no key"};
    held.reset();
    return find(result->fpr, KeyPart::secret_key);
}

}  // namespace berth::sif
