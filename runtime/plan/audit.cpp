#include "runtime/plan/audit.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using Json = nlohmann::ordered_json;

Json image_json(const AuditEvent& event) {
    if (!event.image) return {{"path", event.asked}};
    const ImageInfo& image = *event.image;
    Json json{{"path", image.path}, {"device", image.device}, {"inode", image.inode}, {"bytes", image.file_bytes}};
    if (!image.signature) return json;
    if (image.signature->tree) json["digest"] = "verity-sha256:" + hexadecimal(std::span(image.signature->tree->root));
    if (!image.signature->copy.empty()) json["digest"] = "sha256:" + image.signature->copy;
    return json;
}

Json signers_json(const std::optional<ImageInfo>& image) {
    Json signers = Json::array();
    if (image && image->signature)
        for (const ImageSigner& signer : image->signature->signers) signers.push_back({{"key", signer.key}, {"name", signer.name}});
    return signers;
}

/// The rule that decided: the first that refused, else what let the image run.
std::string rule_of(const Decision& decision) {
    const auto first = [&](const auto& matches) {
        const auto found = std::ranges::find_if(decision.rulings, matches);
        return found == decision.rulings.end() ? std::string() : found->rule;
    };
    if (decision.refusal) return first([](const Ruling& ruling) { return ruling.outcome == kRefused; });
    for (const std::string_view subject : {"execution control", "signature", "image format"})
        if (auto rule = first([&](const Ruling& ruling) { return ruling.subject == subject; }); !rule.empty()) return rule;
    return {};
}

}  // namespace

std::string audit_line(const AuditEvent& event, const JobContext& job) {
    const bool refused = event.decision && event.decision->refusal;
    Json json{{"time", event.time}, {"node", event.node}};
    if (job.launch == Launch::slurm) {
        json["job"] = job.job;
        json["step"] = job.step;
    }
    json["uid"] = job.uid;
    json["user"] = job.user;
    json["image"] = image_json(event);
    json["signers"] = signers_json(event.image);
    json["rule"] = event.decision ? rule_of(*event.decision) : "";
    json["outcome"] = refused ? "refused" : event.failure ? "failed" : "allowed";
    if (refused) json["message"] = event.decision->refusal->message;
    else if (event.failure) json["message"] = event.failure->message;
    // ASCII alone: readers split lines at more than '\n', and terminals obey more than ASCII's control characters.
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace berth
