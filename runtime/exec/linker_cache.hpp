// The cache in which ld.so finds libraries: /etc/ld.so.cache, as ldconfig(8) writes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth {

/// A library that programs of this node's own architecture and ABI find by its name.
struct LinkerEntry {
    std::string name;  ///< "libcuda.so.1": one path component
    std::string path;  ///< absolute
    bool operator==(const LinkerEntry&) const = default;
};

/// Largest cache that is read, in bytes.
inline constexpr std::size_t kMaxLinkerCache = std::size_t{64} << 20;

/// The entries for this architecture, in the cache's order, but for variants for some processors (glibc-hwcaps).
/// Understands glibc's format (glibc-ld.so.cache1.1), alone or behind the old one (ld.so-1.7.0), in this machine's byte order.
/// Every offset is checked; an entry whose name or path is out of bounds, or not a file's, makes the whole cache
/// Category::config. Source: glibc's sysdeps/generic/dl-cache.h describes the format.
[[nodiscard]] Result<std::vector<LinkerEntry>> parse_linker_cache(std::string_view bytes);

}  // namespace berth
