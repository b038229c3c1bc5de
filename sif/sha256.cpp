#define OPENSSL_SUPPRESS_DEPRECATED
#include "sif/sha256.hpp"

#include <openssl/sha.h>

namespace berth::sif {

struct Sha256Stream::State {
    SHA256_CTX context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::add(std::span<const std::byte> bytes) noexcept {
    SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

Sha256 Sha256Stream::digest() noexcept {
    Sha256 digest;
    SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state_->context);
    return digest;
}

// Without an object: this is called for each block that is read.
Sha256 sha256(std::span<const std::byte> bytes) noexcept {
    Sha256 digest;
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context);
    return digest;
}

}  // namespace berth::sif
