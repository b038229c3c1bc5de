// The id of a key: the SHA-256 of its SSH form.
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <array>

#include "sif/digest.hpp"
#include "sif/dsse.hpp"
#include "sif/dsse_openssl.hpp"

namespace berth::sif {
namespace {

using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

struct Curve {
    std::string_view openssl;
    std::string_view ssh;
    int bytes;
};
constexpr std::array<Curve, 3> kCurves{
    {{"prime256v1", "nistp256", 32}, {"secp384r1", "nistp384", 48}, {"secp521r1", "nistp521", 66}}};

Number number_of(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key, name, &number);
    return Number(number);
}

/// The number's bytes, the highest first, in `size` bytes; or in as many as it has.
std::string bytes_of(const Number& number, int size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), size) != size) bytes.clear();
    return bytes;
}

/// SSH's "string": its length in four bytes, then itself.
std::string field(std::string_view bytes) {
    std::string result;
    for (int shift = 24; shift >= 0; shift -= 8) result += static_cast<char>((bytes.size() >> shift) & 255);
    return result.append(bytes);
}

/// SSH's "mpint": a leading zero byte keeps it positive.
std::string integer(const Number& number) {
    return field(bytes_of(number, BN_num_bits(number.get()) / 8 + 1));
}

std::string rsa_form(const EVP_PKEY* key) {
    const Number e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    const Number n = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    return e && n ? field("ssh-rsa") + integer(e) + integer(n) : "";
}

std::string ec_form(const EVP_PKEY* key) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1)
        return "";
    const Number x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X);
    const Number y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    for (const Curve& curve : kCurves)
        if (x && y && std::string_view(group.data(), size) == curve.openssl)
            return field("ecdsa-sha2-" + std::string(curve.ssh)) + field(curve.ssh) +
                   field("\x04" + bytes_of(x, curve.bytes) + bytes_of(y, curve.bytes));
    return "";
}

std::string ed25519_form(const EVP_PKEY* key) {
    std::string bytes(32, '\0');
    std::size_t size = bytes.size();
    if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1) return "";
    return field("ssh-ed25519") + field(bytes);
}

}  // namespace

std::string key_id(const EVP_PKEY* key) {
    std::string form;
    if (EVP_PKEY_is_a(key, "ED25519") == 1) form = ed25519_form(key);
    if (EVP_PKEY_is_a(key, "RSA") == 1) form = rsa_form(key);
    if (EVP_PKEY_is_a(key, "EC") == 1) form = ec_form(key);
    const auto digest = digest_of(HashKind::sha256, std::as_bytes(std::span(form)));
    if (form.empty() || !digest) return "";
    std::string text = encode_base64({reinterpret_cast<const char*>(digest->bytes.data()), digest_size(digest->hash)});
    while (text.ends_with('=')) text.pop_back();
    return "SHA256:" + text;
}

}  // namespace berth::sif
