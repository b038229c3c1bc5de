// Signed images that Singularity's and Apptainer's libraries made: every form is read, and each flipped byte is seen.
#include "sif_sign_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

std::string read_corpus(const std::string& folder, const std::string& name) {
    auto bytes = read_file(folder + "/" + name, 64U << 20);
    INFO((bytes ? "" : bytes.error().message));
    REQUIRE(bytes.ok());
    return *std::move(bytes);
}

std::string image_bytes(const std::string& folder, const std::string& name) {
    return read_corpus(folder, "sif/images/" + name + ".sif");
}

VerifyKeys openpgp_keys(const std::string& folder) {
    VerifyKeys keys;
    auto keyring = Keyring::of({});
    REQUIRE(keyring.ok());
    const auto imported = keyring->import_keys(read_corpus(folder, "sif/keys/private.asc"));
    auto bytes = keyring->export_key("", KeyPart::public_key, false);
    REQUIRE(bytes.ok());
    auto verifier = OpenPgpVerifier::open({*bytes});
    REQUIRE(verifier.ok());
    keys.openpgp = std::move(*verifier);
    return keys;
}

VerifyKeys pem_key(const std::string& folder, const std::string& name) {
    VerifyKeys keys;
    auto key = VerificationKey::from_pem(read_corpus(folder, "sif/keys/" + name + "-public.pem"), name);
    REQUIRE(key.ok());
    keys.keys.push_back(*std::move(key));
    return keys;
}

VerifyRequest legacy(bool all = false, std::vector<std::uint32_t> groups = {}) {
    VerifyRequest request;
    request.legacy = true;
    request.legacy_all = all;
    request.groups = std::move(groups);
    return request;
}

constexpr const char* kSigner = "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84";

}  // namespace

TEST_CASE("corpus: OpenPGP signatures") {
    const auto folder = corpus();
    if (!folder) return;
    VerifyKeys keys = openpgp_keys(*folder);
    for (const char* name : {"one-group-signed-pgp", "two-groups-signed-pgp"}) {
        const auto report = verify_file(MemoryFile(image_bytes(*folder, name)), keys);
        REQUIRE(report);
        INFO(report->first_problem());
        CHECK(report->all_verified());
        for (const auto& signature : report->signatures) CHECK(signature.signers.at(0).key == kSigner);
    }
    VerifyKeys others = openpgp_keys(*folder);
    auto verifier = OpenPgpVerifier::open({kPgp_good});
    others.openpgp = std::move(*verifier);
    CHECK(failure_of(verify_file(MemoryFile(image_bytes(*folder, "one-group-signed-pgp")), others)) ==
          Failure::unknown_key);
}

TEST_CASE("corpus: DSSE signatures by ed25519 and RSA") {
    const auto folder = corpus();
    if (!folder) return;
    for (const char* name : {"one-group-signed-dsse", "two-groups-signed-dsse"}) {
        const MemoryFile file(image_bytes(*folder, name));
        for (const char* key : {"ed25519", "rsa"}) {
            VerifyKeys keys = pem_key(*folder, key);
            CHECK(failure_of(verify_file(file, keys)) == Failure::none);
        }
        VerifyKeys other = pem_key(*folder, "ecdsa");
        CHECK(failure_of(verify_file(file, other)) == Failure::unknown_key);
    }
}

TEST_CASE("corpus: legacy signatures count only where they were asked for") {
    const auto folder = corpus();
    if (!folder) return;
    VerifyKeys keys = openpgp_keys(*folder);
    const auto verdict = [&](const std::string& name, const VerifyRequest& request) {
        return failure_of(verify_file(MemoryFile(image_bytes(*folder, name)), keys, request));
    };
    for (const std::string& count : {std::string("one-group"), std::string("two-groups")}) {
        CHECK(verdict(count + "-signed-legacy", legacy()) == Failure::none);
        CHECK(verdict(count + "-signed-legacy", legacy(true)) == Failure::no_signature);
        CHECK(verdict(count + "-signed-legacy", legacy(false, {1})) == Failure::no_signature);
        CHECK(verdict(count + "-signed-legacy-group", legacy(false, {1})) == Failure::none);
        CHECK(verdict(count + "-signed-legacy-group", legacy()) == Failure::no_signature);
        CHECK(verdict(count + "-signed-legacy-all", legacy()) == Failure::none);
        for (const char* form : {"", "-group", "-all"})
            CHECK(verdict(count + "-signed-legacy" + form, {}) == Failure::no_signature);
        CHECK(verdict(count + "-signed-pgp", legacy(false, {1})) == Failure::no_signature);
    }
    CHECK(verdict("one-group-signed-legacy-all", legacy(true)) == Failure::none);
}

TEST_CASE("corpus: changed bytes under legacy signatures") {
    const auto folder = corpus();
    if (!folder) return;
    VerifyKeys keys = openpgp_keys(*folder);
    for (const auto& [name, request] : {std::pair("one-group-signed-legacy", legacy()),
                                        std::pair("one-group-signed-legacy-group", legacy(false, {1}))}) {
        std::string bytes = image_bytes(*folder, name);
        bytes[36864] ^= 1;
        CHECK(failure_of(verify_file(MemoryFile(bytes), keys, request)) == Failure::object_changed);
    }
}

TEST_CASE("corpus: bytes flipped in an OpenPGP signature, and in what it signs") {
    const auto folder = corpus();
    if (!folder) return;
    VerifyKeys keys = openpgp_keys(*folder);
    const std::string bytes = image_bytes(*folder, "one-group-signed-pgp");
    const MemoryFile file(bytes);
    const auto image = Image::open(file.fd(), "x.sif");
    REQUIRE(image.ok());
    const Descriptor signature = *image->object(3);
    const std::string text = *image->read_object(signature, kMaxSignatureSize);
    const std::size_t body = text.find("\n\n", text.find("BEGIN PGP SIGNATURE")) + 2;
    for (std::size_t i = 0; i < signature.size; i += i < 80 ? 1 : 5) {
        file.put(signature.offset + i, std::string(1, static_cast<char>(bytes[signature.offset + i] ^ (1 << (i % 7)))));
        const Failure failure = failure_of(verify_file(file, keys));
        INFO("byte " << i << " of the signature");
        // Inside of the packet, its unhashed part (which key signed, as a hint) may change without harm: the key that
        // signed is what counts.
        if (i < body)
            CHECK(
                (failure != Failure::none || text.substr(i, 1) == "\n" || text.substr(0, i).ends_with("Hash: SHA256")));
        file.put(signature.offset + i, bytes.substr(signature.offset + i, 1));
    }
    CHECK(failure_of(verify_file(file, keys)) == Failure::none);
}

TEST_CASE("corpus: what we sign with its keys verifies with them") {
    const auto folder = corpus();
    if (!folder) return;
    for (const char* name : {"ed25519", "ecdsa", "rsa"}) {
        const auto signer = dsse_signer(read_corpus(*folder, std::string("sif/keys/") + name + "-private.pem"), name);
        REQUIRE(signer.ok());
        VerifyKeys keys = pem_key(*folder, name);
        CHECK(failure_of(verify_file(MemoryFile(sign_bytes(image_bytes(*folder, "two-groups"), {}, *signer)), keys)) ==
              Failure::none);
    }
}
