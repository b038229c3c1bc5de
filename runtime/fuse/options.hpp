// The command line of berth-fuse.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/base/result.hpp"

namespace berth::fuse {

/// A user and group id, written UID:GID on the command line.
struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    bool operator==(const Identity&) const = default;
};

/// The hash tree that every byte of the partition is checked against: sif/hash_tree.hpp.
struct Tree {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::array<std::byte, 32> root{};
    bool operator==(const Tree&) const = default;
};

/// What the parent asked for. Descriptors are inherited: berth-fuse owns them from its start.
struct Options {
    int parent_fd = -1;                ///< socket to the parent: parent.hpp
    int image_fd = -1;                 ///< the image, opened O_RDONLY
    std::uint64_t offset = 0;          ///< the squashfs' first byte in the image
    std::uint64_t size = 0;            ///< the partition's length in bytes
    std::optional<Tree> tree;          ///< nothing: the bytes are taken as they are
    std::optional<Identity> owner;     ///< reported for every file instead of what the image says
    std::optional<Identity> user;      ///< dropped to before the image is read
    unsigned threads = 0;              ///< 0: one a CPU of the affinity mask, at most kMaxThreads
    std::uint64_t max_memory = 0;      ///< address space in bytes
    unsigned request_cpu_seconds = 0;  ///< CPU time after which one request counts as endless
};

inline constexpr unsigned kMaxThreads = 8;
inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kDefaultMemoryMiB = 256;
inline constexpr std::uint64_t kMinMemoryMiB = 64;
inline constexpr unsigned kDefaultRequestCpuSeconds = 10;

inline constexpr const char* kUsage =
    "usage: berth-fuse --parent-fd N --image-fd N --offset BYTES --size BYTES [--owner UID:GID] [--user UID:GID]\n"
    "                  [--tree OFFSET:SIZE:SHA256] [--threads N] [--max-memory MIB] [--request-cpu-seconds N]\n";

/// Reads `arguments` (without the program's name), each option as "--name value".
/// Category::usage, naming the option and its value. Opens and checks no descriptor.
[[nodiscard]] Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace berth::fuse
