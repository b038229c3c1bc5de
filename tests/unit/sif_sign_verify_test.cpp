// Signing and verifying whole images: what is asked for, by whom it is signed, and what the report says.
#include "sif_sign_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

using Ids = std::vector<std::uint32_t>;

VerifyRequest groups(Ids ids) {
    VerifyRequest request;
    request.groups = std::move(ids);
    return request;
}

VerifyRequest objects(Ids ids) {
    VerifyRequest request;
    request.objects = std::move(ids);
    return request;
}

SignRequest sign_groups(Ids ids) {
    SignRequest request;
    request.groups = std::move(ids);
    return request;
}

}  // namespace

TEST_CASE("signing every group, and verifying all, a group, an object") {
    const std::string image = signed_image();
    const auto all = verify_bytes(image);
    REQUIRE(all);
    CHECK(all->all_verified());
    CHECK(all->verified == Ids{1, 2, 3});
    CHECK((all->covers(2) && !all->covers(4)));
    REQUIRE(all->signatures.size() == 2);
    CHECK(all->signatures[0].id == 4);
    CHECK(all->signatures[0].group == 1U);
    CHECK(all->signatures[0].verified == Ids{1, 2});
    CHECK(all->signatures[0].signers.at(0).key == test_keys().keys[0].id());
    CHECK(all->signatures[1].group == 2U);
    CHECK(verify_bytes(image, groups({2}))->verified == Ids{3});
    CHECK(verify_bytes(image, objects({1}))->verified == Ids{1});
    CHECK(verify_bytes(image, objects({3, 1, 1}))->verified == Ids{1, 3});
    VerifyRequest both = groups({2});
    both.objects = {1};
    CHECK(verify_bytes(image, both)->verified == Ids{1, 3});
}

TEST_CASE("every hash for digests") {
    for (const HashKind hash :
         {HashKind::sha256, HashKind::sha384, HashKind::sha512, HashKind::blake2s_256, HashKind::blake2b_256}) {
        SignRequest request;
        request.hash = hash;
        const auto report = verify_bytes(sign_bytes(image_of(plain_request()), request));
        REQUIRE(report);
        CHECK(report->all_verified());
        CHECK(report->signatures[0].hash == hash);
    }
}

TEST_CASE("what is not signed is not verified") {
    const std::string image = image_of(plain_request());
    CHECK(failure_of(verify_bytes(image)) == Failure::no_signature);
    const std::string first = sign_bytes(image, sign_groups({1}));
    const auto report = verify_bytes(first);
    CHECK(failure_of(report) == Failure::no_signature);
    CHECK(report->verified == Ids{1, 2});
    CHECK_FALSE(report->all_verified());
    CHECK(report->problems.at(0).group == 2U);
    CHECK(verify_bytes(first, groups({1}))->all_verified());
    CHECK_FALSE(verify_bytes(first, groups({1, 2}))->all_verified());
    CHECK_FALSE(verify_bytes(first, objects({1, 3}))->all_verified());
}

TEST_CASE("an object's own signature") {
    SignRequest only;
    only.objects = {2};
    const std::string image = sign_bytes(image_of(plain_request()), only);
    CHECK(verify_bytes(image, objects({2}))->all_verified());
    CHECK(failure_of(verify_bytes(image, objects({1}))) == Failure::no_signature);
    CHECK(failure_of(verify_bytes(image, objects({1, 2}))) == Failure::no_signature);
    CHECK(failure_of(verify_bytes(image, groups({1}))) == Failure::object_not_signed);
    SignRequest other;
    other.objects = {1};
    CHECK(verify_bytes(sign_bytes(image, other), objects({1, 2}))->all_verified());
}

TEST_CASE("several signers: each signature must be good, by a key that was given") {
    const std::string image = sign_bytes(signed_image(), {}, test_signer(kPrivate_P256));
    const MemoryFile file(image);
    VerifyKeys one = test_keys();
    VerifyKeys both = test_keys({kPublic_ed25519, kPublic_P256});
    CHECK(failure_of(verify_file(file, one)) == Failure::unknown_key);
    const auto report = verify_file(file, both);
    REQUIRE(report);
    CHECK(report->all_verified());
    CHECK(report->signatures.size() == 4);
}

TEST_CASE("one envelope by several signers is good by any of them") {
    const Signer first = test_signer();
    const Signer second = test_signer(kPrivate_P256);
    const Signer joint = [&](const std::string& text) -> Result<SignatureContent> {
        BERTH_TRY(SignatureContent a, first(text));
        BERTH_TRY(const SignatureContent b, second(text));
        BERTH_TRY(Envelope envelope, parse_envelope(a.bytes, "a"));
        BERTH_TRY(const Envelope other, parse_envelope(b.bytes, "b"));
        envelope.signatures.push_back(other.signatures[0]);
        a.bytes = encode(envelope);
        return a;
    };
    const MemoryFile file(sign_bytes(image_of(plain_request()), {}, joint));
    VerifyKeys stranger = test_keys({kPublic_other});
    CHECK(failure_of(verify_file(file, stranger)) == Failure::unknown_key);
    for (const char* key : {kPublic_ed25519, kPublic_P256}) {
        VerifyKeys keys = test_keys({key});
        CHECK(verify_file(file, keys)->signatures[0].signers.size() == 1);
        CHECK(verify_file(file, keys)->all_verified());
    }
    VerifyKeys both = test_keys({kPublic_ed25519, kPublic_P256});
    CHECK(verify_file(file, both)->signatures[0].signers.size() == 2);
}

TEST_CASE("requests that make no sense are errors") {
    const std::string image = signed_image();
    CHECK_FALSE(verify_bytes(image, groups({3})));
    CHECK_FALSE(verify_bytes(image, objects({9})));
    CHECK_FALSE(verify_bytes(image, objects({4})));  // a signature
    VerifyRequest all_current;
    all_current.legacy_all = true;
    CHECK_FALSE(verify_bytes(image, all_current));
    VerifyKeys none;
    CHECK_FALSE(verify_file(MemoryFile(image), none));
    CHECK(failure_of(verify_bytes(image_of({}))) == Failure::no_signature);  // an image of nothing
}

TEST_CASE("signing what cannot be signed leaves the image as it was") {
    const NamedFile file(image_of(sample_request()));  // a signature of nothing that counts, and an object of no kind
    const std::string before = file.bytes();
    auto editor = Editor::open(file.path());
    REQUIRE(editor.ok());
    SignRequest both = sign_groups({1});
    both.objects = {1};
    SignRequest unknown;
    unknown.objects = {77};
    SignRequest signature;
    signature.objects = {4};
    for (const SignRequest& request : {both, unknown, signature, sign_groups({9})})
        CHECK_FALSE(sign(*editor, request, test_signer()).ok());
    const Signer refuses = [](const std::string&) -> Result<SignatureContent> {
        return Error{Category::usage, 0, "no"};
    };
    CHECK_FALSE(sign(*editor, {}, refuses).ok());
    CHECK(file.bytes() == before);
}

TEST_CASE("an object added in the same edit is signed with its group") {
    SignRequest request = sign_groups({1});
    request.additional.push_back(new_object(ObjectType::generic, "tree", std::string(70'000, 't')));
    const std::string image = sign_bytes(image_of(plain_request()), request);
    const auto report = verify_bytes(image, groups({1}));
    REQUIRE(report);
    CHECK(report->all_verified());
    CHECK(report->verified == Ids{1, 2, 4});
    request.additional.back().group = kGroupMask | 2;
    const NamedFile file(image_of(plain_request()));
    auto editor = Editor::open(file.path());
    CHECK_FALSE(sign(*editor, request, test_signer()).ok());
}

TEST_CASE("a group of many objects: its text is cut into lines that GnuPG can sign") {
    WriteRequest request;
    for (int i = 0; i < 47; ++i) request.objects.push_back(new_object(ObjectType::generic, "x", std::to_string(i)));
    SignRequest sha512;
    sha512.hash = HashKind::sha512;
    CHECK(verify_bytes(sign_bytes(image_of(request), sha512))->verified.size() == 47);
}
