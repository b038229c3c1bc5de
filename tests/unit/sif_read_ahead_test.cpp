// Reading ahead: the same bytes in the same order, whatever the sizes, and an end in every case.
#include "sif/read_ahead.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "runtime/base/io.hpp"
#include "sif/writer.hpp"

using namespace berth;
using namespace berth::sif;

namespace {

struct OneObject {
    std::string path = "/tmp/berth-read-ahead-XXXXXX";
    UniqueFd fd{::mkstemp(path.data())};
    std::string content;
    std::optional<Image> image;
    explicit OneObject(std::size_t size) {
        ::unlink(path.c_str());
        for (std::size_t i = 0; i < size; ++i) content += static_cast<char>(i * 131 + i / 251);
        WriteRequest request;
        request.objects.emplace_back();
        request.objects.back().type = ObjectType::generic;
        request.objects.back().bytes = content;
        REQUIRE(create(fd.get(), request, "image"));
        auto opened = Image::open(fd.get(), "image");
        REQUIRE(opened.ok());
        image.emplace(std::move(opened).value());
    }
};

}  // namespace

TEST_CASE("read ahead: every byte once, in order") {
    for (const std::size_t size : {1UL, 6UL, 7UL, 8UL, 27UL, 28UL, 29UL, 70UL, 71UL, 5000UL}) {
        INFO(size);
        const OneObject one(size);
        ReadAhead ahead(*one.image, one.image->descriptors()[0], 7);
        std::string read;
        for (;;) {
            const auto part = ahead.next();
            REQUIRE(part.ok());
            if (part->empty()) break;
            read.append(reinterpret_cast<const char*>(part->data()), part->size());
        }
        CHECK(read == one.content);
        CHECK(ahead.next()->empty());
    }
}

TEST_CASE("read ahead: nobody takes the rest") {
    const OneObject one(5000);
    for (int taken = 0; taken < 6; ++taken) {
        ReadAhead ahead(*one.image, one.image->descriptors()[0], 7);
        for (int i = 0; i < taken; ++i) REQUIRE(ahead.next().ok());
    }
}

TEST_CASE("read ahead: a file that became shorter is an error, once") {
    const OneObject one(5000);
    REQUIRE(::ftruncate(one.fd.get(), static_cast<off_t>(one.image->descriptors()[0].offset + 100)) == 0);
    ReadAhead ahead(*one.image, one.image->descriptors()[0], 70);
    CHECK(ahead.next().ok());
    CHECK_FALSE(ahead.next().ok());
    CHECK(ahead.next()->empty());
}
