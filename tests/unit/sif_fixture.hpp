// What the tests of sif/ share: images in memory and the folder of images that others made.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>

#include "runtime/base/io.hpp"
#include "sif/image.hpp"
#include "sif/writer.hpp"

namespace berth::sif::test {

/// A file in memory that holds `bytes`.
class MemoryFile {
public:
    explicit MemoryFile(const std::string& bytes = {}) : fd_(::memfd_create("sif", MFD_CLOEXEC)) {
        REQUIRE(fd_.valid());
        put(0, bytes);
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void put(std::size_t offset, const std::string& bytes) const {
        REQUIRE(::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                static_cast<ssize_t>(bytes.size()));
    }
    void cut(std::size_t size) const { REQUIRE(::ftruncate(fd(), static_cast<off_t>(size)) == 0); }
    [[nodiscard]] std::string bytes() const {
        std::string data(static_cast<std::size_t>(::lseek(fd(), 0, SEEK_END)), '\0');
        REQUIRE(pread_exact(fd(), std::as_writable_bytes(std::span(data)), 0, "memory").ok());
        return data;
    }

private:
    UniqueFd fd_;
};

inline NewObject new_object(ObjectType type, std::string name, std::string bytes) {
    NewObject object;
    object.type = type;
    object.name = std::move(name);
    object.bytes = std::move(bytes);
    return object;
}

inline NewObject new_partition(FileSystem file_system, PartitionKind kind, const char* code, std::string bytes) {
    NewObject object = new_object(ObjectType::partition, "part", std::move(bytes));
    object.extra = encode(PartitionExtra{file_system, kind, {code[0], code[1], '\0'}});
    return object;
}

/// A definition file, the primary partition (object 2), an ext3 overlay in group 2, a signature of group 1, an object
/// of a type that nobody knows.
inline WriteRequest sample_request() {
    WriteRequest request;
    request.time = 1'700'000'000;
    for (std::uint8_t i = 0; i < 16; ++i) request.uuid[i] = i;
    request.objects.push_back(new_object(ObjectType::definition_file, "Singularity", "Bootstrap: scratch\n"));
    request.objects.push_back(
        new_partition(FileSystem::squashfs, PartitionKind::primary_system, "02", "hsqs" + std::string(5000, 's')));
    request.objects.push_back(new_partition(FileSystem::ext3, PartitionKind::overlay, "02", std::string(300, 'e')));
    request.objects.back().group = kGroupMask | 2;
    request.objects.push_back(new_object(ObjectType::signature, "part-signature", "signed"));
    request.objects.back().group = kNoGroup;
    request.objects.back().link = kDefaultGroup;
    request.objects.back().extra[0] = std::byte{1};
    request.objects.push_back(new_object(static_cast<ObjectType>(0x5001), "\x1b[31mred", "?"));
    return request;
}

inline std::string image_of(const WriteRequest& request) {
    const MemoryFile file;
    const Status made = create(file.fd(), request, "new.sif");
    INFO((made ? "" : made.error().message));
    REQUIRE(made.ok());
    return file.bytes();
}

inline std::string sample_image() {
    return image_of(sample_request());
}

/// The folder of BERTH_TEST_CORPUS; says so when there is none.
inline std::optional<std::string> corpus() {
    const char* folder = std::getenv("BERTH_TEST_CORPUS");
    if (folder != nullptr && *folder != '\0') return folder;
    WARN("skipped: BERTH_TEST_CORPUS names no folder of images");
    return std::nullopt;
}

}  // namespace berth::sif::test
