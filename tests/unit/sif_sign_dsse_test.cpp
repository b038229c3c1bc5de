// DSSE envelopes, and the keys and certificates behind them.
#include "sif/dsse.hpp"

#include <catch2/catch.hpp>

#include "sif/dsse_key.hpp"
#include "sif/metadata.hpp"
#include "sif_sign_keys.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

const std::string kType(kMetadataType);

std::string envelope_text(const std::string& payload, const std::string& signatures, const std::string& type = kType) {
    return R"({"payloadType":")" + type + R"(","payload":")" + payload + R"(","signatures":[)" + signatures + "]}";
}

bool good(const std::string& text) {
    return parse_envelope(text, "x").ok();
}

VerificationKey public_key(const char* pem) {
    auto key = VerificationKey::from_pem(pem, "key.pem");
    INFO((key ? "" : key.error().message));
    REQUIRE(key.ok());
    return *std::move(key);
}

Envelope signed_envelope(const char* pem, HashKind hash = HashKind::sha256) {
    const auto signer = dsse_signer(pem, "key.pem", {}, hash);
    INFO((signer ? "" : signer.error().message));
    REQUIRE(signer.ok());
    const auto content = (*signer)("payload");
    REQUIRE(content.ok());
    auto envelope = parse_envelope(content->bytes, "x");
    REQUIRE(envelope.ok());
    REQUIRE(envelope->signatures.size() == 1);
    return *std::move(envelope);
}

CertificateRequest chain(const char* leaf) {
    CertificateRequest request;
    request.certificate = leaf;
    request.intermediates = kCertificate_middle;
    request.roots = kCertificate_root;
    request.name = "leaf.pem";
    return request;
}

std::string refusal(const CertificateRequest& request) {
    const auto key = key_of_certificate(request);
    REQUIRE_FALSE(key.ok());
    return key.error().message;
}

}  // namespace

TEST_CASE("base64 has one spelling") {
    for (const std::string& bytes :
         {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\x10", 3)})
        CHECK(decode_base64(encode_base64(bytes)) == bytes);
    CHECK(encode_base64("ab") == "YWI=");
    for (const char* bad :
         {"Y", "YQ", "YQ=", "YR==", "YWJ=", "=", "====", "YQ==YQ==", "Y Q=", "YQ==\n", "YQ-_", "Y=Q="})
        CHECK_FALSE(decode_base64(bad).has_value());
}

TEST_CASE("envelopes are read strictly") {
    const std::string signature = R"({"keyid":"k","sig":"YQ=="})";
    REQUIRE(good(envelope_text("YQ==", signature)));
    REQUIRE(good(envelope_text("YQ==", R"({"sig":"YQ=="})")));
    REQUIRE(good(envelope_text("YQ==", R"({"sig":"YQ==","cert":"-----BEGIN"})")));
    for (const std::string& bad :
         {envelope_text("YQ==", ""), envelope_text("YQ", signature), envelope_text("YQ==", "1"),
          envelope_text("YQ==", "{}"), envelope_text("YQ==", signature, "text/plain"),
          envelope_text("YQ==", R"({"sig":1})"), envelope_text("YQ==", R"({"sig":"YQ==","keyid":1})"),
          envelope_text("YQ==", R"({"sig":"YQ==","more":1})"),
          envelope_text("YQ==", signature).insert(1, R"("more":1,)"),
          envelope_text("YQ==", signature).insert(1, R"("payload":"",)"), envelope_text("YQ==", signature) + "x",
          std::string("{}"), std::string("[]"), std::string("{"), std::string(),
          std::string(kMaxSignatureSize + 1, ' ')})
        CHECK_FALSE(good(bad));
    std::string many = signature;
    for (std::size_t i = 1; i < kMaxEnvelopeSignatures; ++i) many += "," + signature;
    CHECK(good(envelope_text("YQ==", many)));
    CHECK_FALSE(good(envelope_text("YQ==", many + "," + signature)));
    CHECK_FALSE(good(envelope_text("YQ==", std::string(200'000, '['))));
}

TEST_CASE("what is signed is the type and the payload, with their lengths") {
    CHECK(signed_bytes("abc") == "DSSEv1 40 application/vnd.sylabs.sif-metadata+json 3 abc");
}

TEST_CASE("every kind of key signs, and verifies nothing else") {
    const std::pair<const char*, const char*> keys[] = {{kPrivate_ed25519, kPublic_ed25519},
                                                        {kPrivate_P256, kPublic_P256},
                                                        {kPrivate_P384, kPublic_P384},
                                                        {kPrivate_P521, kPublic_P521},
                                                        {kPrivate_rsa2048, kPublic_rsa2048}};
    for (const auto& [secret, open] : keys)
        for (const HashKind hash : {HashKind::sha256, HashKind::sha384, HashKind::sha512}) {
            const Envelope envelope = signed_envelope(secret, hash);
            const VerificationKey key = public_key(open);
            const EnvelopeSignature& signature = envelope.signatures.front();
            CHECK(signature.key_id == key.id());
            CHECK(key.verifies(signed_bytes("payload"), signature.bytes, hash));
            CHECK_FALSE(key.verifies(signed_bytes("payloae"), signature.bytes, hash));
            CHECK_FALSE(key.verifies("payload", signature.bytes, hash));
            CHECK_FALSE(key.verifies(signed_bytes("payload"), signature.bytes + "x", hash));
            CHECK_FALSE(key.verifies(signed_bytes("payload"), "", hash));
            CHECK_FALSE(key.verifies(signed_bytes("payload"), signature.bytes, HashKind::blake2s_256));
            CHECK_FALSE(public_key(kPublic_other).verifies(signed_bytes("payload"), signature.bytes, hash));
        }
}

TEST_CASE("keys of other kinds and sizes are refused, each with its reason") {
    for (const char* pem : {kPublic_rsa1024, kPublic_secp256k1}) {
        const auto key = VerificationKey::from_pem(pem, "key.pem");
        REQUIRE_FALSE(key.ok());
        CHECK(key.error().category == Category::unsupported);
    }
    for (const char* pem : {"", "x", kPrivate_ed25519, kCertificate_leaf, kPgp_good})
        CHECK_FALSE(VerificationKey::from_pem(pem, "key.pem").ok());
    for (const char* pem : {"", "x", kPublic_ed25519, kPrivate_rsa1024, kPrivate_secp256k1})
        CHECK_FALSE(dsse_signer(pem, "key.pem").ok());
    CHECK_FALSE(dsse_signer(kPrivate_ed25519, "key.pem", {}, HashKind::blake2b_256).ok());
}

TEST_CASE("an encrypted key asks for its passphrase") {
    CHECK(dsse_signer(kPrivate_encrypted, "key.pem", [](const PassphraseRequest&) {
              return std::optional<std::string>("secret");
          }).ok());
    CHECK_FALSE(dsse_signer(kPrivate_encrypted, "key.pem", [](const PassphraseRequest&) {
                    return std::optional<std::string>("wrong");
                }).ok());
    CHECK_FALSE(dsse_signer(kPrivate_encrypted, "key.pem", [](const PassphraseRequest&) {
                    return std::optional<std::string>(std::string(5000, 'x'));
                }).ok());
    CHECK_FALSE(dsse_signer(kPrivate_encrypted, "key.pem", [](const PassphraseRequest&) {
                    return std::optional<std::string>();
                }).ok());
    CHECK_FALSE(dsse_signer(kPrivate_encrypted, "key.pem").ok());
}

TEST_CASE("a certificate is as good as its chain") {
    const auto key = key_of_certificate(chain(kCertificate_leaf));
    INFO((key ? "" : key.error().message));
    REQUIRE(key.ok());
    CHECK(key->id() == public_key(kPublic_ed25519).id());
    CHECK(key->name() == "CN=Berth test leaf");
    const Envelope envelope = signed_envelope(kPrivate_ed25519);
    CHECK(key->verifies(signed_bytes("payload"), envelope.signatures.front().bytes, HashKind::sha256));

    CertificateRequest stranger = chain(kCertificate_leaf);
    stranger.roots = kCertificate_stranger;
    CHECK(refusal(stranger).find("issuer") != std::string::npos);
    CertificateRequest no_middle = chain(kCertificate_leaf);
    no_middle.intermediates.clear();
    refusal(no_middle);
    CertificateRequest by_itself = chain(kCertificate_leaf);  // intermediates are not trusted by themselves
    by_itself.roots = kCertificate_stranger;
    by_itself.intermediates = std::string(kCertificate_middle) + kCertificate_root;
    refusal(by_itself);
    CertificateRequest system = chain(kCertificate_leaf);
    system.roots.reset();
    refusal(system);
}

TEST_CASE("a certificate's time, usage and hash") {
    CertificateRequest late = chain(kCertificate_leaf);
    late.time = 4'900'000'000 + 100LL * 366 * 86400;
    CHECK(refusal(late).find("expired") != std::string::npos);
    CertificateRequest early = chain(kCertificate_leaf);
    early.time = 1'000'000'000;
    CHECK(refusal(early).find("not yet valid") != std::string::npos);
    CHECK(refusal(chain(kCertificate_server)).find("code signing") != std::string::npos);
    CHECK(refusal(chain(kCertificate_plain)).find("code signing") != std::string::npos);
    CHECK(refusal(chain(kCertificate_encipher)).find("key usage") != std::string::npos);
    refusal(chain(kCertificate_sha1));
    CertificateRequest below = chain(kCertificate_below_leaf);  // who may sign code may not issue certificates
    below.intermediates += kCertificate_leaf;
    refusal(below);
}

TEST_CASE("certificate files that are none") {
    for (const char* pem : {"", "x", kPublic_ed25519}) {
        CHECK_FALSE(key_of_certificate(chain(pem)).ok());
        CertificateRequest roots = chain(kCertificate_leaf);
        roots.roots = pem;
        CHECK_FALSE(key_of_certificate(roots).ok());
    }
    CertificateRequest broken = chain(kCertificate_leaf);
    broken.intermediates =
        std::string(kCertificate_middle) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    CHECK(refusal(broken).find("cannot be read") != std::string::npos);
}
