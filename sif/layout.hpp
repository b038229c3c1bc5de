// Where the parts of an image go: what the writer and the editor share. Not installed: the library's own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"
#include "sif/image.hpp"
#include "sif/storage.hpp"
#include "sif/writer.hpp"

namespace berth::sif {

/// An object of an image to be written, and where its bytes come from.
struct PlannedObject {
    Descriptor descriptor;
    Content content;
    std::uint64_t alignment = 1;
};

/// A whole image to be written.
struct ImagePlan {
    Header header;
    std::vector<PlannedObject> objects;  ///< in the table's order
};

/// A new object, not placed yet. Category::usage when the format cannot hold it.
[[nodiscard]] Result<PlannedObject> plan_object(const NewObject& object, std::uint32_t id, std::int64_t time);
/// An object of an image that is read from `fd`, with the alignment that it has there.
[[nodiscard]] PlannedObject plan_existing(const Descriptor& descriptor, int fd) noexcept;

/// Sets the fields of a partition and leaves the rest of its extra bytes as they are.
void set_partition_extra(Descriptor& descriptor, const PartitionExtra& partition) noexcept;

/// Puts the object at the first place from `end` on that its alignment allows; `end` moves behind it.
[[nodiscard]] Status place(PlannedObject& object, std::uint64_t& end);

/// Places every object behind a table of `total` descriptors and sets what the header says of table and data. Objects
/// are laid out in the order of their offsets so far, new ones (offset 0) last.
[[nodiscard]] Status lay_out(ImagePlan& plan, std::uint64_t total);

/// Writes what was laid out into an empty file, and reads it back.
[[nodiscard]] Status write_image(int fd, const ImagePlan& plan, bool (*stop)(), const std::string& name);

}  // namespace berth::sif
