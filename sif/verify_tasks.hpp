// What a verification has to do, worked out from the request and the descriptors alone. For verify.cpp.
#pragma once

#include <vector>

#include "sif/digest.hpp"
#include "sif/verify.hpp"

namespace berth::sif {

/// Objects that signatures of one kind have to confirm.
struct VerifyTask {
    std::optional<std::uint32_t> group;   ///< signatures of this group…
    std::optional<std::uint32_t> object;  ///< …or of this object alone (legacy)
    std::vector<Descriptor> objects;      ///< what they have to confirm, by id
    bool whole_group = false;             ///< and they may name nothing else
};

/// A signature on its way: its report, and the digests that its objects must have.
struct CheckedSignature {
    const VerifyTask* task = nullptr;
    SignatureReport report;
    std::vector<std::pair<Descriptor, Digest>> expected;
    std::optional<std::uint32_t> hash_tree;  ///< the root object that the signer vouches for, by its relative id

    void fail(Failure failure, std::string message, std::optional<std::uint32_t> culprit = std::nullopt) {
        report.failure = failure;
        report.message = std::move(message);
        report.culprit = culprit;
    }
    [[nodiscard]] bool good() const noexcept { return report.failure == Failure::none; }
};

/// The group's objects but for signatures, by id.
[[nodiscard]] std::vector<Descriptor> group_objects(const Image& image, std::uint32_t group);

/// The lowest id of these in the group, which relative ids count from.
[[nodiscard]] std::uint32_t lowest_id(const Image& image, std::uint32_t group);

/// The tasks; objects outside of the groups are problems where everything was asked for.
[[nodiscard]] Result<std::vector<VerifyTask>> verify_tasks(const Image& image, const VerifyRequest& request,
                                                           std::vector<Problem>& problems);

/// The signature objects that link to what the task is about.
[[nodiscard]] std::vector<Descriptor> signatures_of(const Image& image, const VerifyTask& task);

}  // namespace berth::sif
