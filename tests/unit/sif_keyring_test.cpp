// The keyring: keys made, listed, imported, exported and removed, with GnuPG's files underneath.
#include "sif/keyring.hpp"

#include <catch2/catch.hpp>

#include "sif/gpgme_context.hpp"
#include "sif_keyring_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

std::optional<std::string> secret_word(const PassphraseRequest&) {
    return "a secret word";
}
std::optional<std::string> no_word(const PassphraseRequest&) {
    return std::nullopt;
}

/// A wrong answer once, then none.
std::optional<std::string> wrong_word(const PassphraseRequest& request) {
    return request.wrong_before ? std::nullopt : std::optional<std::string>("not the word");
}

KeyInfo made_in(const std::string& folder, const NewKey& key) {
    auto keyring = Keyring::in_folder(folder);
    REQUIRE(keyring.ok());
    const auto made = keyring->generate(key);
    INFO((made.ok() ? std::string() : made.error().message));
    REQUIRE(made.ok());
    return *made;
}

std::string exported(const std::string& folder, const std::string& id, KeyPart part, bool armored,
                     PassphraseSource source = {}) {
    const auto keyring = Keyring::in_folder(folder, std::move(source));
    REQUIRE(keyring.ok());
    const auto bytes = keyring->export_key(id, part, armored);
    INFO((bytes.ok() ? std::string() : bytes.error().message));
    REQUIRE(bytes.ok());
    return *bytes;
}

}  // namespace

TEST_CASE("keyring: a new key is there, with both halves, and no agent is left") {
    const KeysFolder folder;
    {
        auto keyring = Keyring::in_folder(folder.path());
        REQUIRE(keyring.ok());
        CHECK(count_of(keyring->list(KeyPart::public_key)) == 0);
        NewKey wanted = new_key("Jo Example");
        wanted.comment = "a test";
        const auto key = keyring->generate(wanted);
        INFO((key.ok() ? std::string() : key.error().message));
        REQUIRE(key.ok());
        CHECK(key->fingerprint.size() == 40);
        CHECK(key->user_ids == std::vector<std::string>{"Jo Example (a test) <someone@example.org>"});
        CHECK(key->algorithm == "ed25519");
        CHECK(key->bits == 255);
        CHECK(key->can_sign);
        CHECK(key->secret);
        CHECK(key->expires == 0);
        CHECK_FALSE((key->revoked || key->expired || key->disabled));
        CHECK(keyring->generate(wanted).ok());  // the same name again is another key
        CHECK(count_of(keyring->list(KeyPart::public_key)) == 2);
        CHECK(count_of(keyring->list(KeyPart::secret_key)) == 2);
    }
    CHECK(processes_with(folder.path()) == 0);
}

TEST_CASE("keyring: agents are ended by the last user of a folder") {
    const KeysFolder folder;
    made_in(folder.path(), new_key("Jo"));
    {
        auto outer = Keyring::in_folder(folder.path());
        REQUIRE(outer.ok());
        CHECK(count_of(outer->list(KeyPart::secret_key)) == 1);
        CHECK(processes_with(folder.path()) == 1);
        CHECK(count_of(Keyring::in_folder(folder.path())->list(KeyPart::secret_key)) == 1);
        CHECK(processes_with(folder.path()) == 1);
    }
    CHECK(processes_with(folder.path()) == 0);
}

TEST_CASE("keyring: what cannot be part of a user id is refused") {
    const KeysFolder folder;
    auto keyring = Keyring::in_folder(folder.path());
    REQUIRE(keyring.ok());
    const auto refused = [&](const std::string& name, const std::string& comment, const std::string& email) {
        NewKey key = new_key(name);
        key.comment = comment;
        key.email = email;
        const auto made = keyring->generate(key);
        REQUIRE_FALSE(made.ok());
        CHECK(made.error().category == Category::usage);
        return made.error().message;
    };
    CHECK_THAT(refused("", "", ""), Catch::Contains("--name"));
    CHECK_THAT(refused("Jo\nKey-Type: RSA", "", ""), Catch::Contains("control"));
    CHECK_THAT(refused("Jo <root@example.org>", "", ""), Catch::Contains("< or >"));
    CHECK_THAT(refused("Jo", "x) <root@example.org>", ""), Catch::Contains("comment"));
    CHECK_THAT(refused("Jo", "", "nobody"), Catch::Contains("NAME@HOST"));
    CHECK_THAT(refused("Jo", "", "a@b@c"), Catch::Contains("NAME@HOST"));
    CHECK_THAT(refused("Jo", "", "a b@c"), Catch::Contains("NAME@HOST"));
    CHECK_THAT(refused(" Jo", "", ""), Catch::Contains("blank"));
    CHECK_THAT(refused("Jo\xff", "", ""), Catch::Contains("UTF-8"));
    CHECK_THAT(refused(std::string(600, 'x'), "", ""), Catch::Contains("too long"));
    CHECK(count_of(keyring->list(KeyPart::public_key)) == 0);
    NewKey key = new_key("-Józef O'Nuts; $(x)");
    CHECK_FALSE(keyring->generate(key).ok());  // parentheses
    key.name = "--Józef 1 O'Nuts; $x%s";
    CHECK(keyring->generate(key).ok());
    key.passphrase = "two\nlines";
    CHECK_FALSE(keyring->generate(key).ok());
}

TEST_CASE("keyring: secret keys need their passphrase to leave") {
    const KeysFolder folder;
    const KeyInfo key = made_in(folder.path(), new_key("Jo", "a secret word"));
    const std::string armored = exported(folder.path(), key.fingerprint, KeyPart::secret_key, true, secret_word);
    CHECK(armored.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
    for (const auto& source : {PassphraseSource(no_word), PassphraseSource(wrong_word), PassphraseSource()}) {
        const auto keyring = Keyring::in_folder(folder.path(), source);
        REQUIRE(keyring.ok());
        const auto bytes = keyring->export_key(key.fingerprint, KeyPart::secret_key, true);
        REQUIRE_FALSE(bytes.ok());
        CHECK(bytes.error().category == Category::usage);
        CHECK_THAT(bytes.error().message, Catch::Contains("passphrase"));
    }
    CHECK(processes_with(folder.path()) == 0);
}

TEST_CASE("keyring: keys travel armoured and binary, public and secret") {
    const KeysFolder from;
    const KeyInfo key = made_in(from.path(), new_key("Jo"));
    for (const bool armored : {true, false}) {
        for (const auto part : {KeyPart::public_key, KeyPart::secret_key}) {
            const std::string bytes = exported(from.path(), key.fingerprint, part, armored);
            CHECK(bytes.starts_with("-----BEGIN") == armored);
            const KeysFolder to;
            auto keyring = Keyring::in_folder(to.path());
            REQUIRE(keyring.ok());
            const auto count = keyring->import_keys(bytes);
            INFO((count.ok() ? std::string() : count.error().message));
            REQUIRE(count.ok());
            CHECK(count->imported == 1);
            CHECK(count->secret == (part == KeyPart::secret_key ? 1 : 0));
            CHECK(count_of(keyring->list(KeyPart::public_key)) == 1);
            CHECK(count_of(keyring->list(KeyPart::secret_key)) == (part == KeyPart::secret_key ? 1U : 0U));
            const auto again = keyring->import_keys(bytes);
            REQUIRE(again.ok());
            CHECK(again->unchanged == 1);
        }
    }
}

TEST_CASE("keyring: a protected secret key is imported without being asked for its passphrase, and keeps it") {
    const KeysFolder from;
    const KeysFolder to;
    const KeyInfo key = made_in(from.path(), new_key("Jo", "a secret word"));
    const auto bytes = exported(from.path(), key.fingerprint, KeyPart::secret_key, false, secret_word);
    {
        auto keyring = Keyring::in_folder(to.path(), no_word);
        REQUIRE(keyring.ok());
        const auto count = keyring->import_keys(bytes);
        INFO((count.ok() ? std::string() : count.error().message));
        REQUIRE(count.ok());
        CHECK(count->secret == 1);
        CHECK_FALSE(keyring->export_key(key.fingerprint, KeyPart::secret_key, false).ok());
    }
    CHECK_FALSE(exported(to.path(), key.fingerprint, KeyPart::secret_key, false, secret_word).empty());
}

TEST_CASE("keyring: what holds no key is refused") {
    const KeysFolder folder;
    auto keyring = Keyring::in_folder(folder.path());
    REQUIRE(keyring.ok());
    const std::string cut =
        exported(folder.path(), made_in(folder.path(), new_key("Jo")).fingerprint, KeyPart::public_key, false)
            .substr(0, 20);
    for (const std::string& bytes :
         {std::string(), std::string("no key"), std::string(100'000, '\0'), std::string(5000, '\xff'), cut,
          std::string("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n")}) {
        const auto count = keyring->import_keys(bytes);
        REQUIRE_FALSE(count.ok());
        CHECK_FALSE(keys_in(bytes).ok());
        CHECK(GpgmeContext::on_keyrings({bytes}).ok() == bytes.empty());
    }
    const auto large = keyring->import_keys(std::string(kMaxKeyringSize + 1, 'x'));
    REQUIRE_FALSE(large.ok());
    CHECK(large.error().number == EFBIG);
    CHECK(count_of(keyring->list(KeyPart::public_key)) == 1);
}

TEST_CASE("keyring: keys are named by fingerprint or long id") {
    CHECK(*key_id_digits("0x12045c8c0b1004d058de4beda20c27ee7ff7ba84") == "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84");
    CHECK(*key_id_digits("1204 5C8C 0B10 04D0 58DE  4BED A20C 27EE 7FF7 BA84") ==
          "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84");
    CHECK(*key_id_digits("a20c27ee7ff7ba84") == "A20C27EE7FF7BA84");
    for (const char* bad :
         {"", "0x", "7FF7BA84", "0x7FF7BA84", "Jo", "A20C27EE7FF7BA8", "A20C27EE7FF7BA844", "A20C27EE7FF7BA8G",
          "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84x", "--yes", "A20C27EE7FF7BA84\n"}) {
        INFO(bad);
        CHECK_FALSE(key_id_digits(bad).ok());
    }
    const KeysFolder folder;
    const KeyInfo key = made_in(folder.path(), new_key("Jo"));
    const auto keyring = Keyring::in_folder(folder.path());
    REQUIRE(keyring.ok());
    CHECK(keyring->find(key.fingerprint, KeyPart::public_key)->fingerprint == key.fingerprint);
    CHECK(keyring->find("0x" + key.fingerprint.substr(24), KeyPart::secret_key)->fingerprint == key.fingerprint);
    const auto missing = keyring->find("A20C27EE7FF7BA84", KeyPart::public_key);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().number == ENOENT);
}

TEST_CASE("keyring: removing") {
    const KeysFolder folder;
    const KeyInfo key = made_in(folder.path(), new_key("Jo", "a secret word"));
    auto keyring = Keyring::in_folder(folder.path());
    REQUIRE(keyring.ok());
    const auto refused = keyring->remove(key.fingerprint, KeyPart::public_key);
    REQUIRE_FALSE(refused.ok());
    CHECK_THAT(refused.error().message, Catch::Contains("--secret"));
    REQUIRE(keyring->remove(key.fingerprint, KeyPart::secret_key).ok());
    CHECK(count_of(keyring->list(KeyPart::public_key)) == 0);
    CHECK(count_of(keyring->list(KeyPart::secret_key)) == 0);
    CHECK_FALSE(keyring->remove(key.fingerprint, KeyPart::public_key).ok());
}

TEST_CASE("keyring: copies of a key are merged, whichever comes first") {
    const KeysFolder folder;
    const KeyInfo key = made_in(folder.path(), new_key("Jo"));
    const std::string good = exported(folder.path(), key.fingerprint, KeyPart::public_key, false);
    const std::string good_armored = exported(folder.path(), key.fingerprint, KeyPart::public_key, true);
    const auto good_packets = public_keyring(folder.path());
    REQUIRE(good_packets.ok());
    const auto keybox = read_file(folder.path() + "/pubring.kbx", kMaxKeyringSize);
    REQUIRE(keybox.ok());
    {
        auto keyring = Keyring::in_folder(folder.path());
        REQUIRE(keyring.ok());
        REQUIRE(keyring->import_keys(revocation_of(folder.path(), key.fingerprint)).ok());
        CHECK(keyring->find(key.fingerprint, KeyPart::public_key)->revoked);
    }
    const std::string revoked = exported(folder.path(), key.fingerprint, KeyPart::public_key, false);
    for (const std::vector<std::string>& keyrings :
         {std::vector{good, revoked}, std::vector{revoked, good}, std::vector{revoked, good_armored},
          std::vector{*good_packets, revoked}, std::vector{revoked, *good_packets}, std::vector{revoked}}) {
        const auto merged = Keyring::of(keyrings);
        REQUIRE(merged.ok());
        CHECK(count_of(merged->list(KeyPart::public_key)) == 1);
        CHECK(merged->find(key.fingerprint, KeyPart::public_key)->revoked);
    }
    for (const auto& keyring : {good, good_armored, *good_packets})
        CHECK_FALSE(Keyring::of({keyring})->find(key.fingerprint, KeyPart::public_key)->revoked);
    CHECK(*keyring_packets(good) == good);
    CHECK(*keyring_packets(*keybox) == *good_packets);
    CHECK(count_of(keys_in(*good_packets)) == 1);
    const auto refused = Keyring::of({good, *keybox});
    REQUIRE_FALSE(refused.ok());
    CHECK_THAT(refused.error().message, Catch::Contains("keybox"));
    CHECK(count_of(keys_in(good)) == 1);
    CHECK(count_of(Keyring::of({})->list(KeyPart::public_key)) == 0);
}

TEST_CASE("keyring: a folder without keys, and one that nobody can write to") {
    const KeysFolder folder;
    CHECK(count_of(Keyring::in_folder(folder.path())->list(KeyPart::public_key)) == 0);
    CHECK(public_keyring(folder.path())->empty());
    CHECK(public_keyring("/sys").ok());  // nobody can make a file there, so that no lock is held
}

TEST_CASE("keyring: keyrings in memory start no agent, and leave nothing behind") {
    const KeysFolder from;
    const KeysFolder runtime;
    const KeyInfo key = made_in(from.path(), new_key("Jo"));
    const std::string secret = exported(from.path(), key.fingerprint, KeyPart::secret_key, false);
    const char* before = std::getenv("XDG_RUNTIME_DIR");
    const std::string kept = before == nullptr ? "" : before;
    ::setenv("XDG_RUNTIME_DIR", runtime.path().c_str(), 1);
    {
        const auto refused = Keyring::of({secret});
        REQUIRE_FALSE(refused.ok());
        CHECK_THAT(refused.error().message, Catch::Contains("secret"));
        auto keyring = Keyring::of({});
        REQUIRE(keyring.ok());
        CHECK_FALSE(std::filesystem::is_empty(runtime.path()));
        const auto count = keyring->import_keys(secret);
        REQUIRE_FALSE(count.ok());
        CHECK_THAT(count.error().message, Catch::Contains("secret"));
        CHECK(processes_with(runtime.path()) == 0);
    }
    CHECK(std::filesystem::is_empty(runtime.path()));
    if (before == nullptr)
        ::unsetenv("XDG_RUNTIME_DIR");
    else
        ::setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
}
