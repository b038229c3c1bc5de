#include "runtime/policy/ecl_decision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "runtime/base/text.hpp"

namespace berth {
namespace {

using config::Ecl;
using config::EclGroup;
using config::EclMode;

constexpr std::size_t kShown = 200;

std::string rule_text(const Ecl& ecl) {
    return ecl.activated.origin.to_string() + ": activated = true";
}

std::string rule_text(const EclGroup& group) {
    return group.origin.to_string() + ": [[execgroup]]" + (group.tag.empty() ? "" : " " + printable(group.tag, 64));
}

EclVerdict refused(std::string rule, std::string why) {
    return {false, std::move(rule), std::move(why), nullptr};
}

/// With every link resolved where this node could: a folder that is not there holds no image.
const std::string& folder_of(const EclGroup& group, const SiteNames& names) {
    const auto found = names.paths.find(group.folder);
    return found == names.paths.end() ? group.folder : found->second;
}

bool holds_for(const EclGroup& group, const std::string& group_folder, const std::string& image_folder) {
    if (group_folder.empty()) return true;
    return group.recursive ? is_beneath(image_folder, group_folder) : image_folder == group_folder;
}

/// The groups with the longest folder of those that hold for this one. Two are a mistake of the site's: their dirpaths
/// lead to the same place.
std::vector<const EclGroup*> closest_groups(const Ecl& ecl, const SiteNames& names, const std::string& image_folder) {
    std::vector<const EclGroup*> found;
    std::size_t longest = 0;
    for (const EclGroup& group : ecl.groups) {
        const std::string& folder = folder_of(group, names);
        if (!holds_for(group, folder, image_folder) || (!found.empty() && folder.size() < longest)) continue;
        if (folder.size() > longest) found.clear();
        longest = folder.size();
        found.push_back(&group);
    }
    return found;
}

std::string folders_of(const Ecl& ecl) {
    std::string text;
    for (const EclGroup& group : ecl.groups)
        text += (text.empty() ? "" : ", ") + group.folder + (group.recursive ? " (and beneath)" : "");
    return text.empty() ? "there is no folder for them" : "they belong into " + printable(text, kShown);
}

/// Both sides of a comparison: whatever a list spells, it must not be passed by another spelling.
bool is_same_key(std::string_view a, std::string_view b) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    return std::ranges::equal(a, b, {}, upper, upper);
}

const ImageSigner* signer_with(const SignatureInfo& signature, const std::string& key) {
    const auto found = std::ranges::find_if(signature.signers,
                                            [&](const ImageSigner& signer) { return is_same_key(signer.key, key); });
    return found == signature.signers.end() ? nullptr : &*found;
}

std::string shown(const ImageSigner& signer) {
    return printable(signer.key) + (signer.name.empty() ? "" : " (" + printable(signer.name) + ")");
}

std::string shown(const std::vector<std::string>& keys) {
    std::string text;
    for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
    return printable(text, kShown);
}

EclVerdict judge_whitelist(const EclGroup& group, const SignatureInfo& signature, const std::string& path) {
    for (const std::string& key : group.keys)
        if (const ImageSigner* signer = signer_with(signature, key))
            return {true, rule_text(group), "on the whitelist: " + shown(*signer), &group};
    return refused(
        rule_text(group),
        fmt::format("{}: none of its signers may release images for this folder: have it signed with one of {}", path,
                    shown(group.keys)));
}

EclVerdict judge_whitestrict(const EclGroup& group, const SignatureInfo& signature, const std::string& path) {
    std::vector<std::string> missing;
    std::ranges::copy_if(group.keys, std::back_inserter(missing),
                         [&](const std::string& key) { return signer_with(signature, key) == nullptr; });
    if (!missing.empty())
        return refused(
            rule_text(group),
            fmt::format("{}: images in this folder need the signature of every key of the group: have it signed "
                        "with {}, too",
                        path, shown(missing)));
    return {true, rule_text(group),
            fmt::format("signed with each of {} keys of the strict whitelist", group.keys.size()), &group};
}

EclVerdict judge_blacklist(const EclGroup& group, const SignatureInfo& signature, const std::string& path) {
    for (const std::string& key : group.keys)
        if (const ImageSigner* signer = signer_with(signature, key))
            return refused(rule_text(group),
                           fmt::format("{}: signed by {}, whose images this site does not run from this folder", path,
                                       shown(*signer)));
    return {true, rule_text(group), "no signer is on the blacklist", &group};
}

EclVerdict judge_group(const EclGroup& group, const ImageInfo& image, const std::string& path) {
    if (!image.signature) return refused(rule_text(group), path + ": its signatures were not checked");
    const SignatureInfo& signature = *image.signature;
    if (!signature.problem.empty()) return refused(rule_text(group), signature.problem);
    if (signature.signers.empty() || group.keys.empty())
        return refused(rule_text(group), path + ": there is no key to judge it by");
    switch (group.mode) {
        case EclMode::whitelist: return judge_whitelist(group, signature, path);
        case EclMode::whitestrict: return judge_whitestrict(group, signature, path);
        case EclMode::blacklist: return judge_blacklist(group, signature, path);
    }
    return refused(rule_text(group), path + ": the group has no mode");
}

/// The group that decides, or the refusal that holds whoever has signed.
struct Place {
    const EclGroup* group = nullptr;
    EclVerdict refusal;
};

Place place_of(const Ecl& ecl, const SiteNames& names, const ImageInfo& image, const std::string& path) {
    const auto nowhere = [](std::string rule, std::string why) {
        return Place{nullptr, refused(std::move(rule), std::move(why))};
    };
    if (image.kind != ImageKind::sif)
        return nowhere(rule_text(ecl), path +
                                           ": only SIF images carry signatures, and this site runs signed ones alone: "
                                           "`berth build` makes a SIF image, `berth sign` signs it");
    // A path that does not begin at the root belongs to no folder that the site could have named.
    if (!image.path.starts_with('/'))
        return nowhere(rule_text(ecl), path + ": the image lies in no folder of this node's");
    const auto slash = image.path.rfind('/');
    const std::string folder = slash == 0 ? "/" : image.path.substr(0, slash);
    const auto groups = closest_groups(ecl, names, folder);
    if (groups.empty())
        return nowhere(rule_text(ecl), fmt::format("{}: this site runs no images from {}; {}", path, printable(folder),
                                                   folders_of(ecl)));
    if (groups.size() > 1)
        return nowhere(
            rule_text(*groups[1]),
            fmt::format("{}: two groups name its folder, this one and that of {}: the site must make one of them", path,
                        rule_text(*groups[0])));
    return {groups[0], {}};
}

}  // namespace

std::optional<EclVerdict> judge_ecl(const Ecl& ecl, const SiteNames& names, const ImageInfo& image) {
    if (!ecl.activated.value) return std::nullopt;
    const std::string path = printable(image.path);
    Place place = place_of(ecl, names, image, path);
    return place.group == nullptr ? std::move(place.refusal) : judge_group(*place.group, image, path);
}

bool refuses_whoever_signed(const Ecl& ecl, const SiteNames& names, const ImageInfo& image) {
    return ecl.activated.value && place_of(ecl, names, image, image.path).group == nullptr;
}

}  // namespace berth
