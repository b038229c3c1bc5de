#include "sif/signature.hpp"

namespace berth::sif {

std::string_view name_of(Failure failure) noexcept {
    switch (failure) {
        case Failure::none: return "none";
        case Failure::not_checked: return "not_checked";
        case Failure::no_signature: return "no_signature";
        case Failure::malformed: return "malformed";
        case Failure::bad_signature: return "bad_signature";
        case Failure::unknown_key: return "unknown_key";
        case Failure::expired_key: return "expired_key";
        case Failure::expired_signature: return "expired_signature";
        case Failure::revoked_key: return "revoked_key";
        case Failure::weak_key: return "weak_key";
        case Failure::weak_hash: return "weak_hash";
        case Failure::fingerprint_mismatch: return "fingerprint_mismatch";
        case Failure::header_changed: return "header_changed";
        case Failure::descriptor_changed: return "descriptor_changed";
        case Failure::object_changed: return "object_changed";
        case Failure::object_not_signed: return "object_not_signed";
        case Failure::object_missing: return "object_missing";
        case Failure::outside_groups: return "outside_groups";
    }
    return "unknown";
}

std::string_view name_of(SignatureForm form) noexcept {
    switch (form) {
        case SignatureForm::openpgp: return "openpgp";
        case SignatureForm::dsse: return "dsse";
        case SignatureForm::legacy: return "legacy";
    }
    return "unknown";
}

}  // namespace berth::sif
