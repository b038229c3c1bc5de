// The digests that signatures use, against values that other programs computed.
#include "sif/digest.hpp"

#include <algorithm>
#include <map>

#include "sif/digest_objects.hpp"
#include "sif_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using berth::sif::test::image_of;
using berth::sif::test::MemoryFile;
using berth::sif::test::new_object;

namespace {

std::string digest_of_text(HashKind hash, const std::string& text) {
    return digest_text(*digest_of(hash, std::as_bytes(std::span(text))));
}

}  // namespace

TEST_CASE("the five hashes of the allow-list") {
    CHECK(digest_of_text(HashKind::sha256, "abc") ==
          "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest_of_text(HashKind::sha384, "abc") ==
          "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    CHECK(digest_of_text(HashKind::sha512, "abc") ==
          "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
          "454d4423643ce80e2a9ac94fa54ca49f");
    CHECK(digest_of_text(HashKind::blake2s_256, "abc") ==
          "blake2s_256:508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    CHECK(digest_of_text(HashKind::blake2b_256, "abc") ==
          "blake2b_256:bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST_CASE("BLAKE2b-256 at the borders of its blocks") {
    // hashlib.blake2b(bytes(i % 251 for i in range(n)), digest_size=32)
    const std::map<std::size_t, std::string> expected{
        {0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
        {127, "f2fe67ff342e21b8f45e8f2e0bcd1d9243245d50ee6c78042e9c491388791c72"},
        {128, "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1"},
        {129, "f7f3c46ba2564ff4c4c162da1f5b605f9f1c4aa6a20652a9f9a337c1a2f5b9c9"},
        {256, "582f782226018ec33076bd8d1c42413530ac7e1126260ffc0f306ba3befc3f24"},
        {257, "227e15ed64ee8e93eb7bc53828f76eed974f2c4ab1408c3d08f212b7f8d69904"},
        {5000, "380a35589ac0b8796076c76b284d2e0dd0842d3eac226475610946e0c2277b8b"}};
    for (const auto& [size, hex] : expected) {
        std::string text(size, '\0');
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
        CHECK(digest_of_text(HashKind::blake2b_256, text) == "blake2b_256:" + hex);
        auto hasher = Hasher::start(HashKind::blake2b_256);  // the same in pieces
        REQUIRE(hasher.ok());
        for (std::size_t i = 0; i < size; i += 7)
            REQUIRE(hasher->add(std::as_bytes(std::span(text)).subspan(i, std::min<std::size_t>(7, size - i))).ok());
        CHECK(digest_text(*hasher->finish()) == "blake2b_256:" + hex);
    }
}

TEST_CASE("digests as text: one spelling, listed hashes only") {
    const std::string good = digest_of_text(HashKind::sha256, "x");
    REQUIRE(parse_digest(good).ok());
    CHECK(digest_text(*parse_digest(good)) == good);
    std::string upper = good;
    std::ranges::transform(upper.begin() + 7, upper.end(), upper.begin() + 7,
                           [](char c) { return static_cast<char>(std::toupper(c)); });
    for (const std::string& bad : {std::string(), std::string("sha256"), std::string("sha256:"), good + "00",
                                   good.substr(0, 70), upper, " " + good, good + " ", "sha256:" + std::string(64, 'g')})
        CHECK_FALSE(parse_digest(bad).ok());
    for (const char* weak : {"md5:", "sha1:", "ripemd160:", "sha224:", "SHA256:", "sha512_256:", "unknown:"}) {
        const auto parsed = parse_digest(weak + std::string(64, '0'));
        REQUIRE_FALSE(parsed.ok());
        CHECK(parsed.error().number == ENOTSUP);
    }
}

TEST_CASE("an unknown hash cannot be computed") {
    for (const int number : {0, -1, 6, 1000}) {
        CHECK_FALSE(Hasher::start(static_cast<HashKind>(number)).ok());
        CHECK(digest_size(static_cast<HashKind>(number)) == 0);
    }
}

TEST_CASE("objects are digested whole, without padding, on any number of threads") {
    WriteRequest request;
    std::vector<std::string> contents;
    for (std::size_t i = 0; i < 9; ++i) {
        contents.emplace_back(i * 100'003, static_cast<char>('a' + i));  // over several buffers
        request.objects.push_back(new_object(ObjectType::generic, "x", contents.back()));
    }
    const MemoryFile file(image_of(request));
    const auto image = Image::open(file.fd(), "x.sif");
    REQUIRE(image.ok());
    std::vector<DigestJob> jobs;
    for (const Descriptor& object : image->descriptors())
        for (const HashKind hash : {HashKind::sha256, HashKind::blake2b_256}) jobs.push_back({object, hash});
    std::string joined;
    for (const std::string& content : contents) joined += content;
    CHECK(digest_text(*digest_joined(*image, image->descriptors(), HashKind::sha512)) ==
          digest_of_text(HashKind::sha512, joined));
    for (const unsigned threads : {0U, 1U, 3U, 1000U}) {
        const auto digests = digest_objects(*image, jobs, threads);
        REQUIRE(digests.size() == jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i)
            CHECK(digest_text(*digests[i]) == digest_of_text(jobs[i].hash, contents[i / 2]));
    }
    CHECK(digest_objects(*image, {}, 0).empty());
    const auto stopped = digest_objects(*image, {{image->descriptors()[8]}}, 0, [] { return true; });
    REQUIRE_FALSE(stopped[0].ok());
    CHECK(stopped[0].error().number == EINTR);
}

TEST_CASE("a file that became shorter fails its digests, and no other") {
    WriteRequest request;
    request.objects.push_back(new_object(ObjectType::generic, "a", "first"));
    request.objects.push_back(new_object(ObjectType::generic, "b", std::string(5000, 'b')));
    const MemoryFile file(image_of(request));
    const auto image = Image::open(file.fd(), "x.sif");
    REQUIRE(image.ok());
    file.cut(image->descriptors()[1].offset + 100);
    const auto digests = digest_objects(*image, {{image->descriptors()[0]}, {image->descriptors()[1]}}, 2);
    CHECK(digests[0].ok());
    REQUIRE_FALSE(digests[1].ok());
    CHECK(digests[1].error().category == Category::image);
}
