// From a signature object to the text that an authorised key signed. For verify.cpp.
#pragma once

#include "sif/verify.hpp"

namespace berth::sif {

struct SignedText {
    /// False: a signature of a form, or by a kind of key, that was not asked for. The rest says nothing then.
    bool asked_for = true;
    SignatureForm form = SignatureForm::openpgp;
    Failure failure = Failure::not_checked;
    std::string message;
    std::vector<SignedBy> signers;
    std::string text;  ///< only when failure is none
};

/// Reads and checks one signature object. An Error means that it could not be checked; what is wrong with the signature
/// is in the result.
[[nodiscard]] Result<SignedText> signed_text(const Image& image, const Descriptor& signature, VerifyKeys& keys,
                                             bool legacy);

}  // namespace berth::sif
