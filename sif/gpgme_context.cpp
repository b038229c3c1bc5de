#include "sif/gpgme_context.hpp"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <clocale>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/gpgme_home.hpp"

namespace berth::sif {
namespace {

constexpr const char* kGpg = "/usr/bin/gpg";

/// Once a process. Without gpgconf GPGME runs no program to find out where gpg is, which took longer than verifying.
void start_gpgme() {
    static const bool started = [] {
        gpgme_set_global_flag("disable-gpgconf", "1");
        gpgme_set_global_flag("gpg-name", kGpg);
        gpgme_check_version(nullptr);
        return true;
    }();
    static_cast<void>(started);
}

/// gpgme_passphrase_cb_t: writes the passphrase and a newline to `fd`.
gpgme_error_t give_passphrase(void* hook, const char* hint, const char*, int wrong_before, int fd) {
    const auto& source = *static_cast<const PassphraseSource*>(hook);
    auto passphrase = source({hint == nullptr ? "" : hint, wrong_before != 0});
    if (!passphrase || passphrase->find('\n') != std::string::npos) return gpgme_error(GPG_ERR_CANCELED);
    passphrase->push_back('\n');
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.InnerPointer): data() is asked for after the last change
    const bool given = gpgme_io_writen(fd, passphrase->data(), passphrase->size()) == 0;
    ::explicit_bzero(passphrase->data(), passphrase->size());
    return given ? 0 : gpgme_error(GPG_ERR_CANCELED);
}

Error bad_keyring(const std::string& why) {
    return Error{Category::config, 0,
                 "a keyring cannot be read: " + why + "; it must hold OpenPGP public keys, binary or armoured"};
}

Status import_keyring(gpgme_ctx_t context, const std::string& keyring) {
    if (is_keybox(keyring)) return bad_keyring("it is a GnuPG keybox, which is taken from nobody else");
    BERTH_TRY(const GpgmeData data, data_of(keyring));
    if (const auto error = gpgme_op_import(context, data.get())) return bad_keyring(gpgme_strerror(error));
    const auto* result = gpgme_op_import_result(context);
    if (result != nullptr && result->secret_read > 0) return bad_keyring("there are secret keys in it");
    // Keys without a user id that they signed themselves are left out.
    if (result == nullptr || result->considered == result->no_user_id) return bad_keyring("no valid public key in it");
    return {};
}

}  // namespace

bool is_keybox(std::string_view bytes) noexcept {
    return bytes.size() >= 12 && bytes.substr(8, 4) == "KBXf";
}

Error gpgme_failure(const std::string& what, gpgme_error_t error) {
    switch (gpgme_err_code(error)) {
        case GPG_ERR_INV_ENGINE:
        case GPG_ERR_NO_ENGINE:
            return {Category::unsupported, 0,
                    what + ": GnuPG is not installed as " + kGpg + "; install the package gnupg"};
        case GPG_ERR_CANCELED:
        case GPG_ERR_NO_PASSPHRASE:
        case GPG_ERR_NO_PIN_ENTRY: return {Category::usage, 0, what + ": no passphrase was given"};
        case GPG_ERR_NO_AGENT:
            return {Category::unsupported, 0,
                    what +
                        ": gpg-agent does not start; it needs the package gpg-agent and a folder of keys whose path is "
                        "shorter "
                        "than 90 bytes (BERTH_KEYSDIR)"};
        case GPG_ERR_BAD_PASSPHRASE: return {Category::usage, 0, what + ": the passphrase is wrong"};
        default: return {Category::system, 0, what + ": " + gpgme_strerror(error)};
    }
}

Result<GpgmeData> data_of(std::string_view bytes) {
    gpgme_data_t data = nullptr;
    if (const auto error = gpgme_data_new_from_mem(&data, bytes.data(), bytes.size(), 0))
        return gpgme_failure("GPGME", error);
    return GpgmeData(data);
}

Result<GpgmeData> empty_data() {
    gpgme_data_t data = nullptr;
    if (const auto error = gpgme_data_new(&data)) return gpgme_failure("GPGME", error);
    return GpgmeData(data);
}

Result<std::string> bytes_of(GpgmeData data, std::size_t limit, const std::string& what) {
    std::size_t size = 0;
    char* const memory = gpgme_data_release_and_get_mem(data.release(), &size);
    std::string bytes;
    if (memory != nullptr && size <= limit) bytes.assign(memory, size);
    if (memory != nullptr) ::explicit_bzero(memory, size);  // it may have been a secret key
    gpgme_free(memory);
    if (size > limit)
        return Error{Category::usage, EFBIG, what + ": larger than the limit of " + std::to_string(limit) + " bytes"};
    return bytes;
}

GpgmeContext::GpgmeContext() = default;
GpgmeContext::GpgmeContext(GpgmeContext&&) noexcept = default;
GpgmeContext::~GpgmeContext() = default;

Status GpgmeContext::open(const std::string& home) {
    gpgme_ctx_t context = nullptr;
    if (const auto error = gpgme_new(&context)) return gpgme_failure("GPGME", error);
    context_.reset(context);
    auto error = gpgme_ctx_set_engine_info(context, GPGME_PROTOCOL_OpenPGP, kGpg, home.c_str());
    if (error == 0) error = gpgme_set_protocol(context, GPGME_PROTOCOL_OpenPGP);
    if (error == 0) error = gpgme_set_pinentry_mode(context, GPGME_PINENTRY_MODE_LOOPBACK);
    if (error == 0) error = gpgme_set_ctx_flag(context, "trust-model", "always");
    if (error != 0) return gpgme_failure("GPGME", error);
    gpgme_set_offline(context, 1);
    if (passphrase_ && *passphrase_) gpgme_set_passphrase_cb(context, give_passphrase, passphrase_.get());
    return {};
}

Result<GpgmeContext> GpgmeContext::on_home(const std::string& home, PassphraseSource passphrase) {
    start_gpgme();
    GpgmeContext context;
    BERTH_TRY(AgentOfHome agent, AgentOfHome::share(home));
    context.agent_ = std::make_unique<AgentOfHome>(std::move(agent));
    context.passphrase_ = std::make_unique<PassphraseSource>(std::move(passphrase));
    BERTH_CHECK(context.open(home));
    return context;
}

Result<GpgmeContext> GpgmeContext::in_temporary_home(const std::string& keybox) {
    start_gpgme();
    GpgmeContext context;
    BERTH_TRY(TemporaryHome home, TemporaryHome::create());
    context.temporary_ = std::make_unique<TemporaryHome>(std::move(home));
    if (!keybox.empty()) BERTH_CHECK(context.temporary_->write("pubring.kbx", keybox));
    BERTH_CHECK(context.open(context.temporary_->path()));
    return context;
}

Result<GpgmeContext> GpgmeContext::on_keyrings(const std::vector<std::string>& keyrings) {
    BERTH_TRY(GpgmeContext context, in_temporary_home({}));
    for (const auto& keyring : keyrings)
        if (!keyring.empty()) BERTH_CHECK(import_keyring(context.get(), keyring));
    return context;
}

Result<GpgmeContext> GpgmeContext::on_keybox(const std::string& keybox) {
    return in_temporary_home(keybox);
}

}  // namespace berth::sif
