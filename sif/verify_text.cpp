#include "sif/verify_text.hpp"

#include <fmt/format.h>

#include "sif/digest.hpp"
#include "sif/dsse.hpp"
#include "sif/legacy.hpp"
#include "sif/names.hpp"
#include "sif/openpgp_cleartext.hpp"

namespace berth::sif {
namespace {

SignedText refused(SignatureForm form, Failure failure, std::string message) {
    SignedText refusal;
    refusal.form = form;
    refusal.failure = failure;
    refusal.message = std::move(message);
    return refusal;
}

SignedText not_asked_for() {
    SignedText other;
    other.asked_for = false;
    return other;
}

Result<SignedText> openpgp_text(const std::string& bytes, const SignatureExtra& claimed, OpenPgpVerifier& verifier,
                                bool legacy, const std::string& what) {
    const SignatureForm form = legacy ? SignatureForm::legacy : SignatureForm::openpgp;
    // Which form it is, before anybody vouches for the text: a changed answer makes it a signature that nobody counts.
    const auto framed = parse_cleartext(bytes, what);
    if (!framed) return refused(form, Failure::malformed, framed.error().message);
    if (is_legacy_text(framed->text) != legacy) return not_asked_for();
    BERTH_TRY(OpenPgpCheck check, verifier.check(bytes, what));
    SignedText result = refused(form, check.failure, std::move(check.message));
    if (!check.signer.key.empty()) result.signers.push_back(check.signer);
    if (result.failure != Failure::none) return result;
    const std::string claim = hex_text(claimed.fingerprint);
    if (claim != check.signer.key) {
        result.failure = Failure::fingerprint_mismatch;
        result.message = fmt::format("{}: its descriptor claims key {}, but key {} signed", what,
                                     claimed.has_fingerprint() ? claim : "(none)", check.signer.key);
        return result;
    }
    result.text = std::move(check.text);
    return result;
}

/// The keys that signed the envelope, among those given.
std::vector<SignedBy> signers_of(const Envelope& envelope, const std::vector<VerificationKey>& keys, HashKind hash) {
    const std::string message = signed_bytes(envelope.payload);
    std::vector<SignedBy> signers;
    for (const VerificationKey& key : keys)
        for (const EnvelopeSignature& signature : envelope.signatures)
            if ((signature.key_id.empty() || signature.key_id == key.id()) &&
                key.verifies(message, signature.bytes, hash)) {
                signers.push_back({key.id(), key.name()});
                break;
            }
    return signers;
}

bool names_one_of(const Envelope& envelope, const std::vector<VerificationKey>& keys) {
    for (const VerificationKey& key : keys)
        for (const EnvelopeSignature& signature : envelope.signatures)
            if (signature.key_id == key.id()) return true;
    return false;
}

SignedText dsse_text(const std::string& bytes, const SignatureExtra& claimed, const std::vector<VerificationKey>& keys,
                     const std::string& what) {
    auto envelope = parse_envelope(bytes, what);
    if (!envelope) return refused(SignatureForm::dsse, Failure::malformed, envelope.error().message);
    if (digest_size(claimed.hash) == 0)
        return refused(
            SignatureForm::dsse, Failure::weak_hash,
            fmt::format("{}: signed over hash number {}, which is not accepted", what, static_cast<int>(claimed.hash)));
    SignedText result;
    result.form = SignatureForm::dsse;
    result.signers = signers_of(*envelope, keys, claimed.hash);
    if (result.signers.empty()) {
        if (names_one_of(*envelope, keys))
            return refused(SignatureForm::dsse, Failure::bad_signature,
                           what + ": the signature does not match the key that it names");
        return refused(SignatureForm::dsse, Failure::unknown_key, what + ": signed by none of the keys given");
    }
    if (claimed.has_fingerprint()) {
        result.failure = Failure::fingerprint_mismatch;
        result.message =
            what + ": its descriptor claims an OpenPGP key, but it is signed with " + result.signers.front().key;
        return result;
    }
    result.failure = Failure::none;
    result.text = std::move(envelope->payload);
    return result;
}

}  // namespace

Result<SignedText> signed_text(const Image& image, const Descriptor& signature, VerifyKeys& keys, bool legacy) {
    const std::string what = fmt::format("{}: signature object {}", image.name(), signature.id);
    const SignatureExtra claimed = signature_extra(signature).value_or(SignatureExtra{});
    if (signature.size > kMaxSignatureSize)
        return refused(SignatureForm::openpgp, Failure::malformed,
                       fmt::format("{}: {} bytes, at most {} are read", what, signature.size, kMaxSignatureSize));
    BERTH_TRY(const std::string bytes, image.read_object(signature, kMaxSignatureSize));
    if (looks_like_envelope(bytes)) {
        if (keys.keys.empty() || legacy) return not_asked_for();
        return dsse_text(bytes, claimed, keys.keys, what);
    }
    if (!keys.openpgp) return not_asked_for();
    return openpgp_text(bytes, claimed, *keys.openpgp, legacy, what);
}

}  // namespace berth::sif
