// What keyservers say, and which of them is asked. The exchange itself: tests/userns/key.sh.
#include "tools/keyserver.hpp"

#include <catch2/catch.hpp>

#include "sif/keyring.hpp"
#include "sif_keyring_fixture.hpp"
#include "sif_sign_keys.hpp"
#include "tools/keyserver_list.hpp"

using namespace berth;
using namespace berth::tools;
using namespace berth::sif::test;

namespace {

/// Blobs of a keybox: their length comes first, then their type.
std::vector<std::string> blobs_of(std::string_view keybox) {
    std::vector<std::string> blobs;
    while (keybox.size() > 4) {
        std::size_t size = 0;
        for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(keybox[static_cast<std::size_t>(i)]);
        REQUIRE((size > 4 && size <= keybox.size()));
        blobs.emplace_back(keybox.substr(0, size));
        keybox.remove_prefix(size);
    }
    return blobs;
}

}  // namespace

TEST_CASE("keyserver: only the key that was asked for is taken") {
    const Remote server{"https://keys.example.org", {}, {}, {}};
    const auto good = key_of_answer(server, kPgp_good, kGoodFingerprint, NamedKey::primary);
    REQUIRE(good.ok());
    CHECK(good->fingerprint == kGoodFingerprint);
    CHECK(sif::keys_in(good->bytes)->size() == 1);
    for (const std::string& body : {std::string(), std::string("no key"), std::string(kPgp_rsa),
                                    std::string(kPgp_good) + kPgp_rsa, std::string(kPgpSecret_good)})
        CHECK(key_of_answer(server, body, kGoodFingerprint, NamedKey::primary_or_subkey).error().category ==
              Category::denied);
}

TEST_CASE("keyserver: a subkey names its key only where that is wanted") {
    const Remote server{"https://keys.example.org", {}, {}, {}};
    const auto subkeys = sif::keys_in(kPgp_subkey)->front().subkeys;
    REQUIRE(subkeys.size() == 1);
    CHECK(key_of_answer(server, kPgp_subkey, subkeys[0], NamedKey::primary_or_subkey)->fingerprint == kSubkeyPrimary);
    CHECK_FALSE(key_of_answer(server, kPgp_subkey, subkeys[0], NamedKey::primary).ok());
}

TEST_CASE("keyserver: a keybox is no answer") {
    const Remote server{"https://keys.example.org", {}, {}, {}};
    const KeysFolder folder;
    REQUIRE(sif::Keyring::in_folder(folder.path())->import_keys(kPgp_good).ok());
    REQUIRE(sif::Keyring::in_folder(folder.path())->import_keys(kPgp_rsa).ok());
    const auto keybox = read_file(folder.path() + "/pubring.kbx", sif::kMaxKeyringSize);
    REQUIRE(keybox.ok());
    auto blobs = blobs_of(*keybox);
    REQUIRE(blobs.size() == 3);
    // The second key under the first one's fingerprint, behind one whose packets are broken: a list would end there.
    std::string planted = blobs[2];
    planted.replace(20, 20, blobs[1], 20, 20);
    std::string broken = blobs[1];
    broken[static_cast<std::size_t>(static_cast<unsigned char>(broken[10])) << 8 |
           static_cast<unsigned char>(broken[11])] = '\0';
    for (const std::string& body : {blobs[0] + blobs[1], blobs[0] + blobs[1] + broken + planted}) {
        const auto refused = key_of_answer(server, body, kGoodFingerprint, NamedKey::primary);
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().category == Category::denied);
    }
}

TEST_CASE("keyserver: an index in the machine-readable form") {
    const auto found = parse_index(
        "info:1:2\r\n"
        "pub:12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84:1:2048:1587000000:1600000000:re\r\n"
        "uid:Unit%20Test%20%3Cunit%40test.com%3E:1587000000::\r\n"
        "uid:second:::\n"
        "pub:A20C27EE7FF7BA84:22:256:::\n"
        "pub:0123456789abcdef:99:7\n");
    REQUIRE(found.size() == 3);
    CHECK(found[0].id == "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84");
    CHECK(found[0].algorithm == "rsa2048");
    CHECK(found[0].created == "1587000000");
    CHECK(found[0].flags == "re");
    CHECK(found[0].user_ids == std::vector<std::string>{"Unit Test <unit@test.com>", "second"});
    CHECK(found[1].algorithm == "eddsa256");
    CHECK(found[1].user_ids.empty());
    CHECK(found[2].algorithm == "99");
    CHECK(found[2].flags.empty());
}

TEST_CASE("keyserver: what is no index is left out") {
    CHECK(parse_index("").empty());
    CHECK(parse_index("\n\n:::\nuid:orphan\npub\npub:\npub:xyz:1\npub:1234567:1\n<html>pub:</html>").empty());
    CHECK(parse_index(std::string(100'000, '\n')).empty());
    CHECK(parse_index(std::string("pub:0123456789ABCDE\0:1", 22)).empty());
    CHECK(parse_index("pub:" + std::string(65, 'A')).empty());
    const auto found = parse_index("pub:0123456789ABCDEF\nuid:%\nuid:%4\nuid:%zz%41\nuid:%00x\nuid:%-1\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].user_ids == std::vector<std::string>{"%", "%4", "%zzA", std::string("\0x", 2), "%-1"});
}

TEST_CASE("keyserver: an index is bounded") {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "pub:0123456789ABCDEF\nuid:a\nuid:b\n";
    CHECK(parse_index(text).size() == kMaxFound);
    text = "pub:0123456789ABCDEF\n";
    for (int i = 0; i < 5000; ++i) text += "uid:a\n";
    CHECK(parse_index(text)[0].user_ids.size() == 16);
}

TEST_CASE("keyserver: only https servers are asked") {
    CHECK(*checked_url("https://keys.example.org") == "https://keys.example.org");
    CHECK(*checked_url("hkps://keys.example.org:8443/") == "https://keys.example.org:8443");
    CHECK(*checked_url("https://keys.example.org/a/b//") == "https://keys.example.org/a/b");
    for (const char* bad :
         {"", "https://", "http://keys.example.org", "hkp://keys.example.org", "keys.example.org", "file:///etc/passwd",
          "ftp://x", "HTTPS", "https://jo@keys.example.org", "https://jo:word@keys.example.org",
          "https://keys.example.org?x", "https://keys.example.org/#x", "https://keys.example.org/a b",
          "https://keys.example.org/\n", "https://keys.example.org:70000"}) {
        INFO(bad);
        const auto url = checked_url(bad);
        REQUIRE_FALSE(url.ok());
        CHECK(url.error().category == Category::usage);
    }
}

TEST_CASE("keyserver: the origin that a token belongs to") {
    CHECK(same_origin("https://a.example/x", "https://a.example:443/y?z"));
    CHECK(same_origin("https://a.example:8443", "https://a.example:8443/pks"));
    for (const char* other : {"https://b.example", "https://a.example:444", "http://a.example", "http://a.example:443",
                              "https://a.example.b", "https://a.example@b.example", "https://sub.a.example", "",
                              "a.example", "https://a.example\\@b.example"}) {
        INFO(other);
        CHECK_FALSE(same_origin("https://a.example", other));
    }
}

TEST_CASE("keyserver: the list of servers") {
    const auto servers = parse_keyservers(
        "# ours\n\nhttps://keys.example.org  token=a:b=c "
        "ca=/etc/ca.pem\r\n\thkps://other.example\t\n#https://not.example",
        "file");
    INFO((servers.ok() ? std::string() : servers.error().message));
    REQUIRE(servers.ok());
    REQUIRE(servers->size() == 2);
    CHECK(servers->front().url == "https://keys.example.org");
    CHECK(servers->front().token == "a:b=c");
    CHECK(servers->front().ca_file == "/etc/ca.pem");
    CHECK(servers->back().url == "https://other.example");
    CHECK(servers->back().token.empty());
    CHECK(parse_keyservers("", "file")->empty());
}

TEST_CASE("keyserver: a bad line of the list is named, and no token with it") {
    for (const char* bad : {"http://keys.example.org token=secret", "token=secret https://keys.example.org",
                            "https://keys.example.org tok=secret", "https://keys.example.org token=secret\x1b",
                            "https://keys.example.org ca=secret", "https://keys.example.org secret=1 x",
                            "https://keys.example.org token=secret token:secret"}) {
        INFO(bad);
        const auto servers = parse_keyservers(std::string("\n") + bad + "\n", "file");
        REQUIRE_FALSE(servers.ok());
        CHECK_THAT(servers.error().message, Catch::StartsWith("file:2: "));
    }
    const auto servers = parse_keyservers("https://keys.example.org token=hidden\x01word", "file");
    REQUIRE_FALSE(servers.ok());
    CHECK_THAT(servers.error().message, !Catch::Contains("hidden"));
}

TEST_CASE("keyserver: text in a URL") {
    CHECK(url_encoded("Az09-._~") == "Az09-._~");
    CHECK(url_encoded("a b&c=d%?#/\n\xff") == "a%20b%26c%3Dd%25%3F%23%2F%0A%FF");
    CHECK(url_encoded("").empty());
}
