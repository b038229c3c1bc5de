// X.509 certificates as the source of a verification key.
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

#include "sif/dsse_openssl.hpp"

namespace berth::sif {
namespace {

/// How many certificates a bundle may hold; the system's has some 150.
constexpr int kMaxCertificates = 1024;
/// Certificates between the signer's and the root. Public authorities use one or two.
constexpr int kMaxChainDepth = 8;
/// OpenSSL's level 2: at least 112 bits, so no SHA-1, MD5, or RSA below 2048.
constexpr int kSecurityLevel = 2;

using Store = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), FreeStack>;

Certificate read_certificate(BIO* bio) {
    // Never asks for a passphrase: no certificate has one.
    return Certificate(PEM_read_bio_X509(
        bio, nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
}

Result<Certificates> read_certificates(const std::string& pem, const std::string& what) {
    Certificates stack(sk_X509_new_null());
    const Bio bio = bio_of(pem);
    if (!stack || !bio) return Error{Category::usage, 0, what + ": too large"};
    while (Certificate next = read_certificate(bio.get())) {
        if (sk_X509_num(stack.get()) == kMaxCertificates)
            return Error{Category::usage, 0, fmt::format("{}: more than {} certificates", what, kMaxCertificates)};
        if (sk_X509_push(stack.get(), next.get()) == 0) return Error{Category::system, ENOMEM, what};
        std::ignore = next.release();
    }
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        return Error{Category::usage, 0, what + ": holds a certificate that cannot be read"};
    return stack;
}

Result<Store> trust_store(const CertificateRequest& request) {
    Store store(X509_STORE_new());
    if (!store) return Error{Category::system, ENOMEM, "X.509 store"};
    if (!request.roots) {
        if (X509_STORE_set_default_paths(store.get()) != 1)
            return Error{Category::config, 0, "the system's root certificates cannot be read"};
        return store;
    }
    BERTH_TRY(const Certificates roots, read_certificates(*request.roots, "root certificates"));
    if (sk_X509_num(roots.get()) == 0) return Error{Category::usage, 0, "root certificates: the file holds none"};
    for (int i = 0; i < sk_X509_num(roots.get()); ++i)
        if (X509_STORE_add_cert(store.get(), sk_X509_value(roots.get(), i)) != 1)
            return Error{Category::system, 0, "root certificates: libcrypto refuses one"};
    return store;
}

std::string subject_of(const X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) return "";
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(std::max(0L, size))};
}

/// The signer's certificate must say that it is for code signing; those above may only not exclude it.
Status check_usage(X509_STORE_CTX* context, const std::string& name) {
    const STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* const certificate = sk_X509_value(chain, i);
        const std::uint32_t usage = X509_get_extended_key_usage(certificate);  // all bits: there is no such extension
        const bool allows = (usage & (XKU_CODE_SIGN | XKU_ANYEKU)) != 0;
        if (!allows || (i == 0 && usage == UINT32_MAX))
            return Error{Category::denied, 0,
                         fmt::format("{}: certificate \"{}\" is not for code signing", name, subject_of(certificate))};
    }
    if ((X509_get_key_usage(sk_X509_value(chain, 0)) & KU_DIGITAL_SIGNATURE) == 0)
        return Error{Category::denied, 0, name + ": the certificate's key usage forbids signatures"};
    return {};
}

Status check_chain(X509* leaf, const CertificateRequest& request) {
    BERTH_TRY(const Certificates intermediates, read_certificates(request.intermediates, "intermediate certificates"));
    BERTH_TRY(const Store store, trust_store(request));
    const StoreContext context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store.get(), leaf, intermediates.get()) != 1)
        return Error{Category::system, ENOMEM, "X.509 verification"};
    X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(context.get());
    // Whatever is given as a root is one, self-signed or not, as elsewhere.
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
    X509_VERIFY_PARAM_set_depth(rules, kMaxChainDepth);
    X509_VERIFY_PARAM_set_time(rules, request.time ? static_cast<time_t>(*request.time) : std::time(nullptr));
    const int good = X509_verify_cert(context.get());
    ERR_clear_error();
    if (good != 1) {
        const X509* const where = X509_STORE_CTX_get_current_cert(context.get());
        return Error{Category::denied, 0,
                     fmt::format("{}: certificate \"{}\": {}", request.name, where == nullptr ? "" : subject_of(where),
                                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())))};
    }
    return check_usage(context.get(), request.name);
}

}  // namespace

Result<VerificationKey> key_of_certificate(const CertificateRequest& request) {
    const Bio bio = bio_of(request.certificate);
    const Certificate leaf = bio ? read_certificate(bio.get()) : nullptr;
    ERR_clear_error();
    if (!leaf) return Error{Category::usage, 0, request.name + ": expected a PEM file with a certificate"};
    BERTH_CHECK(check_chain(leaf.get(), request));
    PublicKey key(X509_get_pubkey(leaf.get()));
    if (!key) return Error{Category::unsupported, 0, request.name + ": the certificate's key cannot be read"};
    BERTH_CHECK(check_key(key.get(), request.name));
    return KeyMaker::make(std::move(key), subject_of(leaf.get()));
}

}  // namespace berth::sif
