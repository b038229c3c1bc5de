// The writer of SIF images in its plain forms: a whole new image from its objects, or from another image.
// docs/sif-format.md has the layout. editor.hpp changes an image that exists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"
#include "sif/image.hpp"

namespace berth::sif {

/// What the kernel runs when the image itself is executed: `berth run IMAGE ARGUMENTS…`.
inline constexpr std::string_view kLaunch = "#!/usr/bin/env -S berth run\n";

/// One object to write. Its bytes are `bytes` or, where `fd` is set, the first `fd_size` bytes of that file, which
/// stays the caller's.
struct NewObject {
    ObjectType type{};
    std::string name;
    std::array<std::byte, kExtraSize> extra{};
    std::string bytes;
    int fd = -1;
    std::uint64_t fd_size = 0;
    std::uint32_t group = kDefaultGroup;
    std::uint32_t link = kNoLink;
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::uint64_t alignment = 0;  ///< of its offset, in bytes; 0: a page for partitions, none for others

    [[nodiscard]] std::uint64_t size() const noexcept { return fd < 0 ? bytes.size() : fd_size; }
};

/// Everything that the image's bytes depend on: the same request gives the same bytes.
struct WriteRequest {
    std::string_view launch = kLaunch;  ///< at most kLaunchSize bytes
    std::array<std::uint8_t, 16> uuid{};
    std::int64_t time = 0;           ///< seconds since 1970, for every created and modified
    std::vector<NewObject> objects;  ///< get the ids 1, 2, … in this order; at most kDescriptorsTotal
    bool (*stop)() = nullptr;        ///< asked between parts of a copied file; true ends the writing
};

/// Writes the image into `fd`, an empty regular file open for reading and writing, which stays the caller's, and reads
/// it back through Image::open. The header's architecture is that of the primary partition. `name` begins messages.
/// Errors: Category::usage (the request does not fit the format), system (EINTR when stopped). Needs no privilege.
[[nodiscard]] Status create(int fd, const WriteRequest& request, const std::string& name);

/// Another content for one object of a copied image: the first `fd_size` bytes of `fd`.
struct Replacement {
    std::uint32_t id = 0;
    int fd = -1;
    std::uint64_t fd_size = 0;
};

struct CopyRequest {
    std::int64_t time = 0;                 ///< modified, of the header and of what is replaced
    std::vector<std::uint32_t> leave_out;  ///< objects by their ids
    std::optional<Replacement> replacement;
    bool (*stop)() = nullptr;
};

/// Writes a copy of `source`, which was read from `source_fd`, into the empty file `fd`. Launch line, UUID, ids,
/// groups, links, names, times, extra fields and bytes of its objects are kept, known or not: signatures hold where
/// nothing that they cover is replaced. Offsets are laid out anew. Errors as those of create().
[[nodiscard]] Status copy(int fd, const Image& source, int source_fd, const CopyRequest& request,
                          const std::string& name);

}  // namespace berth::sif
