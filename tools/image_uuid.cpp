#include "tools/image_uuid.hpp"

#include <sys/random.h>

#include <algorithm>
#include <vector>

#include "runtime/base/io.hpp"

namespace berth::tools {
namespace {

Uuid versioned(Uuid uuid, unsigned version) noexcept {
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0FU) | (version << 4));
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3FU) | 0x80U);
    return uuid;
}

}  // namespace

Result<Uuid> random_uuid() {
    Uuid uuid{};
    if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size())) return errno_error("getrandom");
    return versioned(uuid, 4);
}

Result<Uuid> derived_uuid(int fd, std::uint64_t size, std::uint32_t time) {
    std::uint64_t hash = 0xcbf29ce484222325;
    std::vector<std::byte> buffer(1U << 20);
    for (std::uint64_t done = 0; done < size;) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), size - done));
        BERTH_CHECK(pread_exact(fd, part, done, "the squashfs"));
        for (const std::byte byte : part) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
        done += part.size();
    }
    Uuid uuid{};
    for (std::size_t i = 0; i < 8; ++i) {
        uuid[i] = static_cast<std::uint8_t>(hash >> (56 - 8 * i));
        uuid[8 + i] = static_cast<std::uint8_t>(std::uint64_t{time} >> (56 - 8 * i));
    }
    return versioned(uuid, 8);
}

}  // namespace berth::tools
