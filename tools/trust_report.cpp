#include "tools/trust_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "runtime/base/text.hpp"
#include "sif/digest.hpp"

namespace berth::tools {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(std::optional<std::uint32_t> number) {
    return number ? Json(*number) : Json(nullptr);
}

Json signature_json(const sif::SignatureReport& signature, const std::set<std::string>& fetched) {
    Json signers = Json::array();
    for (const sif::SignedBy& signer : signature.signers)
        signers.push_back({{"key", signer.key}, {"name", signer.name}, {"fetched", fetched.contains(signer.key)}});
    return {{"id", signature.id},
            {"form", sif::name_of(signature.form)},
            {"group", number_or_null(signature.group)},
            {"object", number_or_null(signature.object)},
            {"signers", signers},
            {"hash", sif::digest_name(signature.hash)},
            {"verified", signature.verified},
            {"failure", sif::name_of(signature.failure)},
            {"culprit", number_or_null(signature.culprit)},
            {"message", signature.message}};
}

}  // namespace

std::string report_text(const sif::VerifyReport& report, const std::string& image,
                        const std::set<std::string>& fetched) {
    std::string text;
    for (const sif::SignatureReport& signature : report.signatures) {
        if (signature.failure != sif::Failure::none) continue;
        const std::string subject = signature.group ? fmt::format("group {}", *signature.group)
                                                    : fmt::format("object {}", signature.object.value_or(0));
        text += fmt::format("Signature {} of {} ({}, {}) confirms objects {}\n", signature.id, subject,
                            sif::name_of(signature.form), sif::digest_name(signature.hash),
                            fmt::join(signature.verified, ", "));
        for (const sif::SignedBy& signer : signature.signers)
            text += fmt::format("    signed by {} {}{}\n", signer.key, printable(signer.name),
                                fetched.contains(signer.key) ? " (key fetched from the server, not in a keyring)" : "");
    }
    if (report.all_verified()) text += fmt::format("{}: verified\n", printable(image, 4096));
    return text;
}

std::string report_json(const sif::VerifyReport& report, const std::string& image,
                        const std::set<std::string>& fetched) {
    Json signatures = Json::array();
    for (const auto& signature : report.signatures) signatures.push_back(signature_json(signature, fetched));
    Json problems = Json::array();
    for (const sif::Problem& problem : report.problems)
        problems.push_back({{"failure", sif::name_of(problem.failure)},
                            {"group", number_or_null(problem.group)},
                            {"object", number_or_null(problem.object)},
                            {"message", problem.message}});
    const Json value{{"image", image},
                     {"verified", report.all_verified()},
                     {"objects", report.verified},
                     {"signatures", signatures},
                     {"problems", problems}};
    // Names and messages may hold anything; what is not UTF-8 becomes U+FFFD.
    return value.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::string report_failures(const sif::VerifyReport& report) {
    std::string text;
    for (const auto& signature : report.signatures)
        if (signature.failure != sif::Failure::none)
            text += fmt::format("berth: {}\n", printable(signature.message, 4096));
    for (const auto& problem : report.problems) text += fmt::format("berth: {}\n", printable(problem.message, 4096));
    return text;
}

}  // namespace berth::tools
