#include "runtime/exec/linker_cache.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::string_view kOldMagic = "ld.so-1.7.0";
constexpr std::size_t kOldHeader = 16;  // the magic, padded; then the number of entries at 12
constexpr std::size_t kOldEntry = 12;
constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::size_t kHeader = 48;  // magic 20, entries 4, bytes of strings 4, byte order 1, the rest unused here
constexpr std::size_t kEntry = 24;   // flags 4, name 4, path 4, unused 4, processors 8
constexpr std::size_t kByteOrderAt = 28;

// What ldconfig writes for libraries of glibc's, of the native ABI.
#if defined(__x86_64__) && defined(__LP64__)
constexpr std::uint32_t kNative = 0x0303;
#elif defined(__aarch64__) && defined(__LP64__)
constexpr std::uint32_t kNative = 0x0a03;
#elif defined(__powerpc64__)
constexpr std::uint32_t kNative = 0x0503;
#elif defined(__riscv) && defined(__riscv_float_abi_double)
constexpr std::uint32_t kNative = 0x1003;
#elif defined(__s390x__)
constexpr std::uint32_t kNative = 0x0403;
#else
constexpr std::uint32_t kNative = 0x0003;
#endif
constexpr std::uint32_t kAbiMask = 0xffff;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr unsigned kNativeOrder = 2;
#else
constexpr unsigned kNativeOrder = 3;
#endif

Error malformed(const std::string& what) {
    return Error{Category::config, 0, "/etc/ld.so.cache " + what + ": make it anew with ldconfig"};
}

template <typename T>
T number_at(std::string_view bytes, std::size_t at) {
    T value{};
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

/// Where glibc's own format begins, with which its offsets are counted.
std::optional<std::string_view> of_glibc(std::string_view bytes) {
    if (bytes.starts_with(kOldMagic)) {
        if (bytes.size() < kOldHeader) return std::nullopt;
        const std::size_t entries = number_at<std::uint32_t>(bytes, 12);
        if (entries > (bytes.size() - kOldHeader) / kOldEntry) return std::nullopt;
        const std::size_t end = (kOldHeader + entries * kOldEntry + 7) / 8 * 8;
        if (end > bytes.size()) return std::nullopt;
        bytes.remove_prefix(end);
    }
    if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) return std::nullopt;
    return bytes;
}

/// The text at an offset, up to its NUL.
std::optional<std::string_view> text_at(std::string_view bytes, std::uint32_t offset) {
    if (offset < kHeader || offset >= bytes.size()) return std::nullopt;
    const std::string_view rest = bytes.substr(offset);
    const std::size_t end = rest.find('\0');
    return end == std::string_view::npos || end == 0 ? std::nullopt : std::optional(rest.substr(0, end));
}

bool is_library(std::string_view name, std::string_view path) {
    return name.find('/') == std::string_view::npos && name != "." && name != ".." && path.starts_with('/') && printable(name) == name &&
           printable(path, path.size()) == path;
}

}  // namespace

Result<std::vector<LinkerEntry>> parse_linker_cache(std::string_view bytes) {
    const auto cache = of_glibc(bytes);
    if (!cache) return malformed("is not in the form of glibc's");
    const unsigned order = static_cast<unsigned char>((*cache)[kByteOrderAt]) & 3U;
    if (order != 0 && order != kNativeOrder) return malformed("is another machine's");
    const std::size_t entries = number_at<std::uint32_t>(*cache, kMagic.size());
    if (entries > (cache->size() - kHeader) / kEntry) return malformed("is cut");
    std::vector<LinkerEntry> found;
    for (std::size_t i = 0; i < entries; ++i) {
        const std::string_view entry = cache->substr(kHeader + i * kEntry, kEntry);
        const bool native = (number_at<std::uint32_t>(entry, 0) & kAbiMask) == kNative;
        if (!native || number_at<std::uint64_t>(entry, 16) != 0) continue;
        const auto name = text_at(*cache, number_at<std::uint32_t>(entry, 4));
        const auto path = text_at(*cache, number_at<std::uint32_t>(entry, 8));
        if (!name || !path || !is_library(*name, *path)) return malformed("has an entry that leads nowhere");
        found.push_back({std::string(*name), std::string(*path)});
    }
    return found;
}

}  // namespace berth
