#include "sif/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <variant>

#include "runtime/base/text.hpp"
#include "sif/digest_blake2b.hpp"

namespace berth::sif {
namespace {

struct Kind {
    HashKind hash;
    std::string_view name;
    std::size_t size;
    const EVP_MD* (*method)();  // none: Blake2b256
};
constexpr std::array<Kind, 5> kKinds{{{HashKind::sha256, "sha256", 32, EVP_sha256},
                                      {HashKind::sha384, "sha384", 48, EVP_sha384},
                                      {HashKind::sha512, "sha512", 64, EVP_sha512},
                                      {HashKind::blake2s_256, "blake2s_256", 32, EVP_blake2s256},
                                      {HashKind::blake2b_256, "blake2b_256", 32, nullptr}}};

const Kind* kind_of(HashKind hash) noexcept {
    const auto* const found = std::ranges::find(kKinds, hash, &Kind::hash);
    return found == kKinds.end() ? nullptr : found;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Error crypto_failed() {
    return Error{Category::internal, 0, "libcrypto failed to compute a digest"};
}

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::size_t digest_size(HashKind hash) noexcept {
    const Kind* const kind = kind_of(hash);
    return kind == nullptr ? 0 : kind->size;
}

std::string_view digest_name(HashKind hash) noexcept {
    const Kind* const kind = kind_of(hash);
    return kind == nullptr ? "unknown" : kind->name;
}

std::optional<HashKind> hash_of_name(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(kKinds, name, &Kind::name);
    return found == kKinds.end() ? std::nullopt : std::optional(found->hash);
}

std::string digest_text(const Digest& digest) {
    std::string text(digest_name(digest.hash));
    text += ':';
    for (std::size_t i = 0; i < digest_size(digest.hash); ++i) text += fmt::format("{:02x}", digest.bytes[i]);
    return text;
}

Result<Digest> parse_digest(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos)
        return Error{Category::image, 0, fmt::format("digest \"{}\": expected HASH:HEX", printable(text))};
    const auto hash = hash_of_name(text.substr(0, colon));
    if (!hash)
        return Error{Category::image, ENOTSUP,
                     fmt::format("hash {} is not accepted; sha256, sha384, sha512, blake2s_256 and blake2b_256 are",
                                 printable(text.substr(0, colon), 32))};
    Digest digest{*hash, {}};
    const std::string_view hex = text.substr(colon + 1);
    if (hex.size() != 2 * digest_size(*hash))
        return Error{Category::image, 0,
                     fmt::format("digest has {} hex digits, {} needs {}", hex.size(), digest_name(*hash),
                                 2 * digest_size(*hash))};
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const int value = hex_value(hex[i]);
        if (value < 0) return Error{Category::image, 0, "digest is not lower-case hex"};
        digest.bytes[i / 2] = static_cast<std::uint8_t>(digest.bytes[i / 2] * 16 + value);
    }
    return digest;
}

struct Hasher::State {
    HashKind hash;
    std::variant<Context, Blake2b256> method;
};

Hasher::Hasher(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

Result<Hasher> Hasher::start(HashKind hash) {
    const Kind* const kind = kind_of(hash);
    if (kind == nullptr)
        return Error{Category::unsupported, ENOTSUP, fmt::format("no hash has the number {}", static_cast<int>(hash))};
    if (kind->method == nullptr) return Hasher(std::make_unique<State>(State{hash, Blake2b256()}));
    Context context(EVP_MD_CTX_new());
    if (!context || EVP_DigestInit_ex(context.get(), kind->method(), nullptr) != 1)
        return Error{Category::unsupported, ENOTSUP, fmt::format("libcrypto refuses {}", kind->name)};
    return Hasher(std::make_unique<State>(State{hash, std::move(context)}));
}

Status Hasher::add(std::span<const std::byte> bytes) {
    if (auto* const own = std::get_if<Blake2b256>(&state_->method)) {
        own->add(bytes);
        return {};
    }
    if (EVP_DigestUpdate(std::get<Context>(state_->method).get(), bytes.data(), bytes.size()) != 1)
        return crypto_failed();
    return {};
}

Result<Digest> Hasher::finish() {
    Digest digest{state_->hash, {}};
    if (auto* const own = std::get_if<Blake2b256>(&state_->method)) {
        std::ranges::copy(own->finish(), digest.bytes.begin());
        return digest;
    }
    unsigned size = 0;
    if (EVP_DigestFinal_ex(std::get<Context>(state_->method).get(), digest.bytes.data(), &size) != 1 ||
        size != digest_size(digest.hash))
        return crypto_failed();
    return digest;
}

Result<Digest> digest_of(HashKind hash, std::span<const std::byte> bytes) {
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    BERTH_CHECK(hasher.add(bytes));
    return hasher.finish();
}

}  // namespace berth::sif
