#include "tools/sif_json.hpp"

#include <nlohmann/json.hpp>

#include "sif/names.hpp"

namespace berth::tools {
namespace {

using Json = nlohmann::ordered_json;

template <typename Kind>
Json kind_json(Kind kind) {
    return {{"name", sif::name_of(kind)}, {"code", static_cast<std::int32_t>(kind)}};
}

Json link_json(const sif::Descriptor& d) {
    if (const auto group = d.linked_group()) return {{"group", *group}};
    if (const auto object = d.linked_object()) return {{"object", *object}};
    return nullptr;
}

void add_extra_json(Json& object, const sif::Descriptor& d) {
    if (const auto p = sif::partition_extra(d))
        object["partition"] = {{"file_system", kind_json(p->file_system)},
                               {"kind", kind_json(p->kind)},
                               {"architecture", sif::architecture_name(p->architecture)}};
    if (const auto s = sif::signature_extra(d))
        object["signature"] = {{"hash", kind_json(s->hash)},
                               {"fingerprint", s->has_fingerprint() ? Json(sif::hex_text(s->fingerprint)) : Json()}};
    if (const auto m = sif::message_extra(d))
        object["message"] = {{"format", kind_json(m->format)}, {"kind", kind_json(m->kind)}};
    if (const auto s = sif::sbom_extra(d)) object["sbom"] = {{"format", kind_json(s->format)}};
    if (const auto digest = sif::oci_digest(d)) object["oci"] = {{"digest", *digest}};
}

Json object_value(const sif::Descriptor& d) {
    const auto group = d.group_number();
    Json object{{"id", d.id},
                {"type", kind_json(d.type)},
                {"group", group ? Json(*group) : Json()},
                {"link", link_json(d)},
                {"offset", d.offset},
                {"size", d.size},
                {"size_with_padding", d.size_with_padding},
                {"created", d.created},
                {"modified", d.modified},
                {"uid", d.uid},
                {"gid", d.gid},
                {"name", d.name()}};
    add_extra_json(object, d);
    return object;
}

Json header_value(const sif::Image& image) {
    const sif::Header& h = image.header();
    return {{"launch", sif::launch_text(h)},
            {"version", std::string(h.version.data(), 2)},
            {"architecture", sif::architecture_name(h.architecture)},
            {"id", sif::uuid_text(h.uuid)},
            {"created", h.created},
            {"modified", h.modified},
            {"descriptors",
             {{"free", h.descriptors_free},
              {"total", h.descriptors_total},
              {"offset", h.descriptors_offset},
              {"size", h.descriptors_size}}},
            {"data", {{"offset", h.data_offset}, {"size", h.data_size}}}};
}

std::string document(const Json& json) {
    // Names are anyone's bytes: what is not UTF-8 becomes U+FFFD instead of an exception.
    return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string header_json(const sif::Image& image) {
    return document(header_value(image));
}

std::string list_json(const sif::Image& image) {
    Json objects = Json::array();
    for (const sif::Descriptor& object : image.descriptors()) objects.push_back(object_value(object));
    return document({{"objects", std::move(objects)}});
}

std::string object_json(const sif::Descriptor& object) {
    return document(object_value(object));
}

}  // namespace berth::tools
