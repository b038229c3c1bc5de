#include "sif/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sif/digest_objects.hpp"
#include "sif/legacy.hpp"
#include "sif/metadata.hpp"
#include "sif/verify_lazy.hpp"
#include "sif/verify_tasks.hpp"
#include "sif/verify_text.hpp"

namespace berth::sif {
namespace {

class Verification {
public:
    Verification(const Image& image, const VerifyRequest& request, VerifyKeys& keys)
        : image_(image), request_(request), keys_(keys) {}

    Result<VerifyReport> run() {
        BERTH_TRY(tasks_, verify_tasks(image_, request_, report_.problems));
        BERTH_CHECK(check_signatures());
        if (request_.lazy && !tasks_.empty()) {
            BERTH_TRY(report_.lazy, settle_lazily(image_, tasks_.front(), checked_));
        }
        const bool good = !checked_.empty() && std::ranges::all_of(checked_, &CheckedSignature::good);
        report_.unread = request_.only_lazily && !report_.lazy && good;
        if (!report_.unread) {
            BERTH_CHECK(check_objects());
            for (const VerifyTask& task : tasks_) conclude(task);
        }
        for (CheckedSignature& checked : checked_) {
            std::ranges::sort(checked.report.verified);
            report_.signatures.push_back(std::move(checked.report));
        }
        std::ranges::sort(report_.verified);
        if (!report_.all_verified()) report_.lazy.reset();
        return std::move(report_);
    }

private:
    /// From signature objects to expected digests, which is all but the reading of the objects.
    Status check_signatures() {
        std::size_t count = 0;
        for (const VerifyTask& task : tasks_)
            for (const Descriptor& signature : signatures_of(image_, task)) {
                if (++count > kMaxSignatures)
                    return Error{Category::image, E2BIG,
                                 fmt::format("{}: more than {} signatures", image_.name(), kMaxSignatures)};
                BERTH_TRY(SignedText text, signed_text(image_, signature, keys_, request_.legacy));
                if (!text.asked_for) continue;
                CheckedSignature checked = begin(task, signature, text);
                if (checked.good()) BERTH_CHECK(expect(checked, signature, text.text));
                if (concerns(checked)) checked_.push_back(std::move(checked));
            }
        return {};
    }

    static CheckedSignature begin(const VerifyTask& task, const Descriptor& signature, SignedText& text) {
        CheckedSignature checked;
        checked.task = &task;
        checked.report.id = signature.id;
        checked.report.form = text.form;
        checked.report.group = task.group;
        checked.report.object = task.object;
        checked.report.signers = std::move(text.signers);
        checked.fail(text.failure, std::move(text.message));
        return checked;
    }

    /// A good signature of a group that names none of the objects asked for says nothing about them.
    static bool concerns(const CheckedSignature& checked) {
        return !checked.good() || !checked.expected.empty() || !checked.report.verified.empty();
    }

    Status expect(CheckedSignature& checked, const Descriptor& signature, const std::string& text) {
        if (request_.legacy) return expect_legacy(checked, signature, text);
        const auto metadata = parse_metadata(text, where(signature));
        if (!metadata) {
            checked.fail(metadata.error().number == ENOTSUP ? Failure::weak_hash : Failure::malformed,
                         metadata.error().message);
            return {};
        }
        checked.report.hash = metadata->header.hash;
        checked.hash_tree = metadata->hash_tree;
        BERTH_TRY(const Digest header, header_digest(image_.header(), metadata->header.hash));
        if (header != metadata->header) {
            checked.fail(Failure::header_changed,
                         where(signature) + ": the image's header is not the one that was signed");
            return {};
        }
        return expect_objects(checked, signature, *metadata);
    }

    Status expect_objects(CheckedSignature& checked, const Descriptor& signature, const SignedMetadata& metadata) {
        std::map<std::uint64_t, ObjectMetadata> by_id;
        const std::uint64_t lowest = lowest_id(image_, *checked.task->group);
        for (const ObjectMetadata& object : metadata.objects) by_id.emplace(lowest + object.relative_id, object);
        for (const Descriptor& object : checked.task->objects) {
            const auto found = by_id.find(object.id);
            if (found == by_id.end()) {
                if (!checked.task->whole_group) continue;
                checked.fail(Failure::object_not_signed,
                             fmt::format("{}: object {} of the group is not signed", where(signature), object.id),
                             object.id);
                return {};
            }
            const ObjectMetadata& signed_object = found->second;
            BERTH_TRY(const Digest digest,
                      descriptor_digest(object, signed_object.relative_id, signed_object.descriptor.hash));
            if (digest != signed_object.descriptor) {
                checked.fail(Failure::descriptor_changed,
                             fmt::format("{}: the descriptor of object {} is not the one that was signed",
                                         where(signature), object.id),
                             object.id);
                return {};
            }
            checked.expected.emplace_back(object, signed_object.object);
            by_id.erase(found);
        }
        if (checked.task->whole_group && !by_id.empty())
            checked.fail(Failure::object_missing, fmt::format("{}: object {} was signed, and is not in the group",
                                                              where(signature), by_id.begin()->first));
        return {};
    }

    Status expect_legacy(CheckedSignature& checked, const Descriptor& signature, const std::string& text) {
        const HashKind hash = signature_extra(signature).value_or(SignatureExtra{}).hash;
        const auto digest = parse_legacy_text(text, hash);
        if (!digest) {
            checked.fail(digest.error().number == ENOTSUP ? Failure::weak_hash : Failure::malformed,
                         where(signature) + ": " + digest.error().message);
            return {};
        }
        checked.report.hash = hash;
        if (checked.task->objects.size() == 1) {
            checked.expected.emplace_back(checked.task->objects.front(), *digest);
            return {};
        }
        BERTH_TRY(const Digest joined, digest_joined(image_, checked.task->objects, hash, request_.stop));
        if (joined != *digest) {
            checked.fail(Failure::object_changed,
                         where(signature) + ": the group's objects are not those that were signed");
            return {};
        }
        for (const Descriptor& object : checked.task->objects) checked.report.verified.push_back(object.id);
        return {};
    }

    /// Reads every object once for each hash that signatures want of it, and compares.
    Status check_objects() {
        std::map<std::pair<std::uint32_t, HashKind>, std::size_t> numbers;
        std::vector<DigestJob> jobs;
        for (const CheckedSignature& checked : checked_)
            for (const auto& [object, digest] : checked.expected)
                if (checked.good() && numbers.emplace(std::pair(object.id, digest.hash), jobs.size()).second)
                    jobs.push_back({object, digest.hash});
        const auto digests = digest_objects(image_, jobs, request_.threads, request_.stop);
        for (const auto& digest : digests)
            if (!digest) return digest.error();
        for (CheckedSignature& checked : checked_)
            for (const auto& [object, digest] : checked.expected) {
                if (!checked.good()) break;
                if (*digests[numbers.at(std::pair(object.id, digest.hash))] == digest)
                    checked.report.verified.push_back(object.id);
                else
                    checked.fail(Failure::object_changed,
                                 fmt::format("{}: signature object {}: object {} is not what was signed", image_.name(),
                                             checked.report.id, object.id),
                                 object.id);
            }
        return {};
    }

    /// What of the task is verified: confirmed by a signature, while none about it fails.
    void conclude(const VerifyTask& task) {
        bool failed = false;
        std::set<std::uint32_t> confirmed;
        for (const CheckedSignature& checked : checked_) {
            if (checked.task != &task) continue;
            failed = failed || !checked.good();
            confirmed.insert(checked.report.verified.begin(), checked.report.verified.end());
        }
        if (failed) return;
        for (const Descriptor& object : task.objects) {
            if (confirmed.contains(object.id)) {
                report_.verified.push_back(object.id);
                continue;
            }
            report_.problems.push_back(unsigned_problem(task, object));
            if (task.whole_group) return;
        }
    }

    [[nodiscard]] Problem unsigned_problem(const VerifyTask& task, const Descriptor& object) const {
        const std::string subject =
            task.whole_group ? fmt::format("group {}", *task.group) : fmt::format("object {}", object.id);
        const char* const form = request_.legacy ? "legacy signature" : "signature";
        Problem problem{Failure::no_signature, task.group, object.id,
                        fmt::format("{}: no {} of {} by the kind of key given", image_.name(), form, subject)};
        if (task.whole_group) problem.object.reset();
        return problem;
    }

    [[nodiscard]] std::string where(const Descriptor& signature) const {
        return fmt::format("{}: signature object {}", image_.name(), signature.id);
    }

    const Image& image_;
    const VerifyRequest& request_;
    VerifyKeys& keys_;
    std::vector<VerifyTask> tasks_;
    std::vector<CheckedSignature> checked_;
    VerifyReport report_;
};

}  // namespace

bool VerifyReport::all_verified() const noexcept {
    return problems.empty() && !verified.empty() &&
           std::ranges::all_of(signatures, [](const auto& signature) { return signature.failure == Failure::none; });
}

bool VerifyReport::covers(std::uint32_t object) const noexcept {
    return std::ranges::binary_search(verified, object);
}

std::string VerifyReport::first_problem() const {
    for (const SignatureReport& signature : signatures)
        if (signature.failure != Failure::none) return signature.message;
    return problems.empty() ? "" : problems.front().message;
}

Result<VerifyReport> verify(const Image& image, const VerifyRequest& request, VerifyKeys& keys) {
    if (!keys.openpgp && keys.keys.empty()) return Error{Category::usage, 0, image.name() + ": no keys to verify with"};
    if (request.legacy_all && (!request.legacy || !request.groups.empty() || !request.objects.empty()))
        return Error{Category::usage, 0, "every object by a legacy signature: name no group and no object"};
    if (request.only_lazily && !request.lazy)
        return Error{Category::usage, 0, "verification by a hash tree alone: ask for one by a hash tree"};
    if (request.lazy && (request.legacy || !request.groups.empty() || !request.objects.empty()))
        return Error{Category::usage, 0,
                     "verification by a hash tree: name no group and no object, and no legacy form"};
    return Verification(image, request, keys).run();
}

}  // namespace berth::sif
