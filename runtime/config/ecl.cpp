#include "runtime/config/ecl.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "runtime/base/text.hpp"
#include "runtime/config/toml.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kShown = 96;
constexpr std::array<EclMode, 3> kModes = {EclMode::whitelist, EclMode::whitestrict, EclMode::blacklist};
constexpr bool kTop = false;
constexpr bool kGroup = true;
constexpr auto kKeys = std::to_array<EclKey>({
    {"activated", kTop, "true or false", "Whether the list is in effect. Must stand at the top of the file when there are groups."},
    {"legacyinsecure", kTop, "false", "Whether signatures of the legacy form count. They let no image run: true is refused."},
    {"execgroup", kTop, "a list of groups", "A group, a folder with the keys for it, begins with a line [[execgroup]]."},
    {"tagname", kGroup, "a text", "The group's name in messages."},
    {"mode", kGroup, "whitelist, whitestrict or blacklist",
     "whitelist: one of the keys has signed the image. whitestrict: each of them has. blacklist: none of them has, and another key "
     "that the site knows has."},
    {"dirpath", kGroup, "an absolute path without '..'",
     "The folder in which the image itself lies. Left out or empty: every folder that no other group names. Symbolic links in it are "
     "resolved where every part is root's."},
    {"recursive", kGroup, "true or false", "The folders beneath dirpath, too; the deepest group that holds decides. Not set: false."},
    {"keyfp", kGroup, "a list of fingerprints in quotes",
     "The primary keys, each with 40 or 64 hex digits; blanks, lower case and 0x are allowed."},
    {"options", kGroup, "a list of options in quotes",
     "The only runtime options that may be given with images that this group lets run. Not set: any."},
});

std::vector<std::string_view> names_of(bool in_group) {
    std::vector<std::string_view> names;
    for (const EclKey& key : kKeys)
        if (key.in_group == in_group) names.push_back(key.name);
    return names;
}

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

bool is_digit(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/// A fingerprint as gpg prints it, with or without blanks or "0x", in either case.
std::optional<std::string> fingerprint(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c == ' ' || c == '\t') continue;
        digits += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    if (digits.starts_with("0X")) digits.erase(0, 2);
    if ((digits.size() != 40 && digits.size() != 64) || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
    return digits;
}

/// Why this names no folder, as the end of a sentence that begins with "dirpath".
std::optional<std::string> invalid_folder(const std::string& path) {
    const std::string shown = "'" + printable(path, kShown) + "'";
    if (std::ranges::any_of(path, is_control)) return " " + shown + " holds a control character";
    if (!path.starts_with('/')) return " " + shown + " is relative; name the folder from the root on";
    if (std::ranges::count(split(path, '/'), "..") > 0) return " " + shown + " holds '..'; name the folder itself";
    if (normal_path(path) != path)
        return " " + shown + " is not normal; write '" + printable(normal_path(path), kShown) + "'";
    return std::nullopt;
}

/// Fills a reading from the tables of one file.
class Interpreter {
public:
    Interpreter(const std::string& file, EclReading& reading) : file_(file), reading_(reading) {}

    void read(const toml::table& top) {
        refuse_unknown(top, kTop, "");
        if (const toml::node* node = top.get("activated"))
            reading_.ecl.activated = {boolean(*node, "activated"), origin(*node)};
        if (const toml::node* node = top.get("legacyinsecure"); node != nullptr && boolean(*node, "legacyinsecure"))
            problem(*node,
                    "legacyinsecure = true: legacy signatures let no image run; sign the images again (berth sign), "
                    "and write legacyinsecure = false");
        const toml::node* groups = top.get("execgroup");
        if (groups == nullptr) return;
        read_groups(*groups);
        if (!top.contains("activated"))
            problem(*groups,
                    "execgroup without activated: write activated = true or activated = false at the top of the file");
    }

private:
    static unsigned line_of(const toml::source_region& region) { return static_cast<unsigned>(region.begin.line); }
    Origin origin(const toml::node& node) const { return {file_, line_of(node.source())}; }
    void problem(const toml::node& node, std::string message) {
        reading_.problems.push_back({origin(node), std::move(message)});
    }

    void refuse_unknown(const toml::table& table, bool in_group, const std::string& where) {
        const auto known = names_of(in_group);
        for (const auto& [key, node] : table) {
            const std::string_view name = key.str();
            if (std::ranges::count(known, name) > 0) continue;
            std::string message = "unknown key '" + printable(name, kShown) + "'" + where;
            if (const auto nearest = name.size() < kShown ? closest(name, known) : std::nullopt)
                message += "; did you mean '" + *nearest + "'?";
            reading_.problems.push_back({{file_, line_of(key.source())}, std::move(message)});
        }
    }

    bool boolean(const toml::node& node, const std::string& name) {
        if (const auto* value = node.as_boolean()) return value->get();
        problem(node, name + " must be true or false");
        return false;
    }

    std::string text(const toml::table& table, const std::string& name) {
        const toml::node* node = table.get(name);
        if (node == nullptr) return {};
        if (const auto* value = node->as_string()) return value->get();
        problem(*node, name + " must be a text, in quotes");
        return {};
    }

    void read_groups(const toml::node& node) {
        const toml::array* groups = node.as_array();
        if (groups == nullptr) return problem(node, "execgroup is a list: write [[execgroup]] before each group");
        for (const toml::node& group : *groups) {
            if (const toml::table* table = group.as_table())
                read_group(*table);
            else
                problem(group, "execgroup is a list of groups: write [[execgroup]] before each of them");
        }
    }

    void read_group(const toml::table& table) {
        refuse_unknown(table, kGroup, " in a group");
        EclGroup group;
        group.origin = origin(table);
        group.tag = text(table, "tagname");
        read_mode(table, group);
        if (const toml::node* node = table.get("recursive")) group.recursive = boolean(*node, "recursive");
        read_folder(table, group);
        read_keys(table, group);
        read_options(table, group);
        reading_.ecl.groups.push_back(std::move(group));
    }

    void read_mode(const toml::table& table, EclGroup& group) {
        const toml::node* node = table.get("mode");
        if (node == nullptr) return problem(table, "the group has no mode; write whitelist, whitestrict or blacklist");
        const std::string word = text(table, "mode");
        const auto found =
            std::ranges::find(kModes, word, [](EclMode mode) { return std::string_view(to_string(mode)); });
        if (found != kModes.end())
            group.mode = *found;
        else if (node->is_string())
            problem(*node,
                    "mode '" + printable(word, kShown) + "' is unknown; write whitelist, whitestrict or blacklist");
    }

    void read_folder(const toml::table& table, EclGroup& group) {
        group.folder = text(table, "dirpath");
        const toml::node& place = table.contains("dirpath") ? *table.get("dirpath") : table;
        if (group.folder.empty()) {
            if (group.recursive)
                problem(place, "recursive = true needs a dirpath: a group without one holds for every folder already");
        } else if (const auto reason = invalid_folder(group.folder)) {
            problem(place, "dirpath" + *reason);
        }
        const auto [earlier, is_first] = folders_.try_emplace(group.folder, group.origin.line);
        if (!is_first)
            problem(place, (group.folder.empty() ? "a group without a dirpath"
                                                 : "dirpath '" + printable(group.folder, kShown) + "'") +
                               " stands in the group on line " + std::to_string(earlier->second) +
                               " already; make one group of the two");
    }

    void read_keys(const toml::table& table, EclGroup& group) {
        const toml::node* node = table.get("keyfp");
        const toml::array* keys = node == nullptr ? nullptr : node->as_array();
        if (node != nullptr && keys == nullptr)
            return problem(*node, "keyfp must be a list of fingerprints: keyfp = [\"…\"]");
        if (keys != nullptr)
            for (const toml::node& key : *keys) read_key(key, group);
        if (reading_.ecl.activated.value && (keys == nullptr || keys->empty()))
            problem(node == nullptr ? table : *node,
                    "the group has no keyfp; name the fingerprints of its keys (berth key list)");
    }

    void read_key(const toml::node& node, EclGroup& group) {
        const auto* value = node.as_string();
        if (value == nullptr) return problem(node, "keyfp must hold fingerprints in quotes");
        if (auto digits = fingerprint(value->get()))
            group.keys.push_back(std::move(*digits));
        else
            problem(node, "keyfp '" + printable(value->get(), kShown) +
                              "' is no fingerprint: those have 40 or 64 hex digits");
    }

    void read_options(const toml::table& table, EclGroup& group) {
        const toml::node* node = table.get("options");
        if (node == nullptr) return;
        group.options.emplace();
        const toml::array* names = node->as_array();
        if (names == nullptr) return problem(*node, "options must be a list of names: options = [\"bind\"]");
        for (const toml::node& name : *names) {
            const auto* value = name.as_string();
            if (value == nullptr || value->get().empty())
                problem(name, "options must hold names of options, in quotes");
            else
                group.options->push_back(value->get());
        }
    }

    const std::string& file_;
    EclReading& reading_;
    std::map<std::string, unsigned> folders_;  ///< and the lines of their groups
};

}  // namespace

const char* to_string(EclMode mode) noexcept {
    switch (mode) {
        case EclMode::whitelist: return "whitelist";
        case EclMode::whitestrict: return "whitestrict";
        case EclMode::blacklist: return "blacklist";
    }
    return "?";
}

std::span<const EclKey> ecl_keys() noexcept {
    return kKeys;
}

EclReading read_ecl(std::string_view text, const std::string& file) {
    EclReading reading;
    auto parsed = parse_toml(text, file);
    if (auto* const problem = std::get_if<Problem>(&parsed)) {
        reading.problems.push_back(std::move(*problem));
        return reading;
    }
    Interpreter(file, reading).read(std::get<toml::table>(parsed));
    sort_and_cut(reading.problems, file);
    return reading;
}

Result<Ecl> parse_ecl(std::string_view text, const std::string& file) {
    EclReading reading = read_ecl(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.ecl);
}

}  // namespace berth::config
