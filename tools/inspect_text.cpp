#include "tools/inspect_text.hpp"

#include <nlohmann/json.hpp>

namespace berth::tools {
namespace {

using Json = nlohmann::ordered_json;

/// The texts of one image or app, by their names in the JSON, in the order of printing.
std::vector<std::pair<const char*, const std::string*>> texts_of(const Metadata& metadata, const Sections& sections) {
    std::vector<std::pair<const char*, const std::string*>> texts;
    const auto add = [&texts](bool wanted, const char* name, const std::optional<std::string>& text) {
        if (wanted && text) texts.emplace_back(name, &*text);
    };
    add(sections.help, "helpfile", metadata.help);
    add(sections.definition, "deffile", metadata.definition);
    add(sections.runscript, "runscript", metadata.runscript);
    add(sections.startscript, "startscript", metadata.startscript);
    add(sections.test, "test", metadata.test);
    return texts;
}

Json attributes_of(const Metadata& metadata, const Sections& sections) {
    Json attributes = Json::object();
    if (sections.labels && !metadata.labels.empty()) attributes["labels"] = metadata.labels;
    for (const auto& [name, text] : texts_of(metadata, sections)) attributes[name] = *text;
    if (sections.environment && !metadata.environment.empty()) attributes["environment"] = metadata.environment;
    return attributes;
}

std::string with_newline(const std::string& text) {
    return text.ends_with('\n') ? text : text + '\n';
}

}  // namespace

std::string inspect_text(const Metadata& metadata, const Sections& sections) {
    std::string out;
    if (sections.labels)
        for (const auto& [key, value] : metadata.labels) out += key + ": " + value + "\n";
    for (const auto& [name, text] : texts_of(metadata, sections)) out += with_newline(*text);
    if (sections.environment)
        for (const auto& [path, text] : metadata.environment)
            out += "=== " + path + " ===\n" + with_newline(text) + "\n";
    return out;
}

std::string inspect_json(const Metadata& metadata, const Sections& sections,
                         const std::map<std::string, Metadata>& apps) {
    Json attributes = attributes_of(metadata, sections);
    for (const auto& [name, app] : apps) attributes["apps"][name] = attributes_of(app, sections);
    const Json document{{"data", {{"attributes", std::move(attributes)}}}, {"type", "container"}};
    // The image's bytes are anyone's: what is not UTF-8 becomes U+FFFD instead of an exception.
    return document.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace berth::tools
