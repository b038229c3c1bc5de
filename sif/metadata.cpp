#include "sif/metadata.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <set>

#include "runtime/base/checked.hpp"
#include "runtime/base/strict_json.hpp"
#include "runtime/base/text.hpp"
#include "sif/image.hpp"
#include "sif/openpgp_cleartext.hpp"

namespace berth::sif {
namespace {

using Json = nlohmann::json;

constexpr const char* kHashTreeMember = "berthHashTree";

/// The object's members, when it has exactly these.
Status check_members(const Json& value, std::initializer_list<const char*> names, const std::string& what) {
    if (!value.is_object()) return Error{Category::image, 0, what + ": expected a JSON object"};
    for (const char* name : names)
        if (!value.contains(name)) return Error{Category::image, 0, fmt::format("{}: \"{}\" is missing", what, name)};
    if (value.size() != names.size())
        return Error{Category::image, 0, what + ": has members that version 1 does not know"};
    return {};
}

Result<Digest> digest_member(const Json& value, const char* name, const std::string& what) {
    if (!value[name].is_string()) return Error{Category::image, 0, fmt::format("{}: {} is no text", what, name)};
    auto digest = parse_digest(value[name].get_ref<const std::string&>());
    if (!digest) return std::move(digest).error().within(what + ": " + name);
    return digest;
}

Result<std::uint32_t> id_member(const Json& value, const char* name, const std::string& what) {
    const Json& id = value[name];
    const auto number = id.is_number_unsigned() ? checked_cast<std::uint32_t>(id.get<std::uint64_t>()) : std::nullopt;
    if (!number) return Error{Category::image, 0, fmt::format("{}: {} is no object's number", what, name)};
    return *number;
}

Result<ObjectMetadata> parse_object(const Json& value, const std::string& what) {
    BERTH_CHECK(check_members(value, {"relativeId", "descriptorDigest", "objectDigest"}, what));
    ObjectMetadata object;
    BERTH_TRY(object.relative_id, id_member(value, "relativeId", what));
    BERTH_TRY(object.descriptor, digest_member(value, "descriptorDigest", what));
    BERTH_TRY(object.object, digest_member(value, "objectDigest", what));
    return object;
}

}  // namespace

Result<Digest> header_digest(const Header& header, HashKind hash) {
    const auto bytes = encode(header);
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    BERTH_CHECK(hasher.add(std::span(bytes).first(45)));        // launch line, magic, version
    BERTH_CHECK(hasher.add(std::span(bytes).subspan(48, 16)));  // UUID
    return hasher.finish();
}

Result<Digest> descriptor_digest(const Descriptor& descriptor, std::uint32_t relative_id, HashKind hash) {
    Descriptor covered = descriptor;
    covered.id = relative_id;
    const auto bytes = encode(covered);
    const auto part = [&bytes](std::size_t begin, std::size_t end) {
        return std::span(bytes).subspan(begin, end - begin);
    };
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    BERTH_CHECK(hasher.add(part(0, 9)));                 // type, used, id
    BERTH_CHECK(hasher.add(part(13, 17)));               // link
    BERTH_CHECK(hasher.add(part(25, 33)));               // size
    BERTH_CHECK(hasher.add(part(41, 49)));               // created
    BERTH_CHECK(hasher.add(part(57, kDescriptorSize)));  // uid, gid, name, extra
    return hasher.finish();
}

std::string encode(const SignedMetadata& metadata) {
    const auto write = [&metadata](const char* between) {
        std::string text =
            fmt::format(R"({{"version":1,"header":{{"digest":"{}"}},"objects":[)", digest_text(metadata.header));
        const char* separator = "";
        for (const ObjectMetadata& object : metadata.objects) {
            text += fmt::format(R"({}{{"relativeId":{},"descriptorDigest":"{}","objectDigest":"{}"}})", separator,
                                object.relative_id, digest_text(object.descriptor), digest_text(object.object));
            separator = between;
        }
        text += ']';
        if (metadata.hash_tree) text += fmt::format(R"(,"{}":{})", kHashTreeMember, *metadata.hash_tree);
        return text + '}';
    };
    const std::string text = write(",");
    return text.size() <= kMaxCleartextLine ? text : write(",\n");
}

Result<SignedMetadata> parse_metadata(std::string_view text, const std::string& what) {
    if (text.size() > kMaxMetadataSize)
        return Error{Category::image, EFBIG,
                     fmt::format("{}: {} bytes, at most {} are read", what, text.size(), kMaxMetadataSize)};
    BERTH_TRY(const Json value, parse_strict_json(text, what, Category::image));
    if (value.is_object() && value.contains("version") && value["version"] != Json(1))
        return Error{Category::unsupported, 0, what + ": its version is not 1, the only one this program knows"};
    SignedMetadata metadata;
    if (value.is_object() && value.contains(kHashTreeMember)) {
        BERTH_CHECK(check_members(value, {"version", "header", "objects", kHashTreeMember}, what));
        BERTH_TRY(metadata.hash_tree, id_member(value, kHashTreeMember, what));
    } else {
        BERTH_CHECK(check_members(value, {"version", "header", "objects"}, what));
    }
    BERTH_CHECK(check_members(value["header"], {"digest"}, what + ": header"));
    BERTH_TRY(metadata.header, digest_member(value["header"], "digest", what + ": header"));
    const Json& objects = value["objects"];
    if (!objects.is_array() || objects.empty() || objects.size() > kMaxDescriptors)
        return Error{Category::image, 0, fmt::format("{}: expected 1 to {} objects", what, kMaxDescriptors)};
    std::set<std::uint32_t> seen;
    for (const Json& object : objects) {
        BERTH_TRY(ObjectMetadata parsed, parse_object(object, what));
        if (!seen.insert(parsed.relative_id).second)
            return Error{Category::image, 0, fmt::format("{}: relative id {} appears twice", what, parsed.relative_id)};
        metadata.objects.push_back(parsed);
    }
    return metadata;
}

}  // namespace berth::sif
