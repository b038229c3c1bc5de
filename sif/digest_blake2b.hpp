// BLAKE2b with a 32-byte result (RFC 7693): libcrypto 3.0 has only the 64-byte one, and the shorter is no part of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace berth::sif {

class Blake2b256 {
public:
    Blake2b256() noexcept;
    void add(std::span<const std::byte> bytes) noexcept;
    /// Once; nothing may be added afterwards.
    [[nodiscard]] std::array<std::uint8_t, 32> finish() noexcept;

private:
    void compress(bool last) noexcept;

    std::array<std::uint64_t, 8> state_{};
    std::array<std::byte, 128> block_{};
    std::size_t filled_ = 0;
    std::uint64_t total_ = 0;  ///< bytes; a file never needs the counter's upper half
};

}  // namespace berth::sif
