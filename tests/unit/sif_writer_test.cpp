#include "sif/writer.hpp"

#include "sif_fixture.hpp"

namespace berth::sif::test {
namespace {

std::string refusal(const WriteRequest& request) {
    const MemoryFile file;
    const Status made = create(file.fd(), request, "new.sif");
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().category == Category::usage);
    return made.error().message;
}

TEST_CASE("the layout is that of other writers", "[sif][writer]") {
    const MemoryFile file(sample_image());
    const auto image = Image::open(file.fd(), "new.sif");
    REQUIRE(image.ok());
    const Header& h = image->header();
    CHECK(std::string(h.launch.data()) == "#!/usr/bin/env -S berth run\n");
    CHECK(h.architecture == ArchitectureCode{'0', '2', '\0'});
    CHECK(h.created == 1'700'000'000);
    CHECK(h.descriptors_total == 48);
    CHECK(h.descriptors_offset == 4096);
    CHECK(h.data_offset == 32176);
    CHECK(h.data_offset + h.data_size == image->file_size());
    const auto& objects = image->descriptors();
    CHECK(objects[0].offset == 32176);
    CHECK(objects[1].offset == 32768);
    CHECK(objects[1].size_with_padding == 5004 + 32768 - (32176 + 19));
    CHECK(objects[2].offset == 40960);
    CHECK(objects[3].offset == 40960 + 300);  // only partitions are aligned
    CHECK(objects[3].size_with_padding == objects[3].size);
    CHECK(objects[4].name() == "\x1b[31mred");
}

TEST_CASE("the same request gives the same bytes", "[sif][writer]") {
    CHECK(sample_image() == sample_image());
}

TEST_CASE("an object's bytes may come from a file", "[sif][writer]") {
    // More than one buffer, and an odd rest.
    std::string content(3'000'001, 'a');
    for (std::size_t i = 0; i < content.size(); i += 997) content[i] = static_cast<char>(i);
    const MemoryFile source(content);
    WriteRequest request = sample_request();
    request.objects[1].bytes.clear();
    request.objects[1].fd = source.fd();
    request.objects[1].fd_size = content.size();
    const MemoryFile file(image_of(request));
    const auto image = Image::open(file.fd(), "new.sif");
    CHECK((*image->read_object(*image->object(2), content.size()) == content));

    request.objects[1].fd_size += 1;
    const MemoryFile target;
    CHECK(create(target.fd(), request, "new.sif").error().category == Category::image);
}

TEST_CASE("writing can be stopped", "[sif][writer]") {
    const MemoryFile source("hsqs");
    WriteRequest request;
    request.objects.push_back(new_partition(FileSystem::squashfs, PartitionKind::primary_system, "02", ""));
    request.objects[0].fd = source.fd();
    request.objects[0].fd_size = 4;
    request.stop = [] { return true; };
    const MemoryFile file;
    CHECK(create(file.fd(), request, "new.sif").error().number == EINTR);
}

TEST_CASE("an image may be empty", "[sif][writer]") {
    const MemoryFile file(image_of({}));
    CHECK(file.bytes().size() == 32176);
    CHECK(Image::open(file.fd(), "empty")->descriptors().empty());
}

struct Copied {
    Status status;
    std::string bytes;
};

Copied copy_of(const std::string& image, const CopyRequest& request) {
    const MemoryFile source(image);
    const auto opened = Image::open(source.fd(), "source");
    REQUIRE(opened.ok());
    const MemoryFile target;
    Status status = copy(target.fd(), *opened, source.fd(), request, "copy.sif");
    return {std::move(status), target.bytes()};
}

TEST_CASE("a copy of an image that was laid out in the same way is the same but for the time", "[sif][writer]") {
    CopyRequest request;
    request.time = sample_request().time;
    CHECK(copy_of(sample_image(), request).bytes == sample_image());
    request.time = 1;
    const auto later = copy_of(sample_image(), request);
    CHECK(later.bytes.substr(0, 72) == sample_image().substr(0, 72));
    CHECK(later.bytes.substr(80) == sample_image().substr(80));
}

TEST_CASE("a copy may leave objects out and replace one's bytes", "[sif][writer]") {
    const MemoryFile content(std::string(10000, 'r'));
    CopyRequest request;
    request.time = 7;
    request.leave_out = {4};
    request.replacement = Replacement{2, content.fd(), 10000};
    const MemoryFile file(copy_of(sample_image(), request).bytes);
    const auto image = Image::open(file.fd(), "copy.sif");
    REQUIRE(image.ok());
    CHECK_FALSE(image->object(4).ok());
    CHECK(*image->read_object(*image->object(2), 20000) == std::string(10000, 'r'));
    CHECK(image->object(2)->modified == 7);
    CHECK(image->object(2)->created == sample_request().time);
    CHECK(image->object(3)->offset % 4096 == 0);
    CHECK(*image->read_object(*image->object(3), 20000) == std::string(300, 'e'));
    CHECK(image->object(5)->name() == "\x1b[31mred");
    CHECK(image->header().descriptors_free == 44);
}

TEST_CASE("a copy can be stopped", "[sif][writer]") {
    CopyRequest request;
    request.stop = [] { return true; };
    CHECK(copy_of(sample_image(), request).status.error().number == EINTR);
}

TEST_CASE("requests that the format cannot hold", "[sif][writer]") {
    WriteRequest request;
    request.launch = "#!/usr/bin/env -S something far too long\n";
    CHECK(refusal(request) == "new.sif: launch line of 41 bytes, at most 32 fit");
    request = {};
    request.objects.resize(49);
    CHECK(refusal(request) == "new.sif: 49 objects, at most 48 fit");
    request = {};
    request.objects.push_back(new_object(ObjectType::generic, std::string(128, 'n'), ""));
    CHECK(refusal(request) == "new.sif: object name of 128 bytes, at most 127 fit");
    request.objects[0].name = "huge";
    request.objects[0].fd = 0;
    request.objects[0].fd_size = ~0ULL;
    CHECK(refusal(request) == "new.sif: the objects do not fit one file");
}

}  // namespace
}  // namespace berth::sif::test
