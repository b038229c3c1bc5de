#include "sif/sign.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/base/io.hpp"
#include "sif/digest_objects.hpp"
#include "sif/metadata.hpp"
#include "sif/verify_tasks.hpp"

namespace berth::sif {
namespace {

/// An object to sign: one of the image's, or one that the same edit adds.
struct Subject {
    Descriptor descriptor;
    const NewObject* added = nullptr;
};
using Subjects = std::map<std::uint32_t, std::vector<Subject>>;  // by group

Error usage(const Image& image, const std::string& problem) {
    return Error{Category::usage, 0, image.name() + ": " + problem};
}

Status add_group(const Image& image, std::uint32_t group, Subjects& subjects) {
    for (const Descriptor& object : group_objects(image, group)) subjects[group].push_back({object, nullptr});
    if (!subjects.contains(group)) return usage(image, fmt::format("no objects in group {}", group));
    return {};
}

Status add_object(const Image& image, std::uint32_t id, Subjects& subjects) {
    BERTH_TRY(const Descriptor object, image.object(id));
    if (object.type == ObjectType::signature) return usage(image, fmt::format("object {} is itself a signature", id));
    const auto group = object.group_number();
    if (!group) return usage(image, fmt::format("object {} belongs to no group, so no signature can name it", id));
    subjects[*group].push_back({object, nullptr});
    return {};
}

Status add_everything(const Image& image, Subjects& subjects) {
    for (const Descriptor& object : image.descriptors()) {
        if (object.type == ObjectType::signature) continue;
        const auto group = object.group_number();
        if (!group)
            return usage(image,
                         fmt::format("object {} belongs to no group, so the image as a whole cannot be verified; "
                                     "name a group (--group-id) to sign",
                                     object.id));
        subjects[*group].push_back({object, nullptr});
    }
    return {};
}

Result<Subjects> subjects_of(const Image& image, const SignRequest& request) {
    Subjects subjects;
    if (!request.groups.empty() && !request.objects.empty())
        return usage(image, "either groups or objects are signed, not both at once");
    for (const std::uint32_t group : std::set(request.groups.begin(), request.groups.end()))
        BERTH_CHECK(add_group(image, group, subjects));
    for (const std::uint32_t id : std::set(request.objects.begin(), request.objects.end()))
        BERTH_CHECK(add_object(image, id, subjects));
    if (request.groups.empty() && request.objects.empty()) BERTH_CHECK(add_everything(image, subjects));
    return subjects;
}

/// The objects that the edit adds, as they will be; each belongs to a group that is signed wholly.
Status add_additional(const Editor& editor, const SignRequest& request, Subjects& subjects) {
    if (request.additional.empty()) return {};
    Changes changes;
    changes.append = request.additional;
    BERTH_TRY(const auto descriptors, editor.preview(changes, request.time));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        const auto group = descriptors[i].group_number();
        if (!group || !subjects.contains(*group) || !request.objects.empty())
            return usage(editor.image(), "an object is to be added outside of the groups that are signed");
        subjects[*group].push_back({descriptors[i], &request.additional[i]});
    }
    return {};
}

Result<Digest> digest_of_added(const NewObject& object, HashKind hash) {
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    if (object.fd < 0) {
        BERTH_CHECK(hasher.add(std::as_bytes(std::span(object.bytes))));
        return hasher.finish();
    }
    std::vector<std::byte> buffer(kDigestBuffer);
    for (std::uint64_t done = 0; done < object.fd_size;) {
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), object.fd_size - done));
        BERTH_CHECK(pread_exact(object.fd, part, done, "the object to add"));
        BERTH_CHECK(hasher.add(part));
        done += part.size();
    }
    return hasher.finish();
}

/// The digests of all subjects of the image, by id.
Result<std::map<std::uint32_t, Digest>> digests_of(const Image& image, const Subjects& subjects,
                                                   const SignRequest& request) {
    std::map<std::uint32_t, Digest> digests;
    std::vector<DigestJob> jobs;
    for (const auto& [group, members] : subjects)
        for (const Subject& subject : members) {
            if (subject.added == nullptr) {
                jobs.push_back({subject.descriptor, request.hash});
                continue;
            }
            BERTH_TRY(digests[subject.descriptor.id], digest_of_added(*subject.added, request.hash));
        }
    const auto computed = digest_objects(image, jobs, request.threads, request.stop);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (!computed[i]) return computed[i].error();
        digests[jobs[i].object.id] = *computed[i];
    }
    return digests;
}

/// The lowest id that the group will have: relative ids count from it.
std::uint32_t lowest(const Image& image, std::uint32_t group, const std::vector<Subject>& members) {
    std::uint32_t id = lowest_id(image, group);
    for (const Subject& subject : members) id = std::min(id, subject.descriptor.id);
    return id;
}

Result<NewObject> signature_of(const Image& image, std::uint32_t group, const std::vector<Subject>& members,
                               const std::map<std::uint32_t, Digest>& digests, const SignRequest& request,
                               const Signer& signer) {
    const HashKind hash = request.hash;
    SignedMetadata metadata;
    BERTH_TRY(metadata.header, header_digest(image.header(), hash));
    const std::uint32_t first = lowest(image, group, members);
    for (const Subject& subject : members) {
        ObjectMetadata object;
        object.relative_id = subject.descriptor.id - first;
        BERTH_TRY(object.descriptor, descriptor_digest(subject.descriptor, object.relative_id, hash));
        object.object = digests.at(subject.descriptor.id);
        metadata.objects.push_back(object);
        if (request.checked_root == subject.descriptor.id) metadata.hash_tree = object.relative_id;
    }
    BERTH_TRY(SignatureContent content, signer(encode(metadata)));
    NewObject signature;
    signature.type = ObjectType::signature;
    signature.extra = signature_extra_of(content);
    signature.bytes = std::move(content.bytes);
    signature.group = kNoGroup;
    signature.link = kGroupMask | group;
    return signature;
}

}  // namespace

std::array<std::byte, kExtraSize> signature_extra_of(const SignatureContent& content) {
    std::array<std::byte, kExtraSize> extra{};
    const auto hash = static_cast<std::uint32_t>(content.hash);
    for (std::size_t i = 0; i < 4; ++i) extra[i] = static_cast<std::byte>(hash >> (8 * i));
    for (std::size_t i = 0; i < content.fingerprint.size(); ++i) extra[4 + i] = std::byte{content.fingerprint[i]};
    return extra;
}

Result<std::vector<std::uint32_t>> sign(Editor& editor, const SignRequest& request, const Signer& signer) {
    const Image& image = editor.image();
    BERTH_TRY(Subjects subjects, subjects_of(image, request));
    BERTH_CHECK(add_additional(editor, request, subjects));
    if (subjects.empty()) return usage(image, "there is nothing to sign");
    BERTH_TRY(const auto digests, digests_of(image, subjects, request));
    Changes changes;
    changes.append = request.additional;
    changes.stop = request.stop;
    for (const auto& [group, members] : subjects) {
        BERTH_TRY(NewObject signature, signature_of(image, group, members, digests, request, signer));
        changes.append.push_back(std::move(signature));
    }
    BERTH_TRY(auto ids, editor.apply(changes, request.time));
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(request.additional.size()));
    return ids;
}

}  // namespace berth::sif
