// The reader of SIF images: parses header and descriptors from an open file and believes nothing it has not checked.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"

namespace berth::sif {

/// The most descriptors an image may have. Writers lay out 48 and images of many OCI layers need some hundreds;
/// 1024 bound what is read and held for a stranger's image to 600 KiB.
inline constexpr std::uint64_t kMaxDescriptors = 1024;

struct PrimaryPartition {
    Descriptor descriptor;
    PartitionExtra extra;
};

/// A SIF image whose header and descriptors were read once and checked: the table and every used descriptor's object
/// lie within the file and overlap nothing, ids are unique, groups and links are well formed. Types, partition kinds,
/// file systems and architectures that Berth does not know are kept as they are.
/// What lies inside the objects is not looked at, and the file may change after the check: only a reader that holds a
/// copy, or a file that nobody else can write, may rely on more than the bounds.
class Image {
public:
    /// Reads with pread(2) from a regular file that stays the caller's and must outlive the Image.
    /// `name` (a path, say) begins every message. Needs no privilege.
    /// Errors: Category::image (names field and value), unsupported (version, kind of file), system (read failed).
    static Result<Image> open(int fd, const std::string& name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint64_t file_size() const noexcept { return file_size_; }
    [[nodiscard]] const Header& header() const noexcept { return header_; }
    /// The used descriptors, in the table's order.
    [[nodiscard]] const std::vector<Descriptor>& descriptors() const noexcept { return descriptors_; }

    /// The partition to run. Category::image when there is none, or more than one. Whether its file system can be
    /// mounted is the caller's decision.
    [[nodiscard]] Result<PrimaryPartition> primary_partition() const;

    /// Go's name of the primary partition's architecture ("amd64"), or "unknown". It is the partition's own word:
    /// the one in the header is covered by no signature.
    [[nodiscard]] Result<std::string_view> architecture() const;

    /// The object with that id. Category::usage when there is none.
    [[nodiscard]] Result<Descriptor> object(std::uint32_t id) const;

    /// Fills `buffer` from the object's bytes at `position`. Category::image when the object ends before that.
    [[nodiscard]] Status read(const Descriptor& object, std::uint64_t position, std::span<std::byte> buffer) const;
    /// All bytes of an object of at most `limit` bytes; larger is Category::image with EFBIG.
    [[nodiscard]] Result<std::string> read_object(const Descriptor& object, std::size_t limit) const;

private:
    Image(int fd, std::string name) noexcept : fd_(fd), name_(std::move(name)) {}
    Status read_header();
    Status read_all();
    Status check_header() const;
    Status read_descriptors();
    Status check_descriptor(const Descriptor& descriptor) const;
    Status check_overlap() const;
    [[nodiscard]] Error bad(const std::string& what) const;

    int fd_;
    std::string name_;
    std::uint64_t file_size_ = 0;
    Header header_;
    std::vector<Descriptor> descriptors_;
};

}  // namespace berth::sif
