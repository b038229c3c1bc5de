#include "sif/lazy_root.hpp"

#include <fmt/format.h>

#include <cstring>

#include "runtime/base/checked.hpp"
#include "runtime/base/strict_json.hpp"
#include "sif/digest.hpp"

namespace berth::sif {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kHash = "sha256";
constexpr std::array kMembers{"version", "partition", "tree", "hash", "block", "root"};

std::string hex_of(const Sha256& bytes) {
    std::string hex;
    for (const std::byte byte : bytes) hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return hex;
}

Status check_members(const Json& value, const std::string& what) {
    for (const char* name : kMembers)
        if (!value.contains(name)) return Error{Category::image, 0, fmt::format("{}: \"{}\" is missing", what, name)};
    if (value.size() != kMembers.size())
        return Error{Category::image, 0, what + ": has members that version 1 does not know"};
    return {};
}

Result<std::uint32_t> number(const Json& value, const char* name, const std::string& what) {
    const Json& member = value[name];
    const auto found =
        member.is_number_unsigned() ? checked_cast<std::uint32_t>(member.get<std::uint64_t>()) : std::nullopt;
    if (!found) return Error{Category::image, 0, fmt::format("{}: {} is no whole number below 2^32", what, name)};
    return *found;
}

Result<std::string> text_of(const Json& value, const char* name, const std::string& what) {
    if (!value[name].is_string()) return Error{Category::image, 0, fmt::format("{}: {} is no text", what, name)};
    return value[name].get<std::string>();
}

Result<Sha256> digest_member(const Json& value, const std::string& what) {
    BERTH_TRY(const std::string hex, text_of(value, "root", what));
    auto parsed = parse_digest(fmt::format("{}:{}", kHash, hex));
    if (!parsed) return std::move(parsed).error().within(what + ": root");
    Sha256 digest;
    std::memcpy(digest.data(), parsed->bytes.data(), digest.size());
    return digest;
}

}  // namespace

std::string encode(const LazyRoot& root) {
    return fmt::format(R"({{"version":1,"partition":{},"tree":{},"hash":"{}","block":{},"root":"{}"}})", root.partition,
                       root.tree, kHash, kHashBlock, hex_of(root.digest));
}

Result<LazyRoot> parse_lazy_root(std::string_view text, const std::string& what) {
    if (text.size() > kMaxLazyRootSize)
        return Error{Category::image, EFBIG,
                     fmt::format("{}: {} bytes, at most {} are read", what, text.size(), kMaxLazyRootSize)};
    BERTH_TRY(const Json value, parse_strict_json(text, what, Category::image));
    if (!value.is_object()) return Error{Category::image, 0, what + ": expected a JSON object"};
    // First, and alone: what else another version has is not known.
    if (value.contains("version")) {
        BERTH_TRY(const std::uint32_t version, number(value, "version", what));
        if (version != 1)
            return Error{Category::unsupported, 0, what + ": its version is not 1, the only one this program knows"};
    }
    BERTH_CHECK(check_members(value, what));
    BERTH_TRY(const std::string hash, text_of(value, "hash", what));
    if (hash != kHash) return Error{Category::image, 0, fmt::format("{}: hash must be {}", what, kHash)};
    BERTH_TRY(const std::uint32_t block, number(value, "block", what));
    if (block != kHashBlock) return Error{Category::image, 0, fmt::format("{}: block must be {}", what, kHashBlock)};
    LazyRoot root;
    BERTH_TRY(root.partition, number(value, "partition", what));
    BERTH_TRY(root.tree, number(value, "tree", what));
    BERTH_TRY(root.digest, digest_member(value, what));
    return root;
}

}  // namespace berth::sif
