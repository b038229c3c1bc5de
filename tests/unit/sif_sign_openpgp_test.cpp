// Clear-signed text through GnuPG: every way in which a signature can be no good has its own name.
#include "sif/openpgp.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "sif/keyring.hpp"
#include "sif_sign_keys.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

OpenPgpVerifier verifier_with(const std::vector<std::string>& keyrings) {
    auto verifier = OpenPgpVerifier::open(keyrings);
    INFO((verifier ? "" : verifier.error().message));
    REQUIRE(verifier.ok());
    return std::move(*verifier);
}

OpenPgpVerifier all_keys() {
    return verifier_with({kPgp_good, kPgp_expired, kPgp_revoked, kPgp_subkey, kPgp_rsa});
}

OpenPgpCheck check(OpenPgpVerifier& verifier, const std::string& message) {
    auto checked = verifier.check(message, "x.sif");
    INFO((checked ? "" : checked.error().message));
    REQUIRE(checked.ok());
    CHECK((checked->failure == Failure::none) == checked->message.empty());
    if (checked->failure != Failure::none) CHECK(checked->text.empty());
    return *std::move(checked);
}

}  // namespace

TEST_CASE("a good signature: the text, and the primary key that made it") {
    auto verifier = all_keys();
    const auto good = check(verifier, kMessage_good);
    CHECK(good.failure == Failure::none);
    CHECK(good.text == "berth test");
    CHECK(good.signer.key == kGoodFingerprint);
    CHECK(good.signer.name == "Test good <good@berth.test>");
    const auto subkey = check(verifier, kMessage_subkey);
    CHECK(subkey.failure == Failure::none);
    CHECK(subkey.signer.key == kSubkeyPrimary);
    CHECK(check(verifier, kMessage_sha256).hash == HashKind::sha256);
    CHECK(check(verifier, kMessage_sha384).hash == HashKind::sha384);
    CHECK(check(verifier, kMessage_sha512).hash == HashKind::sha512);
}

TEST_CASE("expired, revoked and unknown keys, and expired signatures") {
    auto verifier = all_keys();
    CHECK(check(verifier, kMessage_expired).failure == Failure::expired_key);
    CHECK(check(verifier, kMessage_revoked).failure == Failure::revoked_key);
    CHECK(check(verifier, kMessage_expired_signature).failure == Failure::expired_signature);
    const auto unknown = check(verifier, kMessage_unknown);
    CHECK(unknown.failure == Failure::unknown_key);
    CHECK(unknown.signer.key.size() == 40);  // whom to ask for
    auto other = verifier_with({kPgp_rsa});
    CHECK(check(other, kMessage_good).failure == Failure::unknown_key);
}

TEST_CASE("weak hashes are refused, whether GnuPG takes them or not") {
    auto verifier = all_keys();
    for (const char* message : {kMessage_sha1, kMessage_md5, kMessage_ripemd160, kMessage_sha224}) {
        const auto weak = check(verifier, message);
        CHECK(weak.failure == Failure::weak_hash);
        CHECK(weak.message.find("weak hash") != std::string::npos);
    }
}

TEST_CASE("short keys are refused, though GnuPG takes them") {
    auto verifier = verifier_with({kPgp_short, kPgp_good});
    const auto weak = check(verifier, kMessage_short);
    CHECK(weak.failure == Failure::weak_key);
    CHECK(name_of(weak.failure) == "weak_key");
    CHECK(weak.message.find("2048 bits") != std::string::npos);
    CHECK(check(verifier, kMessage_good).failure == Failure::none);
}

TEST_CASE("a changed text or signature is not good") {
    auto verifier = all_keys();
    std::string text = kMessage_good;
    text.replace(text.find("berth test"), 5, "Berth");
    CHECK(check(verifier, text).failure == Failure::bad_signature);
    std::string moved = kMessage_good;  // another key's signature under this text
    const std::string other = kMessage_subkey;
    const std::string begin = "-----BEGIN PGP SIGNATURE-----";
    moved = moved.substr(0, moved.find("berth test")) + "other text\n" + other.substr(other.find(begin));
    CHECK(check(verifier, moved).failure == Failure::bad_signature);
    std::string armor = kMessage_good;
    const std::size_t body = armor.find("\n\n", armor.find(begin)) + 2;
    for (std::size_t i = body; armor[i] != '-'; i += 9) {
        std::string changed = armor;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        CHECK(check(verifier, changed).failure != Failure::none);
    }
    CHECK(check(verifier, std::string(kMessage_good) + kMessage_good).failure == Failure::malformed);
    CHECK(check(verifier, kPgp_good).failure == Failure::malformed);
    CHECK(check(verifier, "").failure == Failure::malformed);
}

TEST_CASE("signing: with a key in a folder, read back by the verifier") {
    std::string folder = std::filesystem::temp_directory_path() / "berth-sign-XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    {
        auto keyring = Keyring::in_folder(folder);
        REQUIRE(keyring.ok());
        REQUIRE(keyring->import_keys(kPgpSecret_good).ok());
    }
    {
        const auto signer = openpgp_signer(folder, kGoodFingerprint);
        INFO((signer ? "" : signer.error().message));
        REQUIRE(signer.ok());
        auto verifier = all_keys();
        for (const std::string& text : {std::string("{}"), std::string("two\nlines"), std::string("-dash\n- both")}) {
            const auto content = (*signer)(text);
            INFO((content ? "" : content.error().message));
            REQUIRE(content.ok());
            const auto checked = check(verifier, content->bytes);
            CHECK(checked.failure == Failure::none);
            CHECK(checked.text == text);
            CHECK(checked.hash == content->hash);
            CHECK(content->fingerprint[0] == std::stoi(std::string(kGoodFingerprint).substr(0, 2), nullptr, 16));
        }
        CHECK_FALSE((*signer)("a blank at the end ").ok());
    }
    CHECK_FALSE(openpgp_signer(folder, "0123456789012345678901234567890123456789").ok());
    CHECK_FALSE(openpgp_signer(folder, "BA4D734").ok());
    std::filesystem::remove_all(folder);
}
