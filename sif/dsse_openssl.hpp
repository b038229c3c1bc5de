// OpenSSL's objects with owners, for the sources of dsse_key.hpp alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "sif/dsse_key.hpp"

namespace berth::sif {

template <auto Free>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using PublicKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

/// Bytes for OpenSSL to read; they are not copied. Null when memory is out or the text is longer than kMaxPemSize.
[[nodiscard]] Bio bio_of(std::string_view bytes);

/// Category::unsupported for a kind of key, a curve or a size that is not on the list.
[[nodiscard]] Status check_key(const EVP_PKEY* key, const std::string& name);

/// The key's id, as VerificationKey::id() has it; empty for a key that check_key() refuses.
[[nodiscard]] std::string key_id(const EVP_PKEY* key);

/// The digest to give to EVP_DigestSign and EVP_DigestVerify; none for ed25519, or for a hash outside SHA-2.
[[nodiscard]] const EVP_MD* signature_hash(const EVP_PKEY* key, HashKind hash);

/// Makes a VerificationKey of a checked key.
struct KeyMaker {
    static VerificationKey make(PublicKey key, std::string name);
};

}  // namespace berth::sif
