// The signed text: what it covers, and that it is read strictly.
#include "sif/metadata.hpp"

#include "sif_fixture.hpp"

using namespace berth;
using namespace berth::sif;

namespace {

const std::string kDigest = "sha256:" + std::string(64, '0');

std::string text_of(const std::string& objects, const std::string& version = "1") {
    return "{\"version\":" + version + ",\"header\":{\"digest\":\"" + kDigest + "\"},\"objects\":[" + objects + "]}";
}

std::string object_text(const std::string& id) {
    return R"({"relativeId":)" + id + R"(,"descriptorDigest":")" + kDigest + R"(","objectDigest":")" + kDigest +
           R"("})";
}

bool good(const std::string& text) {
    return parse_metadata(text, "x").ok();
}

Descriptor sample_descriptor() {
    Descriptor d;
    d.type = ObjectType::partition;
    d.used = 1;
    d.id = 7;
    d.size = 5;
    d.created = 3;
    d.name_field[0] = 'n';
    return d;
}

Digest covered(const Descriptor& d, std::uint32_t relative = 2) {
    return *descriptor_digest(d, relative, HashKind::sha256);
}

}  // namespace

TEST_CASE("metadata survives being written and read") {
    SignedMetadata metadata;
    metadata.header = *digest_of(HashKind::sha512, {});
    for (std::uint32_t i = 0; i < 40; ++i)
        metadata.objects.push_back({i * 3, *digest_of(HashKind::sha512, {}), *digest_of(HashKind::blake2s_256, {})});
    const auto read = parse_metadata(encode(metadata), "x");
    REQUIRE(read.ok());
    CHECK(encode(*read) == encode(metadata));
    CHECK(encode(metadata).find('\n') == std::string::npos);
    for (std::uint32_t i = 40; i < 1024; ++i) metadata.objects.push_back({i * 3, metadata.header, metadata.header});
    CHECK(encode(metadata).size() <= kMaxMetadataSize);
    const auto long_one = parse_metadata(encode(metadata), "x");  // in lines that GnuPG does not cut
    REQUIRE(long_one.ok());
    CHECK(long_one->objects.size() == 1024);
}

TEST_CASE("metadata may name the root object of a hash tree") {
    SignedMetadata metadata;
    metadata.header = *digest_of(HashKind::sha256, {});
    metadata.objects.push_back({4, metadata.header, metadata.header});
    CHECK_FALSE(parse_metadata(encode(metadata), "x")->hash_tree);
    metadata.hash_tree = 4;
    const std::string text = encode(metadata);
    CHECK(text.ends_with("],\"berthHashTree\":4}"));
    CHECK(parse_metadata(text, "x")->hash_tree == 4U);
    for (const char* bad : {"-1", "4294967296", "4.0", "null", "\"4\"", "{}", "4,\"more\":1", "4,\"berthHashTree\":4"})
        CHECK_FALSE(good(text.substr(0, text.size() - 2) + bad + "}"));
}

TEST_CASE("metadata of version 1 has these members and no others") {
    REQUIRE(good(text_of(object_text("0"))));
    REQUIRE(good(" " + text_of(object_text("0") + "," + object_text("4294967295")) + "\n"));
    for (const std::string& bad : {text_of(""),
                                   text_of(object_text("0"), "2"),
                                   text_of(object_text("0"), "\"1\""),
                                   text_of(object_text("-1")),
                                   text_of(object_text("4294967296")),
                                   text_of(object_text("0.5")),
                                   text_of(object_text("null")),
                                   text_of(object_text("0") + "," + object_text("0")),
                                   text_of("1"),
                                   text_of("[]"),
                                   text_of("{}"),
                                   text_of(object_text("0")) + "x",
                                   text_of(object_text("0")) + text_of(object_text("0")),
                                   text_of(object_text("0")) + std::string(1, '\0') + "x",
                                   std::string("[]"),
                                   std::string("null"),
                                   std::string(),
                                   std::string("{"),
                                   text_of(object_text("0")).insert(1, "\"more\":1,"),
                                   text_of(object_text("0")).insert(1, "\"version\":1,"),
                                   text_of(object_text("0").insert(1, "\"relativeId\":1,")),
                                   text_of(object_text("0").insert(1, "\"x\":1,")),
                                   std::string(100'000, '['),
                                   std::string(kMaxMetadataSize + 1, ' ')})
        CHECK_FALSE(good(bad));
    std::string many = object_text("0");
    for (int i = 1; i <= 1024; ++i) many += "," + object_text(std::to_string(i));
    CHECK_FALSE(good(text_of(many)));
}

TEST_CASE("weak hashes in metadata are refused as such") {
    for (const char* weak : {"md5", "sha1", "ripemd160", "sha224"}) {
        std::string text = text_of(object_text("0"));
        text.replace(text.rfind("sha256"), 6, weak);
        const auto parsed = parse_metadata(text, "x");
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().number == ENOTSUP);
    }
}

TEST_CASE("what a descriptor's digest covers") {
    const Descriptor d = sample_descriptor();
    const Digest before = covered(d);
    const auto changed = [&](auto change) {
        Descriptor other = d;
        change(other);
        return covered(other) != before;
    };
    CHECK(changed([](Descriptor& o) { o.type = ObjectType::generic; }));
    CHECK(changed([](Descriptor& o) { o.used = 0; }));
    CHECK(changed([](Descriptor& o) { o.link = 1; }));
    CHECK(changed([](Descriptor& o) { o.size = 6; }));
    CHECK(changed([](Descriptor& o) { o.created = 4; }));
    CHECK(changed([](Descriptor& o) { o.uid = 1; }));
    CHECK(changed([](Descriptor& o) { o.gid = 1; }));
    CHECK(changed([](Descriptor& o) { o.name_field[127] = 'x'; }));
    CHECK(changed([](Descriptor& o) { o.extra[383] = std::byte{1}; }));
    CHECK(covered(d, 3) != before);
    // Not covered: the id itself, but only relative to the group's lowest, and where the object lies.
    CHECK_FALSE(changed([](Descriptor& o) { o.id = 8; }));
    CHECK_FALSE(changed([](Descriptor& o) { o.offset = 9; }));
    CHECK_FALSE(changed([](Descriptor& o) { o.group = kGroupMask | 2; }));
    CHECK_FALSE(changed([](Descriptor& o) { o.modified = 9; }));
    CHECK_FALSE(changed([](Descriptor& o) { o.size_with_padding = 9; }));
}

TEST_CASE("what the header's digest covers") {
    const Header h;
    const Digest before = *header_digest(h, HashKind::sha256);
    const auto changed = [&](auto change) {
        Header other = h;
        change(other);
        return *header_digest(other, HashKind::sha256) != before;
    };
    CHECK(changed([](Header& o) { o.launch[31] = 'x'; }));
    CHECK(changed([](Header& o) { o.version[1] = '2'; }));
    CHECK(changed([](Header& o) { o.uuid[15] = 1; }));
    CHECK_FALSE(changed([](Header& o) { o.architecture[0] = '9'; }));
    CHECK_FALSE(changed([](Header& o) { o.created = o.modified = 1; }));
    CHECK_FALSE(changed([](Header& o) { o.descriptors_total = o.data_size = 1; }));
}
