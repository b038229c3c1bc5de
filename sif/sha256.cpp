// OpenSSL's three plain functions: no provider is looked up and nothing is set up (as SHA256() and EVP do), which a
// server that starts with every container would pay for each time.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "sif/hash_tree.hpp"

namespace berth::sif {

Sha256 sha256(std::span<const std::byte> bytes) noexcept {
    Sha256 digest;
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context);
    return digest;
}

}  // namespace berth::sif
