// Message digests as SIF's signatures use them: only those of the allow-list, computed in one pass over the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "sif/format.hpp"

namespace berth::sif {

inline constexpr std::size_t kMaxDigestSize = 64;  // SHA-512

/// A hash's kind and value. Kinds outside HashKind (MD5, SHA-1, RIPEMD, SHA-224) cannot be expressed.
struct Digest {
    HashKind hash = HashKind::sha256;
    std::array<std::uint8_t, kMaxDigestSize> bytes{};  ///< the first digest_size(hash) of them; zeros follow

    friend bool operator==(const Digest&, const Digest&) = default;
};

/// Bytes of such a digest; 0 for a value that names no hash.
[[nodiscard]] std::size_t digest_size(HashKind hash) noexcept;

/// "sha256", as digests and command lines name it; "unknown" for a value that names no hash.
[[nodiscard]] std::string_view digest_name(HashKind hash) noexcept;
[[nodiscard]] std::optional<HashKind> hash_of_name(std::string_view name) noexcept;

/// "sha256:9f86d0…", lower-case hex.
[[nodiscard]] std::string digest_text(const Digest& digest);

/// Reads digest_text()'s form. Category::image otherwise; a hash that is not on the list has number ENOTSUP.
[[nodiscard]] Result<Digest> parse_digest(std::string_view text);

/// Computes one digest from bytes given in order. Not for two threads at once.
class Hasher {
public:
    /// Category::unsupported when `hash` names none that this build's libcrypto has.
    static Result<Hasher> start(HashKind hash);
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    ~Hasher();

    [[nodiscard]] Status add(std::span<const std::byte> bytes);
    /// The digest of everything added. Once; nothing may be added afterwards.
    [[nodiscard]] Result<Digest> finish();

private:
    struct State;
    explicit Hasher(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

[[nodiscard]] Result<Digest> digest_of(HashKind hash, std::span<const std::byte> bytes);

}  // namespace berth::sif
