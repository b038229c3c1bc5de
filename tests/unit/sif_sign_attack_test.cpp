// Attacks on signed images. Each must be refused, and the refusal must name what was attacked; or it changes only what
// no signature of this format covers, and what that is stands here.
#include <set>

#include "sif_sign_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;

namespace {

/// One byte of the image changed, and what a verifier with the key says.
struct Flipper {
    explicit Flipper(std::string image) : bytes(std::move(image)), file(bytes) {
        request.threads = 1;  // the images are small, and there are many of them
    }

    std::optional<VerifyReport> flip(std::size_t at, unsigned bit) {
        file.put(at, std::string(1, static_cast<char>(bytes[at] ^ (1 << bit))));
        auto report = verify_file(file, keys, request);
        file.put(at, std::string(1, bytes[at]));
        return report;
    }

    std::string bytes;
    MemoryFile file;
    VerifyKeys keys = test_keys();
    VerifyRequest request;
};

bool within(std::size_t at, std::size_t begin, std::size_t end) {
    return at >= begin && at < end;
}

/// The culprit of the first failure.
std::uint32_t culprit_of(const std::optional<VerifyReport>& report) {
    for (const auto& signature : report->signatures)
        if (signature.failure != Failure::none) return signature.culprit.value_or(0);
    return 0;
}

std::string changed(std::uint32_t id, auto change) {
    return with_descriptor(signed_image(), id, change);
}

NewObject another(const char* name, std::uint32_t group) {
    NewObject object = new_object(ObjectType::generic, name, "added later");
    object.group = group;
    return object;
}

}  // namespace

TEST_CASE("flipping any bit of the header") {
    Flipper image(signed_image());
    for (std::size_t at = 0; at < kHeaderSize; ++at)
        for (unsigned bit = 0; bit < 8; ++bit) {
            const Failure failure = failure_of(image.flip(at, bit));
            INFO("byte " << at << ", bit " << bit);
            if (within(at, 0, 32) || within(at, 48, 64))
                CHECK(failure == Failure::header_changed);                   // launch line, UUID
            if (within(at, 32, 45)) CHECK(failure == Failure::not_checked);  // magic, version: no SIF image any more
            if (within(at, 45, 48)) CHECK(failure == Failure::none);         // architecture: nothing relies on it
            if (within(at, 64, 80)) CHECK(failure == Failure::none);         // times of the header
            if (at >= 80)
                CHECK((failure == Failure::none || failure == Failure::not_checked ||
                       failure == Failure::header_changed || failure == Failure::no_signature ||
                       failure == Failure::object_missing));  // where the table is
        }
}

TEST_CASE("flipping any byte of an object's descriptor") {
    Flipper image(signed_image());
    for (const std::uint32_t id : {1U, 2U, 3U})
        for (std::size_t field = 0; field < kDescriptorSize; ++field)
            for (unsigned bit = field % 8; bit < 8; bit += 5) {
                const auto report = image.flip(descriptor_at(id) + field, bit);
                const Failure failure = failure_of(report);
                INFO("object " << id << ", byte " << field << ", bit " << bit);
                if (within(field, 33, 41) || within(field, 49, 57)) {  // size with padding, modified
                    CHECK((failure == Failure::none || failure == Failure::not_checked));
                } else if (within(field, 41, 49) ||
                           within(field, 57, kDescriptorSize)) {  // created; uid, gid, name, extra
                    CHECK(failure == Failure::descriptor_changed);
                    CHECK(culprit_of(report) == id);
                } else if (within(field, 5, 9) && id == 3) {
                    // Alone in its group: ids count from the group's lowest, so its own is free.
                    CHECK((failure == Failure::none || failure == Failure::not_checked));
                } else {  // type, used, id, group, link, offset, size
                    CHECK(failure != Failure::none);
                    if (report) CHECK_FALSE(report->covers(id));
                }
            }
}

TEST_CASE("flipping any byte of any object") {
    Flipper image(signed_image());
    const auto read = Image::open(image.file.fd(), "x.sif");
    REQUIRE(read.ok());
    for (const Descriptor& object : read->descriptors()) {
        if (object.type == ObjectType::signature) continue;
        for (std::size_t i = 0; i < object.size; ++i) {
            const auto report = image.flip(object.offset + i, i % 8);
            INFO("object " << object.id << ", byte " << i);
            CHECK(failure_of(report) == Failure::object_changed);
            CHECK(culprit_of(report) == object.id);
            CHECK_FALSE(report->covers(object.id));
        }
    }
}

TEST_CASE("flipping any byte of a signature") {
    Flipper image(signed_image());
    const auto read = Image::open(image.file.fd(), "x.sif");
    REQUIRE(read.ok());
    const Descriptor signature = *read->object(4);
    for (std::size_t i = 0; i < signature.size; ++i)
        for (unsigned bit = i % 4; bit < 8; bit += 4) {
            const auto report = image.flip(signature.offset + i, bit);
            INFO("byte " << i << ", bit " << bit);
            CHECK(failure_of(report) != Failure::none);
            CHECK(report->verified == std::vector<std::uint32_t>{3});
        }
}

TEST_CASE("flipping any byte of a signature's descriptor") {
    Flipper image(signed_image());
    for (std::size_t field = 0; field < kDescriptorSize; ++field)
        for (unsigned bit = field % 4; bit < 8; bit += 4) {
            const Failure failure = failure_of(image.flip(descriptor_at(4) + field, bit));
            INFO("byte " << field << ", bit " << bit);
            // Type, used, link, offset and size lead to the signature; the fingerprint is what it claims. The hash is
            // used by other keys than ed25519. The rest of it no one relies on.
            if (field == 25 && failure == Failure::none) continue;  // without the newline at its end it says the same
            if (within(field, 0, 5) || within(field, 13, 33) || within(field, 205, 225))
                CHECK(failure != Failure::none);
        }
}

TEST_CASE("flipping bytes between objects changes nothing that is verified") {
    Flipper image(signed_image());
    const auto read = Image::open(image.file.fd(), "x.sif");
    const Descriptor first = *read->object(1);
    const Descriptor second = *read->object(2);
    REQUIRE(first.offset + first.size < second.offset);
    for (std::size_t at = first.offset + first.size; at < second.offset; ++at)
        CHECK(failure_of(image.flip(at, 1)) == Failure::none);
}

TEST_CASE("objects moved between groups, taken out of them, added to them") {
    CHECK(failure_of(verify_bytes(changed(2, [](Descriptor& d) { d.group = kGroupMask | 2; }))) ==
          Failure::object_missing);
    CHECK(failure_of(verify_bytes(changed(3, [](Descriptor& d) { d.group = kDefaultGroup; }))) ==
          Failure::object_not_signed);
    CHECK(failure_of(verify_bytes(changed(2, [](Descriptor& d) { d.group = kGroupMask | 3; }))) != Failure::none);
    CHECK(failure_of(verify_bytes(changed(2, [](Descriptor& d) { d.group = kNoGroup; }))) != Failure::none);
    CHECK(failure_of(verify_bytes(with_object(signed_image(), another("x", kDefaultGroup)))) ==
          Failure::object_not_signed);
    CHECK(failure_of(verify_bytes(with_object(signed_image(), another("x", kGroupMask | 3)))) == Failure::no_signature);
    const auto ungrouped = verify_bytes(with_object(signed_image(), another("x", kNoGroup)));
    CHECK(failure_of(ungrouped) == Failure::outside_groups);
    CHECK(ungrouped->problems.at(0).object == 6U);
    CHECK(ungrouped->verified == std::vector<std::uint32_t>{1, 2, 3});  // as for those that were signed
}

TEST_CASE("objects relabelled") {
    CHECK(failure_of(verify_bytes(changed(1, [](Descriptor& d) { d.type = ObjectType::labels; }))) ==
          Failure::descriptor_changed);
    CHECK(failure_of(verify_bytes(changed(1, [](Descriptor& d) { d.type = ObjectType::signature; }))) != Failure::none);
    CHECK(failure_of(verify_bytes(changed(2, [](Descriptor& d) { d.extra[4] = std::byte{3}; }))) ==
          Failure::descriptor_changed);
    CHECK(failure_of(verify_bytes(changed(2, [](Descriptor& d) { d.name_field[0] = 'X'; }))) ==
          Failure::descriptor_changed);
    const auto swapped = [](std::uint32_t to) { return [to](Descriptor& d) { d.id = to; }; };
    CHECK(failure_of(verify_bytes(with_descriptor(changed(1, swapped(2)), 2, swapped(1)))) ==
          Failure::descriptor_changed);
}

TEST_CASE("two objects that exchange their places in the file") {
    WriteRequest request;
    for (const char* text : {"left!", "right"}) request.objects.push_back(new_object(ObjectType::generic, "x", text));
    const std::string image = sign_bytes(image_of(request));
    std::string exchanged = image;
    exchanged.replace(exchanged.find("left!"), 10, "rightleft!");
    CHECK(failure_of(verify_bytes(exchanged)) == Failure::object_changed);
    // The bytes and the offsets both: the same objects at other places, which is no attack.
    const std::uint64_t at = image.find("left!");
    exchanged = with_descriptor(exchanged, 1, [at](Descriptor& d) { d.offset = at + 5; });
    CHECK(failure_of(verify_bytes(with_descriptor(exchanged, 2, [at](Descriptor& d) { d.offset = at; }))) ==
          Failure::none);
}

TEST_CASE("a second primary partition") {
    const NewObject second = new_partition(FileSystem::squashfs, PartitionKind::primary_system, "02", "hsqs evil");
    for (const std::uint32_t group : {kDefaultGroup, kGroupMask | 9, kNoGroup}) {
        WriteRequest request;  // beside the signed one, as the editor would not do it
        request = plain_request();
        const std::string honest = sign_bytes(image_of(request));
        request.objects.push_back(second);
        request.objects.back().group = group;
        std::string crafted = image_of(request);
        const MemoryFile honest_file(honest);
        const auto image = Image::open(honest_file.fd(), "x.sif");
        for (const std::uint32_t id : {4U, 5U}) {
            NewObject copy = new_object(ObjectType::signature, "", *image->read_object(*image->object(id), 4096));
            copy.extra = image->object(id)->extra;
            copy.group = kNoGroup;
            copy.link = image->object(id)->link;
            crafted = with_object(crafted, copy);
        }
        const MemoryFile file(crafted);
        const auto opened = Image::open(file.fd(), "x.sif");
        REQUIRE(opened.ok());
        CHECK_FALSE(opened->primary_partition().ok());
        VerifyKeys keys = test_keys();
        CHECK(failure_of(verify_file(file, keys)) != Failure::none);
        CHECK_FALSE(verify_file(file, keys)->covers(4));
    }
}

TEST_CASE("a signature from another image") {
    WriteRequest other = plain_request();
    other.uuid[0] ^= 1;
    const MemoryFile victim(signed_image());
    const auto image = Image::open(victim.fd(), "x.sif");
    std::string forged = image_of(other);
    for (const std::uint32_t id : {4U, 5U}) {
        NewObject copy = new_object(ObjectType::signature, "", *image->read_object(*image->object(id), 4096));
        copy.extra = image->object(id)->extra;
        copy.group = kNoGroup;
        copy.link = image->object(id)->link;
        forged = with_object(forged, copy);
    }
    CHECK(failure_of(verify_bytes(forged)) == Failure::header_changed);
    // And of another group of the same image.
    CHECK(failure_of(verify_bytes(changed(4, [](Descriptor& d) { d.link = kGroupMask | 2; }))) != Failure::none);
}

TEST_CASE("a fingerprint that only the descriptor claims") {
    const auto claimed = verify_bytes(changed(4, [](Descriptor& d) { d.extra[4] = std::byte{0xA7}; }));
    CHECK(failure_of(claimed) == Failure::fingerprint_mismatch);
    CHECK(claimed->verified == std::vector<std::uint32_t>{3});
    NewObject bare = new_object(ObjectType::signature, "", "not signed at all");
    bare.extra = signature_extra_of({"", HashKind::sha256, {0xA7, 0x54}});
    bare.group = kNoGroup;
    bare.link = kDefaultGroup;
    VerifyRequest request;
    request.groups = {1};
    CHECK(failure_of(verify_bytes(with_object(image_of(plain_request()), bare), request)) == Failure::no_signature);
}

TEST_CASE("hashes that are not on the list") {
    for (const int hash : {0, 6, -1}) {
        const auto extra = signature_extra_of({"", static_cast<HashKind>(hash), {}});
        CHECK(failure_of(verify_bytes(changed(4, [&](Descriptor& d) { d.extra = extra; }))) == Failure::weak_hash);
    }
    std::string weak;
    const Signer sha1 = [&](const std::string& text) {
        weak = text;
        for (std::size_t at = 0; (at = weak.find("sha256:", at)) != std::string::npos;)
            weak.replace(at, 71, "sha1:" + std::string(40, 'a'));
        return test_signer()(weak);
    };
    CHECK(failure_of(verify_bytes(sign_bytes(image_of(plain_request()), {}, sha1))) == Failure::weak_hash);
}

TEST_CASE("huge counts") {
    NewObject signature = new_object(ObjectType::signature, "", "{}");
    signature.group = kNoGroup;
    signature.link = kDefaultGroup;
    std::string image = signed_image();
    const NamedFile file(image);
    {
        auto editor = Editor::open(file.path());
        REQUIRE(editor.ok());
        Changes changes;
        changes.append.assign(kMaxSignatures, signature);
        REQUIRE(editor->apply(changes, 0).ok());
    }
    const MemoryFile many(file.bytes());
    const auto opened = Image::open(many.fd(), "x.sif");
    REQUIRE(opened.ok());
    VerifyKeys keys = test_keys();
    const auto report = verify(*opened, {}, keys);
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().message.find("signatures") != std::string::npos);

    signature.bytes = "{" + std::string(kMaxSignatureSize, ' ') + "}";
    CHECK(failure_of(verify_bytes(with_object(signed_image(), signature))) == Failure::malformed);
    const Signer endless = [](const std::string& text) {
        std::string long_text = text.substr(0, text.rfind("]}"));
        for (int i = 100; i < 1200; ++i)
            long_text += R"(,{"relativeId":)" + std::to_string(i) + R"(,"descriptorDigest":"sha256:)" +
                         std::string(64, '0') + R"(","objectDigest":"sha256:)" + std::string(64, '0') + R"("})";
        return test_signer()(long_text + "]}");
    };
    CHECK(failure_of(verify_bytes(sign_bytes(image_of(plain_request()), {}, endless))) == Failure::malformed);
}

TEST_CASE("signed text that is not what a signature must be") {
    for (const char* text : {"", "{}", "null", "[]", R"({"version":1})", "SIFHASH:\nabc"}) {
        const Signer odd = [text](const std::string&) { return test_signer()(text); };
        CHECK(failure_of(verify_bytes(sign_bytes(image_of(plain_request()), {}, odd))) == Failure::malformed);
    }
}
